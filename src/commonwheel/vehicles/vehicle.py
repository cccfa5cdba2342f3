"""A compiled vehicle: what the tables and the tools need of a description, ready to use."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.yamltree import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from commonwheel.vehicles.model import Bus, Message, Request, SignalInfo, Sold, TextInfo, Writer
    from commonwheel.wire.tables import Tables

__all__ = ["Vehicle"]


@dataclass(frozen=True, eq=False)
class Vehicle:
    """One car line, compiled. Immutable; decoders and encoders are made from it."""

    name: str
    """maker/car, with ':variant' where there is one."""
    sold_as: tuple[Sold, ...]
    powertrain: str
    buses: tuple[Bus, ...]
    messages: tuple[Message, ...]
    signals: tuple[SignalInfo, ...]
    """The signal table: sample number *i* belongs to ``signals[i]``."""
    attributes: Mapping[str, str | float | bool | list[str | float]]
    """Fixed facts by standard path."""
    requests: tuple[Request, ...]
    writers: Mapping[str, tuple[Writer, ...]]
    """How a path is put on the wire; a path without an entry is computed from others."""
    texts: tuple[TextInfo, ...]
    tables: Tables
    repairs: tuple[str, ...] = ()
    """Repairs that the databases needed."""

    def __repr__(self) -> str:
        return f"<Vehicle {self.name}: {len(self.signals)} signals, {len(self.buses)} buses>"

    @property
    def title(self) -> str:
        """Brand and model, as sold."""
        return " / ".join(f"{sold.brand} {sold.model}" for sold in self.sold_as)

    @functools.cached_property
    def numbers(self) -> Mapping[str, int]:
        """Path to number in the signal table."""
        return {signal.path: i for i, signal in enumerate(self.signals)}

    @functools.cached_property
    def provided(self) -> frozenset[str]:
        """Every standard path that this car can give a value for."""
        return frozenset(self.numbers) | frozenset(self.attributes)

    def bus_index(self, name: str) -> int:
        """Return the index of a bus.

        Raises:
            DescriptionError: the car has no such bus.
        """
        names = [bus.name for bus in self.buses]
        if name not in names:
            message = f"it has no bus '{name}'{suggest(name, names)}; its buses are {', '.join(names)}"
            raise DescriptionError([Fault(Path(self.name), 0, message)])
        return names.index(name)

    def select(self, patterns: Iterable[str] | None = None, *, with_personal: bool = False) -> npt.NDArray[np.int32]:
        """Return the numbers of the signals that any of the patterns selects; None means all.

        Personal signals are left out unless they are asked for.
        """
        tests = None if patterns is None else [compile_pattern(pattern) for pattern in patterns]
        numbers = [
            i
            for i, signal in enumerate(self.signals)
            if (with_personal or not signal.personal) and (tests is None or any(test(signal.path) for test in tests))
        ]
        return np.array(numbers, np.int32)

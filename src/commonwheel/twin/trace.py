"""What a drive was like, without any frames: the standard's true values over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.twin.twin import Twin

__all__ = ["Trace", "run"]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The values of a drive at *n* instants."""

    t_ns: npt.NDArray[np.int64]
    """Since the beginning, shape (n,)."""
    paths: Sequence[str]
    """p standard signals."""
    values: npt.NDArray[np.float64]
    """In the standard's units, shape (n, p); enumerations as codes, NaN where there is no value."""

    def of(self, path: str) -> npt.NDArray[np.float64]:
        """Return the values of one signal, shape (n,).

        Raises:
            KeyError: the car does not put it on its wire.
        """
        if path not in self.paths:
            raise KeyError(path)
        return self.values[:, self.paths.index(path)]


def run(twin: Twin, every_ns: int, until_ns: int | None = None) -> Trace:
    """Drive to the end (or to a time) and note the true values so often, the beginning included.

    Faults are not in them: they are of what the car says, not of how it is.
    """
    end = twin.length_ns if until_ns is None else until_ns
    times, rows = [twin.t_ns], [list(twin.values)]
    while times[-1] < end:
        twin.advance(min(times[-1] + every_ns, end))
        times.append(twin.t_ns)
        rows.append(list(twin.values))
    return Trace(np.array(times, np.int64), twin.paths, np.array(rows))

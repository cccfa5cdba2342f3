"""The safety rules of the opendbc package as an independent judge of frames: what its relay would let pass.

Its headers are compiled with ``shim.c`` into the test's own folder and called in place. They keep their state in the
library, so one ``Oracle`` is asked at a time: to begin another is to begin anew.
"""

from __future__ import annotations

import ctypes
import enum
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["REFERENCES", "Mode", "Oracle", "Reference", "build", "missing"]

_SHIM = Path(__file__).with_name("shim.c")
_SECOND_NS = 1_000_000_000
_CLASSIC = 8


class Mode(enum.IntEnum):
    """Which set of rules; numbers of opendbc's declarations.h."""

    HONDA_NIDEC = 1
    NISSAN = 14
    HONDA_BOSCH = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """How a car of ours is asked about."""

    mode: Mode
    param: int
    buses: Mapping[str, int]
    """Our bus to theirs; what is on others they do not see."""
    beyond: tuple[tuple[int, int, int, int], ...] = ()
    """What the cut-off controllers send on their side of the harness: bus (theirs), id, size, period in ms."""
    passes: Mapping[int, int] = field(default_factory=dict[int, int])
    """What ours lets through the harness and theirs replaces: id to the bus (theirs) on whose side its sender is."""


_DISPLAY = {0x33D: 2}
"""The camera's picture of the lane in the instrument cluster."""
_PROPILOT = {0x2B1: 2, 0x4CC: 2, 0x280: 0}
"""The assistance unit's pictures and texts; and what the car tells it of the driver's belt."""

REFERENCES = {
    "honda/civic_touring_2016": Reference(Mode.HONDA_NIDEC, 0, {"fcan": 0}, ((2, 0x1FA, 8, 20),), _DISPLAY),
    # Flag 2: the radar is disabled, acceleration is commanded.
    "honda/civic_gen10_bosch": Reference(Mode.HONDA_BOSCH, 2, {"fcan": 1}, (), _DISPLAY),
    "nissan/leaf_ze1": Reference(Mode.NISSAN, 0, {"car": 0, "adas": 2}, (), _PROPILOT),
    "nissan/x_trail_2017": Reference(Mode.NISSAN, 0, {"car": 0, "cam": 1, "adas": 2}, (), _PROPILOT),
}
"""By the car's name without its variant."""


def missing() -> str:
    """Return why there can be no oracle here; '' if there can."""
    if importlib.util.find_spec("opendbc") is None:
        return "the package opendbc is not installed"
    return "" if _compiler() else "there is no C compiler on PATH: none of cc, gcc, clang"


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def build(folder: Path) -> Path:
    """Compile the rules into a library in a folder and return its path.

    Raises:
        RuntimeError: they do not compile; holds what the compiler said.
    """
    spec, compiler = importlib.util.find_spec("opendbc"), _compiler()
    if spec is None or not spec.submodule_search_locations or compiler is None:
        raise RuntimeError(missing())
    library = folder / "opendbc_rules.so"
    include = Path(next(iter(spec.submodule_search_locations))).parent
    command = [compiler, "-shared", "-fPIC", "-O0", "-std=gnu11", "-DALLOW_DEBUG", f"-I{include}", str(_SHIM)]
    run = subprocess.run([*command, "-o", str(library)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return library


class Oracle:
    """The rules for one car, from the moment they are put in force."""

    def __init__(self, library: Path, reference: Reference) -> None:
        """Begin at time 0, with controls not allowed."""
        self._rules = ctypes.CDLL(str(library))
        for name in ("oracle_rx", "oracle_tx", "oracle_blocks", "oracle_allows_controls", "oracle_sees_stock"):
            getattr(self._rules, name).restype = ctypes.c_bool
        self._reference = reference
        self._seconds = 0
        self._beyond_ns = [0 for _ in reference.beyond]
        self._beyond_count = 0
        if self._rules.oracle_begin(ctypes.c_uint16(reference.mode), ctypes.c_uint16(reference.param)):
            message = f"opendbc has no safety rules {reference.mode.name}"
            raise RuntimeError(message)

    @property
    def allows(self) -> bool:
        """Whether they allow controls now."""
        return self._rules.oracle_allows_controls()

    @allows.setter
    def allows(self, allowed: bool) -> None:
        self._rules.oracle_allow_controls(ctypes.c_bool(allowed))

    @property
    def sees_stock(self) -> bool:
        """Whether they have seen a controller that the harness cuts off."""
        return self._rules.oracle_sees_stock()

    def tick(self, t_ns: int) -> None:
        """Go on to a time since the beginning; what is beyond the harness goes on too."""
        for due_ns, bus, can_id, payload in self._due(t_ns):
            self._rules.oracle_time(ctypes.c_uint32(due_ns // 1000 & 0xFFFFFFFF))
            self._rules.oracle_rx(bus, can_id, payload, len(payload))
        while self._seconds < t_ns // _SECOND_NS:
            self._seconds += 1
            self._rules.oracle_time(ctypes.c_uint32(self._seconds * 1_000_000 & 0xFFFFFFFF))
            self._rules.oracle_beat()
        self._rules.oracle_time(ctypes.c_uint32(t_ns // 1000 & 0xFFFFFFFF))

    def _due(self, t_ns: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Return the idle frames of cut-off controllers up to a time, with Honda's counter and checksum."""
        for index, (bus, can_id, size, period_ms) in enumerate(self._reference.beyond):
            while self._beyond_ns[index] <= t_ns:
                counter = self._beyond_count % 4
                nibbles = sum(int(digit, 16) for digit in f"{can_id:x}") + counter
                yield self._beyond_ns[index], bus, can_id, bytes(size - 1) + bytes([counter << 4 | (8 - nibbles) & 15])
                self._beyond_count += 1
                self._beyond_ns[index] += period_ms * 1_000_000

    def rx(self, bus: str, can_id: int, payload: bytes) -> bool:
        """Show them a frame that the car sends on a bus of ours; returns whether it is sound, as far as they check."""
        number = self._reference.passes.get(can_id, self._reference.buses.get(bus))
        if number is None or len(payload) > _CLASSIC:
            return True
        return self._rules.oracle_rx(number, can_id & 0x1FFFFFFF, payload, len(payload))

    def tx(self, bus: str, can_id: int, payload: bytes) -> bool:
        """Ask them whether a frame may leave on a bus of ours; one that may counts as sent."""
        number = self._reference.buses.get(bus)
        if number is None or len(payload) > _CLASSIC:
            return False
        return self._rules.oracle_tx(number, can_id & 0x1FFFFFFF, payload, len(payload))

    def blocks(self, bus: int, can_id: int) -> bool:
        """Whether a frame that comes on one of their buses is kept from the other side of the harness."""
        return self._rules.oracle_blocks(bus, can_id)

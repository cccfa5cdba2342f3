"""The file of a fault campaign: one line of JSON per probe, added as they are known, read again to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from commonwheel.errors import OutputError
from commonwheel.proving.campaign import Probe, campaign, grid
from commonwheel.proving.proof import setup_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from commonwheel.proving.proof import Trial

__all__ = ["Part", "Results", "campaign_tasks", "probe_part"]

_FIRST_S = 8.0
"""The axes have been engaged by then."""
_LAST_S = 5.0
"""So long before the drive's end nothing is tried any more: what comes of it has to be seen."""

Key = tuple[str, str, float, str, str, str]


class Results:
    """What a campaign has found so far, in a file."""

    def __init__(self, path: Path) -> None:
        """Read what is there already; a last line that was cut off is dropped.

        Raises:
            OutputError: the file is no campaign's, or cannot be read.
        """
        self._path = path
        self.probes: list[Probe] = []
        try:
            text = path.read_bytes() if path.exists() else b""
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror or error}"
            raise OutputError(message) from error
        whole, _, _ = text.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                self.probes.append(msgspec.json.decode(line, type=Probe))
            except msgspec.DecodeError as error:
                message = f"{path}:{number}: no result of a campaign ({error}); name another file"
                raise OutputError(message) from error
        self._good = len(whole) + 1 if whole else 0

    @property
    def done(self) -> frozenset[Key]:
        """Keys of what is known."""
        return frozenset(one.key for one in self.probes)

    def add(self, probes: Sequence[Probe]) -> None:
        """Take in what was found.

        Raises:
            OutputError: it cannot be written.
        """
        data = b"".join(msgspec.json.encode(one) + b"\n" for one in probes)
        try:
            with self._path.open("r+b" if self._path.exists() else "w+b") as file:
                file.seek(self._good)
                file.write(data)
                file.truncate()
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror or error}"
            raise OutputError(message) from error
        self._good += len(data)
        self.probes.extend(probes)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a campaign: one drive, and some of its times."""

    car: str
    trial: Trial
    times: tuple[float, ...]
    seed: int
    done: frozenset[Key]


def campaign_tasks(
    cars: Iterable[str], trials: Sequence[Trial], *, every_s: float, seed: int, done: frozenset[Key]
) -> list[Part]:
    """Return a campaign in parts that can be worked on at once, one for each time of each drive.

    Each drives up to its time anew, which is little beside what is tried there; so little is lost when a campaign is
    broken off. What a car cannot drive is left out.

    Raises:
        CommonwheelError: a car or scenario does not exist, or has faults.
    """
    parts: list[Part] = []
    for car in cars:
        for trial in trials:
            setup, _ = setup_of(car, trial, seed=seed)
            if setup is None:
                continue
            times = grid(_FIRST_S, setup.scenario.length_s - _LAST_S, every_s)
            here = frozenset(key for key in done if key[:2] == (setup.vehicle.name, setup.scenario.name))
            parts += [Part(car, trial, (t_s,), seed, here) for t_s in times]
    return parts


def probe_part(part: Part) -> list[Probe]:
    """Work on a part of a campaign.

    Raises:
        CommonwheelError: the car cannot be driven so.
    """
    setup, _ = setup_of(part.car, part.trial, seed=part.seed)
    return [] if setup is None else list(campaign(setup, part.times, part.done))

"""What a car's camera, radar and map see, on its way to the apps, with interventions that spoil it.

The twin brings it up to date every 50 ms; each time, all of it is said anew, as the live car's provider does.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from commonwheel.proving.intervention import INPUT_KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.proving.intervention import Intervention

__all__ = ["Sight"]


class Sight:
    """The way of what is seen to the apps."""

    def __init__(self, interventions: Iterable[Intervention] = (), seed: int = 0) -> None:
        self._chance = random.Random(f"sight/{seed}")  # noqa: S311 - no secret
        self._what: list[Intervention] = []
        self._kept: dict[int, dict[str, float | None]] = {}
        """What was seen when an intervention began, by its number and path."""
        self._late: deque[tuple[int, dict[str, float | None]]] = deque()
        for intervention in interventions:
            self.add(intervention)

    def add(self, intervention: Intervention) -> None:
        """Have something that is seen spoiled; what is no kind of that does nothing."""
        if intervention.kind in INPUT_KINDS:
            self._what.append(intervention)

    def apply(self, t_ns: int, seen: Mapping[str, float | None] | None) -> Mapping[str, float | None]:
        """Return what is said at a time.

        Args:
            t_ns: now; call in order of time.
            seen: all that is seen, where it was brought up to date just now; else None.
        """
        said: dict[str, float | None] = {}
        while self._late and self._late[0][0] <= t_ns:
            said |= self._late.popleft()[1]
        if seen is None:
            return said
        if not self._what:
            return seen
        fresh = dict(seen)
        for number, what in enumerate(self._what):
            if what.holds(t_ns):
                self._spoil(number, what, fresh, t_ns)
        return said | fresh

    def _spoil(self, number: int, what: Intervention, fresh: dict[str, float | None], t_ns: int) -> None:
        paths = [path for path in fresh if path == what.of or path.startswith(f"{what.of}.")]
        if what.kind is Kind.LOST:
            for path in paths:
                del fresh[path]
        elif what.kind is Kind.DELAYED:
            late = {path: fresh.pop(path) for path in paths}
            if late:
                self._late.append((t_ns + round(what.amount * 1e9), late))
        elif what.kind is Kind.CORRUPTED:
            for path in paths:
                value = fresh[path]
                fresh[path] = None if value is None else value + self._chance.gauss(0.0, 10.0 + abs(value))
        else:
            kept = self._kept.setdefault(number, {path: fresh[path] for path in paths})
            fresh.update(kept)

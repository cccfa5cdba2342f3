"""Whose request counts: every wish is looked at once, the valid ones compete, and one of each adapter's wins.

Rules: a request ends when its time is over, when it is withdrawn, or when a newer one of the same source and path takes
its place. The higher priority wins. At the same one: where less is safer (speed and acceleration), the one that asks
for least; elsewhere the source that was there first. What is refused is refused with the rule that it breaks.

No source is in another's way: each has room for as many wishes as there are things to ask for, one that asks already is
never kept out by those that come, and when there are too many, one of a higher priority takes the place of the lowest.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.control.refusal import LONGEST_NAME, Terms, as_number, fault
from commonwheel.control.request import Phase, Progress, Request
from commonwheel.guard import Outcome, Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["MOST_PATHS", "MOST_SOURCES", "Arbiter", "Life", "Terms"]

MOST_SOURCES = 64
"""Sources that may ask at the same time; more are refused until others fall silent, or have a lower priority."""
_MOST_COMING = 2 * MOST_SOURCES
"""Sources that are looked at in one cycle though they did not ask before."""
MOST_PATHS = 16
"""Paths of each source that are looked at in one cycle; of each only the newest request."""
_MOST_KEPT = 16
"""Of each source: more in one cycle that are passed over are only counted."""


@dataclass(slots=True)
class _Passed:
    """Requests of one source that were passed over in one cycle."""

    kept: list[Request] = field(default_factory=list[Request])
    more: int = 0
    last: Request | None = None


@dataclass(slots=True, eq=False)
class Life:
    """A request that is being followed."""

    request: Request
    phase: Phase
    since: int
    """Order of arrival of its source; a renewal keeps it."""
    group: str


class Arbiter:
    """Holds the requests of one car."""

    def __init__(self, terms: Mapping[str, Terms], least: Callable[[str, float], float]) -> None:
        """Prepare.

        Args:
            terms: what can be asked for, by standard path.
            least: what a path and value come to, to be compared with others of the group where the least wins.
        """
        self._terms, self._least = terms, least
        self._waiting: dict[tuple[str, str], Request] = {}
        self._coming: dict[str, int] = {}
        """Of each source, how many paths wait."""
        self._passed: dict[str, _Passed] = {}
        self._lives: dict[tuple[str, str], Life] = {}
        self._asking: dict[str, int] = {}
        """Of each source, how many requests live."""
        self._order = itertools.count()
        self._progress: list[Progress] = []
        self._said: list[Verdict] = []
        self.refused = 0
        """Requests refused so far, those of a flood among them."""

    def ask(self, request: Request) -> None:
        """Take in a wish, to be looked at in the next cycle; costs the same however many there are."""
        key = (str(request.source)[:LONGEST_NAME], str(request.path)[:LONGEST_NAME])
        before = self._waiting.get(key)
        if before is not None:
            self._waiting[key] = request
        elif self._has_room(key[0]):
            self._waiting[key] = request
            self._coming[key[0]] = self._coming.get(key[0], 0) + 1
        if before is not None or key not in self._waiting:
            self._pass_over(key[0], before, request)

    def _has_room(self, source: str) -> bool:
        """Whether one more path of a source can wait, whatever others ask."""
        coming = self._coming.get(source)
        if coming is not None:
            return coming < MOST_PATHS
        return source in self._asking or len(self._coming) < _MOST_COMING

    def _pass_over(self, source: str, before: Request | None, request: Request) -> None:
        """Keep in mind what is not looked at: the first few that a newer one replaces as they are, all by their number.

        Args:
            source: whose it is.
            before: for which *request* came in the same cycle; None where *request* itself has no room.
            request: the newer one.
        """
        passed = self._passed.get(source)
        if passed is None:
            if len(self._passed) >= MOST_SOURCES:
                self.refused += 1
                return
            passed = self._passed[source] = _Passed()
        if before is not None and len(passed.kept) < _MOST_KEPT:
            passed.kept.append(before)
        else:
            passed.more += 1
            passed.last = before or request

    def withdraw(self, t_ns: int, source: str, path: str | None) -> None:
        """End what a source asks for."""
        for key in [key for key in self._waiting if key[0] == source and path in {None, key[1]}]:
            request = self._waiting.pop(key)
            self._coming[source] -= 1
            self._progress.append(Progress(t_ns, request, Phase.ENDED, request.value, "withdrawn"))
        for key in [key for key in self._lives if key[0] == source and path in {None, key[1]}]:
            self._end(t_ns, key, "withdrawn")

    def release(self, t_ns: int, groups: Iterable[str], why: str) -> None:
        """End every request of these groups: the car was released. A new one is a new wish."""
        those = set(groups)
        for key in [key for key, life in self._lives.items() if life.group in those]:
            self._end(t_ns, key, why)

    def tick(self, t_ns: int) -> dict[str, Life]:
        """Look at what has come in, let go what is over; returns whose request counts, by group."""
        for request in self._take():
            self._consider(t_ns, request)
        self._passed_over(t_ns)
        over = [key for key, life in self._lives.items() if t_ns > life.request.t_ns + life.request.valid_ns]
        for key in over:
            self._end(t_ns, key, "not renewed in time")
        winners: dict[str, Life] = {}
        for life in self._lives.values():
            best = winners.get(life.group)
            if best is None or self._beats(life, best):
                winners[life.group] = life
        self._tell(t_ns, winners)
        return winners

    def drain(self) -> tuple[list[Progress], list[Verdict]]:
        """Return what has become of requests since the last call, and each refusal as a verdict."""
        taken = self._progress, self._said
        self._progress, self._said = [], []
        return taken

    def note(self, t_ns: int, life: Life, phase: Phase, value: float, why: str = "") -> None:
        """Take a request to a phase."""
        life.phase = phase
        self._progress.append(Progress(t_ns, life.request, phase, value, why))

    def _take(self) -> list[Request]:
        waiting, self._waiting, self._coming = self._waiting, {}, {}
        return list(waiting.values())

    def _passed_over(self, t_ns: int) -> None:
        """Say of each source what was not looked at: a few were renewed at once, many are a flood."""
        for source, passed in self._passed.items():
            for request in passed.kept:
                value = as_number(request.value)
                self._progress.append(Progress(t_ns, request, Phase.ENDED, value, "a newer one came in the same cycle"))
            if passed.last is not None:
                self.refused += passed.more
                why = f"{passed.more} more requests of '{source}' in one cycle were too many, and were passed over"
                value = as_number(passed.last.value)
                self._progress.append(Progress(t_ns, passed.last, Phase.REFUSED, value, why))
                self._said.append(Verdict(t_ns, "requests", Outcome.REFUSED, Rule.STALE_REQUEST, text=why))
        self._passed = {}

    def _consider(self, t_ns: int, request: Request) -> None:
        rule, why = self._fault(t_ns, request)
        if rule is not Rule.NONE:
            self.refused += 1
            value = as_number(request.value)
            self._progress.append(Progress(t_ns, request, Phase.REFUSED, value, f"{rule.value}: {why}"))
            subject = str(request.path)[:LONGEST_NAME]
            self._said.append(Verdict(t_ns, subject, Outcome.REFUSED, rule, value, text=f"'{request.source}': {why}"))
            return
        key = (request.source, request.path)
        before = self._lives.get(key)
        group = self._terms[request.path].group
        since = before.since if before is not None else next(self._order)
        if before is not None:
            self._renewed(t_ns, before)
            if request.value == before.request.value:  # the same wish, for longer: it is as far as it was
                before.request = request
                self.note(t_ns, before, before.phase, request.value, "renewed")
                return
        else:
            self._asking[request.source] = self._asking.get(request.source, 0) + 1
        life = Life(request, Phase.REQUESTED, since, group)
        self._lives[key] = life
        self.note(t_ns, life, Phase.REQUESTED, request.value)

    def _renewed(self, t_ns: int, life: Life) -> None:
        if life.phase not in _SETTLED:
            request = life.request
            self._progress.append(Progress(t_ns, request, Phase.ENDED, request.value, "renewed"))

    def _fault(self, t_ns: int, request: Request) -> tuple[Rule, str]:
        """Return which rule a request breaks, by itself or among the others, and how."""
        rule, why = fault(self._terms, t_ns, request)
        if rule is not Rule.NONE:
            return rule, why
        before = self._lives.get((request.source, request.path))
        if before is not None and request.t_ns < before.request.t_ns:
            return Rule.STALE_REQUEST, "a later one of the same source has come before it"
        if (
            request.source not in self._asking
            and len(self._asking) >= MOST_SOURCES
            and not self._make_room(t_ns, request)
        ):
            return Rule.STATE, f"{MOST_SOURCES} sources ask already, none with a lower priority"
        return Rule.NONE, ""

    def _make_room(self, t_ns: int, request: Request) -> bool:
        """Let the source go that asks with the least priority, the last that came of these, if it is less than this."""
        places: dict[str, tuple[int, int]] = {}
        for (source, _), life in self._lives.items():
            place = life.request.priority, -life.since
            places[source] = max(places.get(source, place), place)
        least = min(places, key=lambda source: places[source])
        if places[least][0] >= request.priority:
            return False
        why = f"'{request.source}' takes its place with priority {request.priority}: {MOST_SOURCES} sources ask already"
        for key in [key for key in self._lives if key[0] == least]:
            self._end(t_ns, key, why)
        return True

    def _beats(self, one: Life, other: Life) -> bool:
        if one.request.priority != other.request.priority:
            return one.request.priority > other.request.priority
        if self._terms[one.request.path].least_wins:
            mine, theirs = (self._least(life.request.path, life.request.value) for life in (one, other))
            if mine != theirs:
                return mine < theirs
        return one.since < other.since

    def _tell(self, t_ns: int, winners: Mapping[str, Life]) -> None:
        """Tell each request whether it counts, once."""
        for life in self._lives.values():
            winner = winners[life.group]
            if life is winner:
                if life.phase in {Phase.REQUESTED, Phase.OUTVOTED}:
                    self.note(t_ns, life, Phase.ARBITRATED, life.request.value)
            elif life.phase is not Phase.OUTVOTED:
                other = winner.request
                why = f"'{other.source}' asks for {other.value:g} of {other.path} with priority {other.priority}"
                self.note(t_ns, life, Phase.OUTVOTED, life.request.value, why)

    def _end(self, t_ns: int, key: tuple[str, str], why: str) -> None:
        life = self._lives.pop(key)
        self._asking[key[0]] -= 1
        if not self._asking[key[0]]:
            del self._asking[key[0]]
        self.note(t_ns, life, Phase.ENDED, life.request.value, why)


_SETTLED = frozenset({Phase.CONFIRMED, Phase.TIMED_OUT})

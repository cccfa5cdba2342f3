"""What an app did, held against what was expected of it: every difference, with the line that expected otherwise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from commonwheel.apps.expectations import Detail, EventMatch, Expected
    from commonwheel.apps.matching import Match
    from commonwheel.apps.replay import Recorded
    from commonwheel.apps.status import AppEvent

__all__ = ["Problem", "problems_of"]

_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One difference."""

    line: int
    """Of the test file."""
    what: str
    """What is about: ``output distance``."""
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}"


def problems_of(expected: Expected, recorded: Recorded) -> list[Problem]:
    """Return every difference; none when all is as expected."""
    return list(_problems(expected, recorded))


def _problems(expected: Expected, recorded: Recorded) -> Iterator[Problem]:
    times = Counter(failure.place for failure in recorded.failures)
    first = {failure.place: failure for failure in reversed(recorded.failures)}
    for place, count in times.items():
        more = f"; {count:,} times in all" if count > 1 else ""
        when = _when(recorded, first[place].t_ns)
        yield Problem(expected.line, when, "no function to raise", f"{first[place]}{more}")
    for name, match in expected.outputs.items():
        yield from _value(match, f"output {name} at the end", recorded.value(name), recorded.units.get(name, ""))
    for seconds, outputs in expected.at:
        then = _outputs_at(recorded, recorded.start_ns + round(seconds * 1e9))
        for name, match in outputs.items():
            yield from _value(match, f"output {name} at {seconds:g} s", then.get(name), recorded.units.get(name, ""))
    if expected.events is not None:
        yield from _events(expected.events, expected.line, recorded)
    yield from _logs(expected, recorded)
    yield from _acts("published", expected.published, recorded.published)
    yield from _acts("requested", expected.requested, recorded.requested)
    for name, match in expected.figures.items():
        yield from _value(match, f"figure {name}", recorded.figures.get(name))


def _logs(expected: Expected, recorded: Recorded) -> Iterator[Problem]:
    for line, text in expected.logs:
        if not any(text in one.text for one in recorded.logs):
            said = "; ".join(one.text for one in recorded.logs[-3:]) or "nothing"
            yield Problem(line, "log", f"a line with '{text}'", _short(f"{len(recorded.logs)} lines: … {said}"))


def _acts(what: str, matches: Mapping[str, Match], values: Iterable[tuple[int, str, object]]) -> Iterator[Problem]:
    """Yield what is wrong with the last values that signals were given, or actuators asked to reach."""
    last = {path: value for _, path, value in values}
    for path, match in matches.items():
        if path not in last:
            yield Problem(match.line, f"{what} {path}", match.words, f"never {what}")
        else:
            yield from _value(match, f"{what} {path}, last", last[path])


def _when(recorded: Recorded, t_ns: int) -> str:
    return f"at {(t_ns - recorded.start_ns) / 1e9:.3f} s"


def _value(match: Match, what: str, value: object, unit: str = "") -> Iterator[Problem]:
    if not match.fits(value):
        behind = f" {unit}" if unit else ""
        yield Problem(
            match.line, what, f"{match.words}{behind}", f"{_shown(value)}{behind if value is not None else ''}"
        )


def _shown(value: object) -> str:
    if value is None:
        return "no value"
    if isinstance(value, float):
        return f"{value:.9g}"
    return _short(f"'{value}'" if isinstance(value, str) else str(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _outputs_at(recorded: Recorded, t_ns: int) -> dict[str, object]:
    """Return the outputs as they were at a time."""
    then: dict[str, object] = {}
    for shown_ns, name, value in recorded.shown:
        if shown_ns > t_ns:
            break
        then[name] = value
    return then


def _events(expected: Mapping[str, EventMatch], line: int, recorded: Recorded) -> Iterator[Problem]:
    by_name: dict[str, list[AppEvent]] = {}
    for event in recorded.events:
        by_name.setdefault(event.name, []).append(event)
    for name, match in expected.items():
        events = by_name.pop(name, [])
        if match.count is not None and not match.count.fits(len(events)):
            yield Problem(match.line, f"event {name}", f"{match.count.words} times", _times(recorded, events))
        for detail, chosen in ((match.first, events[:1]), (match.last, events[-1:]), (match.each, events)):
            if detail is not None:
                if not events and match.each is not detail:
                    yield Problem(detail.line, f"event {name}", "it to happen", "it never did")
                for event in chosen:
                    yield from _details(detail, event, recorded)
    for name, events in by_name.items():
        yield Problem(line, f"event {name}", "none", _times(recorded, events))


def _times(recorded: Recorded, events: list[AppEvent]) -> str:
    times = ", ".join(f"{(event.t_ns - recorded.start_ns) / 1e9:.3f} s" for event in events[:5])
    more = ", …" if len(events) > 5 else ""  # noqa: PLR2004 - enough to find them
    return f"{len(events)} (at {times}{more})" if events else "none"


def _details(detail: Detail, event: AppEvent, recorded: Recorded) -> Iterator[Problem]:
    seconds = (event.t_ns - recorded.start_ns) / 1e9
    what = f"event {event.name} at {seconds:.3f} s"
    if detail.seconds is not None and not detail.seconds.fits(seconds):
        yield Problem(detail.seconds.line, f"{what}, its time", f"{detail.seconds.words} s", f"{seconds:.3f} s")
    for name, match in detail.data.items():
        if name not in event.data:
            has = ", ".join(event.data) or "none"
            yield Problem(match.line, f"{what}, its {name}", match.words, f"no such data (it has {has})")
        else:
            yield from _value(match, f"{what}, its {name}", event.data[name])

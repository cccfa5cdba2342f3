"""Times as VISS writes them: timestamps in UTC with a trailing Z, and durations (ISO 8601)."""

from __future__ import annotations

import re
import time

from commonwheel.broker.viss.faults import Fault, VissError

__all__ = ["parse_duration", "stamp"]

_NS = 1_000_000_000
_DURATION = re.compile(
    r"P(?!$)(?:([0-9]{1,3})D)?(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,9}))?S)?)?"
)
_last: tuple[int, str] = (0, "1970-01-01T00:00:00")
"""The second that was written last, and how: most times of a batch are of the same second."""


def stamp(t_ns: int) -> str:
    """Return nanoseconds UTC as ``2026-01-31T12:00:00.123456Z``, to the microsecond."""
    global _last  # noqa: PLW0603 - one tuple, replaced as a whole: threads can do no harm
    seconds, rest = divmod(t_ns, _NS)
    known = _last
    if known[0] != seconds:
        known = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
        _last = known
    return f"{known[1]}.{rest // 1000:06d}Z"


def parse_duration(text: object) -> int:
    """Return the nanoseconds of a duration of days, hours, minutes and seconds, such as ``P2DT12H``.

    Raises:
        VissError: BAD_DURATION; it is none, or has years, months or weeks, which the specification leaves out.
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        message = f"{text!r:.40} is not a duration of days, hours, minutes and seconds such as 'P2DT12H' or 'PT10M'"
        raise VissError(Fault.BAD_DURATION, message)
    days, hours, minutes, seconds, fraction = (group or "0" for group in found.groups())
    whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * _NS + int(fraction.ljust(9, "0"))

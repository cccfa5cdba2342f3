"""Samples: a columnar batch of standard values, each with a time and a quality."""

from __future__ import annotations

import enum

__all__ = ["Quality"]


class Quality(enum.IntEnum):
    """How far a sample can be trusted; a larger code is worse, so the worst of several is their max."""

    GOOD = 0
    """Received in time, intact, and a value."""
    STALE = 1
    """No frame within the message's timeout; the value is the last one received."""
    INVALID = 2
    """The sender's own 'no value' code, or out of range."""
    CORRUPT = 3
    """Checksum or counter wrong."""
    MISSING = 4
    """This car cannot give it."""

"""Values of options that several verbs take."""

from __future__ import annotations

import argparse

__all__ = ["length_of_time"]

_LONGEST_S = 1e7
"""A third of a year."""


def length_of_time(text: str) -> float:
    """Read a number of seconds that something lasts, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is none, not above 0, or without end.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number <= _LONGEST_S:
        message = f"a number of seconds above 0 and up to 1e7 is needed, not '{text:.40}'"
        raise argparse.ArgumentTypeError(message)
    return number

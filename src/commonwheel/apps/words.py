"""What a process prints: lines for its log, and the places in its program that it tells of when it is made to."""

from __future__ import annotations

import re

__all__ = ["Words"]

_LONGEST_LINE = 4000
_KEPT = 1 << 16
"""Characters that are kept to look for places in."""
_FRAME = re.compile(r'^ *File "([^"\n]+)", line (\d+) in (\S+)', re.MULTILINE)
_DUMP = "(most recent call first):"


class Words:
    """Takes in bytes, gives out whole lines, and remembers the last of them."""

    def __init__(self) -> None:
        self._open = b""
        """The line that has not ended."""
        self._text = ""

    def add(self, data: bytes) -> list[str]:
        """Take bytes in; returns the lines that are whole now, the empty ones left out."""
        *whole, self._open = (self._open + data).split(b"\n")
        if len(self._open) > _LONGEST_LINE:
            whole.append(self._open)
            self._open = b""
        lines = [_readable(line) for line in whole]
        self._text = (self._text + "".join(f"{line}\n" for line in lines))[-_KEPT:]
        return [line for line in lines if line.strip()]

    def end(self) -> list[str]:
        """Return the line that has not ended, at the end."""
        return self.add(b"\n") if self._open else []

    @property
    def last(self) -> str:
        """The last line that says something; '' where there is none."""
        return next((line for line in reversed(self._text.splitlines()) if line.strip()), "")

    def place_in(self, file: str) -> str:
        """Return the innermost place in a file that was told of last: ``trip.py:41 in speed()``; '' where none was."""
        _, _, told = self._text.rpartition(_DUMP)
        before = self._text[: -len(told)] if told else ""
        for text in (told, before):  # the last thread that was told of need not be the one in the app
            for found, line, name in _FRAME.findall(text):
                if found == file:
                    return f"{file}:{line} in {name}()"
        return ""


def _readable(line: bytes) -> str:
    """Return a line as text in which nothing can move a terminal's cursor."""
    text = line.decode("utf-8", "backslashreplace")[:_LONGEST_LINE].rstrip("\r")
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)

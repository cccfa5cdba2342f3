"""A file that appears whole: written as ``<name>.part``, renamed at its end, so that nobody takes half for all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["PartFile"]


class PartFile:
    """One file under way. End it with ``finish`` or ``abandon``; errors are the system's own (OSError)."""

    def __init__(self, path: Path) -> None:
        """Begin to write *path*, which is not there yet."""
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self.file: BinaryIO = self.part.open("xb")
        """Where to write."""

    def sync(self) -> None:
        """Hand what was written to the disk: it outlives a loss of power from here on."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def finish(self) -> None:
        """Give the file its name; it is whole, and stays so."""
        try:
            self.sync()
        finally:
            self.file.close()
        if self.path.exists():
            raise FileExistsError(17, "is there already", str(self.path))
        self.part.rename(self.path)
        with contextlib.suppress(OSError):  # not every system can open a folder; the file itself is safe
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def abandon(self) -> None:
        """Leave what there is as ``.part``, for who wants to look at it; raises nothing."""
        with contextlib.suppress(OSError):
            self.file.close()

"""A lock between processes: held by one at a time, and given back by the system when its process ends, however.

The file that it is held on says by which process; a file that a killed process left behind holds nobody up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

from commonwheel.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Lock"]

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
"""What systems say when another holds it."""
_FAR = 1 << 30
"""Windows locks bytes and lets nobody read them: one that is not there is locked, and the number can be read."""
_TRIES = 10

if sys.platform == "win32":
    import msvcrt

    def _grab(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _grab(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A lock on a file beside what it protects."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is held yet."""
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Hold it from now on.

        Raises:
            OutputError: another holds it (says which process), or the file cannot be made.
        """
        for _ in range(_TRIES):
            file = self._open()
            try:
                _grab(file)
            except OSError as error:
                os.close(file)
                raise self._refused(error) from error
            if self._is_mine(file):
                break
            os.close(file)  # its last holder took the file away between our two steps
        else:
            message = f"{self._path}: is taken away again and again; see what else uses this folder"
            raise OutputError(message)
        os.truncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Give it back, where it is held."""
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):  # Windows keeps a file that is open; it holds nobody up
            self._path.unlink()
        os.close(file)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise self._refused(error) from error

    def _is_mine(self, file: int) -> bool:
        """Whether the locked file is still the one at its place."""
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except OSError:
            return False

    def _refused(self, error: OSError) -> OutputError:
        if error.errno not in _HELD or not self._path.exists():
            return OutputError(f"{self._path}: cannot be locked ({error.strerror or error})")
        try:
            holder = self._path.read_text("ascii").strip()
        except (OSError, ValueError):
            holder = ""
        return OutputError(f"{self._path.parent} is in use by {f'process {holder}' if holder else 'another process'}")

"""Where a log's bytes come from: a file, unpacked on the way when its first bytes say it is compressed.

Memory stays bounded whatever the file claims. A compressed stream that is cut short or damaged gives what
could be unpacked, and ``damage`` says what happened.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

from commonwheel.errors import LogError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Source"]

HEAD_BYTES = 256 * 1024
"""How much of a log is looked at to recognise it."""
_PIECE_BYTES = 4096
"""Compressed bytes unpacked at a time: few, as a hostile file may grow by a factor of thousands."""
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class _Decompressor(Protocol):
    """What the four libraries have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _decompressor(compression: str) -> _Decompressor:
    if compression == "gzip":
        return zlib.decompressobj(wbits=31)
    if compression == "xz":
        return lzma.LZMADecompressor()
    if compression == "bzip2":
        return bz2.BZ2Decompressor()
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _faults() -> tuple[type[Exception], ...]:
    import zstandard

    return zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError


class Source:
    """The bytes of one file, unpacked; ``head`` looks ahead, ``readinto`` takes."""

    def __init__(self, path: Path) -> None:
        """Open *path*.

        Raises:
            LogError: there is no such file, or it cannot be read, or it is empty.
        """
        self.path = path
        self.damage: str | None = None
        self._pending = memoryview(b"")
        self._decoder: codecs.IncrementalDecoder | None = None
        self._unpack: _Decompressor | None = None
        try:
            self._file = path.open("rb")
            self.size = path.stat().st_size
            magic = self._file.read(6)
            self._file.seek(0)
        except OSError as error:
            raise LogError(_why(path, error)) from error
        self.compression = next((name for start, name in _MAGIC.items() if magic.startswith(start)), None)
        if self.compression:
            self._unpack = _decompressor(self.compression)
        try:
            self._skip_mark()
        except LogError:
            self.close()
            raise

    @property
    def position(self) -> int:
        """Bytes of the file taken so far, compressed as they are."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def head(self) -> bytes:
        """Return the first bytes without taking them; the whole log when it is small."""
        if len(self._pending) < HEAD_BYTES:
            parts = [bytes(self._pending)]
            while sum(map(len, parts)) < HEAD_BYTES and (more := self._next()):
                parts.append(more)
            self._pending = memoryview(b"".join(parts))
        return bytes(self._pending[:HEAD_BYTES])

    def readinto(self, view: memoryview) -> int:
        """Fill *view* as far as the log goes; 0 at its end."""
        if not self._pending and self._unpack is None and self._decoder is None:
            return self._read_file(view)
        done = 0
        while done < len(view):
            if not self._pending:
                self._pending = memoryview(self._next())
                if not self._pending:
                    break
            n = min(len(view) - done, len(self._pending))
            view[done : done + n] = self._pending[:n]
            self._pending = self._pending[n:]
            done += n
        return done

    def _read_file(self, view: memoryview) -> int:
        try:
            return self._file.readinto(view)
        except OSError as error:
            self.damage = f"the file cannot be read behind byte {self.position}: {error.strerror}"
            return 0

    def _next(self) -> bytes:
        """Return further bytes of the log, b"" at its end."""
        raw = self._next_raw()
        if self._decoder is None:
            return raw
        while True:  # until there is a whole character, or no more
            text = self._decoder.decode(raw, final=False)
            if text or not raw:
                return text.encode("latin-1", "replace")
            raw = self._next_raw()

    def _next_raw(self) -> bytes:
        if self._unpack is None:
            buffer = bytearray(64 * 1024)
            return bytes(buffer[: self._read_file(memoryview(buffer))])
        while self.damage is None:
            place = self.position
            try:
                piece = self._unpack.unused_data if self._unpack.eof else self._file.read(_PIECE_BYTES)
                if self._unpack.eof:
                    piece = piece or self._file.read(_PIECE_BYTES)
                    if not piece.strip(b"\0"):  # padding, or the end
                        return b""
                    self._unpack = _decompressor(str(self.compression))
                elif not piece:
                    self.damage = f"the {self.compression} stream ends early, after {place} bytes"
                    break
                if out := self._unpack.decompress(piece):
                    return out
            except _faults() as error:
                self.damage = f"the {self.compression} stream is damaged near byte {place}: {error}"
        return b""

    def _skip_mark(self) -> None:
        """Pass over a byte order mark; text in UTF-16, as some tools on Windows write it, becomes ASCII."""
        if self.size == 0:
            message = f"{self.path}: the file is empty; check how it was recorded or copied"
            raise LogError(message)
        head = self.head()
        if head.startswith(_UTF8_MARK):
            self._pending = self._pending[len(_UTF8_MARK) :]
        elif head.startswith(_UTF16_MARKS):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
            text = self._decoder.decode(bytes(self._pending))
            self._pending = memoryview(text.encode("latin-1", "replace"))
        elif not head:
            why = self.damage or f"nothing is in the {self.compression} stream"
            message = f"{self.path}: the log is empty: {why}; check how it was recorded or copied"
            raise LogError(message)


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: there is no such file"
    if isinstance(error, PermissionError):
        return f"{path}: may not be read; check the file's permissions"
    return f"{path}: cannot be read ({error.strerror})"

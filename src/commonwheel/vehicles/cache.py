"""Compiled vehicles on disk, under the content of everything they were compiled from.

An entry lists the files that were read with their SHA-256; it serves only as long as all of them, and the
compiler, are the same. It begins with the digest of its own content, since the kernels trust the tables in it.
A cache that cannot be read or written is as good as none.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from commonwheel.vehicles.model import Bus, Message, Request, SignalInfo, Sold, TextInfo, Writer
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire import layouts
from commonwheel.wire.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["folder", "load", "save"]

SCHEMA = 3
"""Counts up whenever what is stored changes its shape."""
DIGEST_BYTES = 32
COMPILER = ("vehicles", "catalog", "wire", "wire/database")
"""The rooms whose modules make a vehicle of a description."""

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "standard": np.dtype(np.int16),
    "keys": np.dtype(np.uint64),
    "keyed": np.dtype(np.int32),
    "messages": layouts.MESSAGE,
    "signals": layouts.SIGNAL,
    "conditions": layouts.CONDITION,
    "ranges": layouts.RANGE,
    "values": np.dtype(np.float64),
    "checks": layouts.CHECK,
    "bytes": np.dtype(np.uint8),
    "derived": layouts.DERIVED,
    "order": np.dtype(np.int32),
    "inputs": np.dtype(np.int32),
    "ops": layouts.OP,
}


class _Entry(msgspec.Struct, array_like=True):
    schema: str
    files: dict[str, str]
    name: str
    sold_as: tuple[Sold, ...]
    powertrain: str
    buses: tuple[Bus, ...]
    messages: tuple[Message, ...]
    signals: tuple[SignalInfo, ...]
    attributes: dict[str, str | float | bool | list[str | float]]
    requests: tuple[Request, ...]
    writers: dict[str, tuple[Writer, ...]]
    texts: tuple[TextInfo, ...]
    repairs: tuple[str, ...]
    arrays: dict[str, bytes]
    slots: int
    bus_count: int


def folder() -> Path:
    """Return where compiled vehicles are kept; COMMONWHEEL_CACHE overrides the platform's place."""
    stated = os.environ.get("COMMONWHEEL_CACHE")
    if stated:
        return Path(stated)
    from platformdirs import user_cache_path

    return user_cache_path("commonwheel", appauthor=False)


def load(key: str) -> Vehicle | None:
    """Return the vehicle stored under *key*, when everything it was compiled from is unchanged."""
    try:
        stored = _path(key).read_bytes()
        content = memoryview(stored)[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != stored[:DIGEST_BYTES]:
            return None
        entry = msgspec.msgpack.decode(content, type=_Entry)
        if entry.schema != _schema() or any(_digest(Path(file)) != digest for file, digest in entry.files.items()):
            return None
        arrays = {name: np.frombuffer(entry.arrays[name], dtype) for name, dtype in _DTYPES.items()}
        arrays["standard"] = arrays["standard"].reshape(-1, 2048)
    except (OSError, msgspec.MsgspecError, ValueError, KeyError):
        return None
    kept = {name: getattr(entry, name) for name in entry.__struct_fields__ if name in _VEHICLE_FIELDS}
    return Vehicle(**kept, tables=Tables(**arrays, slots=entry.slots, buses=entry.bus_count))


def save(key: str, vehicle: Vehicle, files: Mapping[Path, str]) -> None:
    """Store a compiled vehicle; silently does nothing where the cache cannot be written."""
    kept = {name: getattr(vehicle, name) for name in _VEHICLE_FIELDS}
    entry = _Entry(
        schema=_schema(),
        files={str(path.absolute()): digest for path, digest in files.items()},
        arrays={name: getattr(vehicle.tables, name).tobytes() for name in _DTYPES},
        slots=vehicle.tables.slots,
        bus_count=vehicle.tables.buses,
        **kept,
    )
    path = _path(key)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = msgspec.msgpack.encode(entry)
        part.write_bytes(hashlib.sha256(content).digest() + content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


_VEHICLE_FIELDS = frozenset(item.name for item in fields(Vehicle)) - {"tables"}


def _path(key: str) -> Path:
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.msgpack"


@functools.cache
def _schema() -> str:
    """Return what tells one compiler from another: in a checkout it changes without a new version."""
    from commonwheel import __version__

    sizes = ",".join(str(layout.itemsize) for layout in layouts.LAYOUTS)
    package = Path(__file__).parents[1]
    modules = [path.stat() for room in COMPILER for path in sorted((package / room).glob("*.py"))]
    changed = hashlib.sha256(repr([(stat.st_size, stat.st_mtime_ns) for stat in modules]).encode()).hexdigest()
    return f"{SCHEMA}/{__version__}/{sizes}/{changed}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

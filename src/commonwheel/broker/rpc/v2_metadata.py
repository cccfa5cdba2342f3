"""What kuksa.val.v2 tells of a signal: its path, number, datatype, kind, unit, limits and allowed values."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonwheel.broker.rpc.convert import FIELDS
from commonwheel.broker.rpc.interface import enum_values, message

if TYPE_CHECKING:
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.signals import Signal

__all__ = ["metadata_of"]


@functools.lru_cache(maxsize=100_000)
def metadata_of(signal: Signal) -> Proto:
    """Return a signal's ``kuksa.val.v2.Metadata``; not to be changed."""
    leaf = signal.leaf
    told = message("kuksa.val.v2.Metadata")(
        path=leaf.path,
        id=signal.number,
        data_type=_data_type(signal),
        entry_type=enum_values("kuksa.val.v2.EntryType")[f"ENTRY_TYPE_{leaf.kind.name}"],
        description=leaf.description,
        comment=leaf.comment,
        deprecation=leaf.deprecation or "",
        unit=leaf.unit or "",
    )
    field = FIELDS.get(leaf.element)
    if field:
        whole = leaf.element not in {"float", "double"}
        for name, limit in (("min", leaf.minimum), ("max", leaf.maximum)):
            if limit is not None:
                setattr(getattr(told, name), field, int(limit) if whole else limit)
        if leaf.allowed:
            getattr(told.allowed_values, f"{field}_array").values.extend(leaf.allowed)
    return told


def _data_type(signal: Signal) -> int:
    leaf = signal.leaf
    name = f"DATA_TYPE_{leaf.element.upper()}{'_ARRAY' if leaf.is_array else ''}"
    return enum_values("kuksa.val.v2.DataType").get(name, 0)

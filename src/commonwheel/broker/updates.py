"""Updates: a columnar batch of new values, on its way through the broker. Immutable, shared by all readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from commonwheel.broker._kernels import CUpdates, bind_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Updates"]


class Updates(msgspec.Struct, frozen=True, eq=False):
    """A batch of *n* updates, in the order they happened; a signal may occur several times.

    Whoever makes a batch gives its arrays away: every reader of these signals gets the same ones.
    """

    signal: npt.NDArray[np.int32]
    """Number in the broker's signal table, shape (n,)."""
    t_ns: npt.NDArray[np.int64]
    """Nanoseconds UTC, shape (n,)."""
    value: npt.NDArray[np.float64]
    """Value in the standard's unit, shape (n,); enumerations carry codes; NaN where ``objects`` says it, or none."""
    quality: npt.NDArray[np.uint8]
    """``Quality`` codes, shape (n,)."""
    objects: npt.NDArray[np.object_] | None = None
    """What a float64 cannot hold, shape (n,), None in the rows that need none; None when no row does."""
    encoded: dict[object, object] = msgspec.field(default_factory=dict[object, object])
    """Where servers keep this batch in their own form, so that many readers of the same cost one encoding."""
    _bound: list[CUpdates] = msgspec.field(default_factory=list[CUpdates])
    """The kernels' view, once it was asked for."""

    def __len__(self) -> int:
        return len(self.signal)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Updates:
        """Return the updates that a slice, mask or index array selects."""
        objects = None if self.objects is None else self.objects[index]
        return Updates(self.signal[index], self.t_ns[index], self.value[index], self.quality[index], objects)

    @property
    def bound(self) -> CUpdates:
        """The columns as the kernels take them; made once.

        Raises:
            ValueError: the columns are not flat, or not of one length.
        """
        if self._bound:
            return self._bound[0]
        bound = bind_columns(self.signal, self.t_ns, self.value, self.quality)
        if self.objects is not None and len(self.objects) != len(self.signal):
            message = f"a batch of {len(self.signal)} updates has {len(self.objects)} objects"
            raise ValueError(message)
        self._bound.append(bound)
        return bound

    @classmethod
    def build(cls, rows: Iterable[tuple[int, int, float, int, object]]) -> Updates:
        """Build a batch from rows of (signal, t_ns, value, quality, object); for small batches."""
        table = list(rows)
        if not table:
            return cls(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8))
        signal, t_ns, value, quality, items = zip(*table, strict=True)
        objects: npt.NDArray[np.object_] | None = None
        if items.count(None) < len(items):
            objects = np.empty(len(items), object)
            for i, item in enumerate(items):
                objects[i] = item
        return cls(
            np.array(signal, np.int32),
            np.array(t_ns, np.int64),
            np.array(value, np.float64),
            np.array(quality, np.uint8),
            objects,
        )

    @classmethod
    def concat(cls, parts: Sequence[Updates]) -> Updates:
        """Join batches in the order given."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.build(())
        objects = None
        if any(part.objects is not None for part in parts):
            objects = np.concatenate(
                [np.full(len(part), None, object) if part.objects is None else part.objects for part in parts]
            )
        return cls(
            np.concatenate([part.signal for part in parts]),
            np.concatenate([part.t_ns for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.quality for part in parts]),
            objects,
        )

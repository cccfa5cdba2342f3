"""Every frame of every recording, decoded with bare databases, is what cantools makes of it.

The databases are those of the described cars, on the recordings of these cars; and others' databases of
related cars, which have layouts that no description here uses. Raw values have to be equal; scaled ones
too, but for the last bit, because a compiler may multiply and add in one step.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.vehicles import Quality
from commonwheel.vehicles.buses import Buses
from commonwheel.vehicles.description import read_description
from commonwheel.vehicles.yamltree import Reader
from commonwheel.wire.codec import Columns, decode_database
from commonwheel.wire.database import load_database
from commonwheel.wire.frames import Frames
from tests.real.recordings import KNOWN, RECORDINGS, Load

cantools = pytest.importorskip("cantools")
pytestmark = [pytest.mark.real, pytest.mark.oracle]


def _cantools(path: Path) -> dict[int, Any]:
    """Return cantools' messages by id."""
    logging.getLogger("cantools").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {m.frame_id: m for m in cantools.database.load_file(path, strict=False).messages}


def _expected(message: Any, frames: Frames, *, scaling: bool) -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401
    """Return each signal's values over the frames that carry it, each different payload decoded once."""
    rows = np.column_stack([frames.data, frames.size])
    different, which = np.unique(rows, axis=0, return_inverse=True)
    options = {"decode_choices": False, "scaling": scaling, "allow_truncated": True}
    decoded = [message.decode(bytes(row[: row[-1]]), **options) for row in different]
    result: dict[str, npt.NDArray[Any]] = {}
    for signal in message.signals:
        there = np.array([signal.name in values for values in decoded])[which]
        column = np.array([values.get(signal.name, 0) for values in decoded], float if scaling else np.int64)
        result[signal.name] = column[which][there]
    return result


def _compare(path: Path, frames: Frames) -> int:
    """Hold a database's messages against cantools; returns how many values were compared."""
    database, messages = load_database(path), _cantools(path)
    raws, values = (decode_database(database, frames, raw=raw) for raw in (True, False))
    compared = 0
    for message in database.messages:
        theirs = messages.get(message.id)
        mine = frames[frames.id == message.id]
        if theirs is None or theirs.name != message.name or not len(mine) or message.extended:
            continue
        try:
            raw, scaled = (_expected(theirs, mine, scaling=scaling) for scaling in (False, True))
        except cantools.database.DecodeError:
            continue  # with a field outside the message, or multiplexed in a short frame, it decodes nothing
        for signal in message.signals:
            where = f"{path.name}: {message.name}.{signal.name}"
            got, scaled_got = (_present(columns[message.name, signal.name]) for columns in (raws, values))
            assert np.array_equal(got.view(np.int64), raw[signal.name]), where
            ulp = np.spacing(np.maximum(np.abs(scaled[signal.name]), abs(signal.offset)))
            assert bool((np.abs(scaled_got - scaled[signal.name]) <= ulp).all()), where
            compared += len(got)
    return compared


def _present(columns: Columns) -> npt.NDArray[np.float64]:
    """Return the values; what a short frame does not hold is INVALID here, and not there in cantools."""
    return columns.value[columns.quality == Quality.GOOD]


@pytest.mark.parametrize("log", KNOWN)
def test_the_databases_of_the_car_decode_as_in_cantools(load: Load, log: str) -> None:
    decoded = load(log)
    buses = Buses(read_description(RECORDINGS[log].car or ""), Reader())
    compared = 0
    for number, bus in RECORDINGS[log].buses.items():
        frames = decoded.frames[decoded.frames.bus == number]
        compared += sum(_compare(database.path, frames) for database in buses.by_name[bus].databases)
    assert compared > len(decoded.frames) * 0.9


@pytest.mark.parametrize("line", ["EV-can_ZE0", "EV-can_AZE0", "EV-can_ZE1", "CAR-can_AZE0"])
def test_databases_of_others_decode_as_in_cantools(load: Load, shared: Path, line: str) -> None:
    assert _compare(shared / "facts" / f"nissan_leaf_{line}.dbc", load("circle").frames) > 10_000

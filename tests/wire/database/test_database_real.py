"""The databases that people published beside their logs: what is wrong with them is said, the rest read."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.errors import DatabaseError
from commonwheel.wire.database import FINDINGS, Database, load_database, overlaps

pytestmark = pytest.mark.real

_FILES = {
    "mitsubishi_imiev_a.dbc": (18, 55),
    "mitsubishi_imiev_b.dbc": (21, 58),
    "mitsubishi_outlander_gt_2016.dbc": (16, 44),
    "nissan_leaf_CAR-can_AZE0.dbc": (52, 349),
    "nissan_leaf_EV-can_AZE0.dbc": (29, 190),
    "nissan_leaf_EV-can_ZE0.dbc": (28, 151),
    "nissan_leaf_EV-can_ZE1.dbc": (52, 254),
}


def _load(shared: Path, name: str) -> Database:
    return load_database(shared / "facts" / name)


@pytest.mark.parametrize(("name", "counts"), _FILES.items())
def test_every_message_and_signal_is_read(shared: Path, name: str, counts: tuple[int, int]) -> None:
    database = _load(shared, name)
    assert (len(database.messages), sum(len(message.signals) for message in database.messages)) == counts


def test_messages_before_the_version_are_read_and_said(shared: Path) -> None:
    database = _load(shared, "mitsubishi_imiev_a.dbc")
    assert [(repair.line, repair.kind) for repair in database.repairs] == [(50, "order")]
    assert database.messages[0].name == "STEER_TORQUE_COMMAND"


def test_a_stray_character_costs_nothing_but_its_line(shared: Path) -> None:
    database = _load(shared, "mitsubishi_outlander_gt_2016.dbc")
    mended = [repair for repair in database.repairs if repair.kind not in FINDINGS]
    assert [(repair.line, repair.kind) for repair in mended] == [(1, "stray")]
    steering = database.message("STEER_ANGLE_SENSOR")
    assert steering is not None
    assert (steering.id, steering.signals[0].start, steering.signals[0].signed) == (0x236, 0, True)


def test_messages_called_by_their_ids_get_names(shared: Path) -> None:
    message = _load(shared, "mitsubishi_imiev_b.dbc").message("_0x373")
    assert message is not None
    assert message.id == 0x373


def test_a_selector_that_is_not_declared_shows_as_an_overlap(shared: Path) -> None:
    message = _load(shared, "nissan_leaf_EV-can_ZE1.dbc").message("x5BC")
    assert message is not None
    assert "Mux_5BC" in {second.name for _, second in overlaps(message)}


def test_a_busmaster_database_is_named_as_such(shared: Path) -> None:
    with pytest.raises(DatabaseError, match=r"ralliart\.dbf: a BUSMASTER database.*export it as DBC"):
        _load(shared, "mitsubishi_lancer_evox_ralliart.dbf")

"""Rights: single signals, hundreds at once, and their end."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action, Rights
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.signals import SignalTable
from commonwheel.catalog import load_catalog

SPEED = "Vehicle.Speed"


@pytest.fixture(scope="module")
def table() -> SignalTable:
    return SignalTable(load_catalog())


def _rights(scopes: str, ends_in_s: float | None = None) -> Rights:
    ends = None if ends_in_s is None else time.time_ns() + int(ends_in_s * 1e9)
    return Rights.of("app", parse_scopes(scopes), ends)


def test_everything_is_allowed_where_nothing_is_asked_for(table: SignalTable) -> None:
    rights = Rights.everything("app")
    for action in Action:
        rights.require(action, SPEED)
        assert rights.mask(table, action).all()
    assert not rights.expired()


def test_what_is_not_covered_is_said_with_who_and_what() -> None:
    rights = _rights("actuate:Vehicle.Cabin")
    rights.require(Action.READ, "Vehicle.Cabin.DoorCount")
    with pytest.raises(BrokerError, match=r"^app may not read Vehicle\.Speed$") as caught:
        rights.require(Action.READ, SPEED)
    assert caught.value.reason is Reason.FORBIDDEN


def test_rights_end_at_their_time() -> None:
    rights = _rights("read", ends_in_s=60)
    assert rights.expires_ns is not None
    assert not rights.expired(rights.expires_ns - 1)
    assert rights.expired(rights.expires_ns)
    rights.require(Action.READ, SPEED)


def test_what_has_ended_is_told_before_what_is_forbidden(table: SignalTable) -> None:
    rights = _rights("read", ends_in_s=-1)
    for action in Action:
        with pytest.raises(BrokerError, match="the token of app has expired; get a new one") as caught:
            rights.require(action, SPEED)
        assert caught.value.reason is Reason.EXPIRED
    with pytest.raises(BrokerError) as caught:
        rights.require_all(Action.READ, table, [0])
    assert caught.value.reason is Reason.EXPIRED


@pytest.mark.parametrize("scopes", ["read", "", "read:Vehicle.ADAS provide:Vehicle.*", "actuate:Vehicle.**.IsOpen"])
def test_the_mask_says_what_single_questions_do(table: SignalTable, scopes: str) -> None:
    rights = _rights(scopes)
    for action in Action:
        asked = [rights.allow(action, signal.path) for signal in table.signals]
        assert rights.mask(table, action).tolist() == asked


def test_the_mask_is_kept_for_each_table_and_cannot_be_changed(table: SignalTable) -> None:
    rights = _rights("read:Vehicle.ADAS")
    mask = rights.mask(table, Action.READ)
    assert rights.mask(table, Action.READ) is mask
    other = SignalTable(table.catalog)
    assert rights.mask(other, Action.READ) is not mask
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = True


def test_masks_of_a_table_that_is_gone_are_gone(table: SignalTable) -> None:
    rights = _rights("read")
    other = SignalTable(table.catalog)
    rights.mask(other, Action.READ)
    assert len(rights._masks) == 1
    del other
    gc.collect()
    assert len(rights._masks) == 0


def test_hundreds_at_once(table: SignalTable) -> None:
    rights = _rights("read:Vehicle.ADAS read:Vehicle.Speed")
    inside = table.match(["Vehicle.ADAS", SPEED])
    rights.require_all(Action.READ, table, inside)
    rights.require_all(Action.READ, table, np.array(inside, np.int32))
    rights.require_all(Action.READ, table, [])
    outside = table.match("Vehicle.Cabin")
    with pytest.raises(BrokerError) as caught:
        rights.require_all(Action.READ, table, inside + outside)
    named = ", ".join(table[number].path for number in outside[:3])
    assert str(caught.value) == f"app may not read {named} and {len(outside) - 3} more"
    assert caught.value.signal == outside[0]
    with pytest.raises(BrokerError, match=r"^app may not provide Vehicle\.Speed$"):
        rights.require_all(Action.PROVIDE, table, [table.number(SPEED)])

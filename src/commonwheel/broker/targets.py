"""What is asked of actuators, checked: each an actuator, each value of its type, in its range, and there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside, to_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.values import Value

__all__ = ["targets_of"]


def targets_of(table: SignalTable, targets: Mapping[int, object]) -> tuple[Updates, dict[int, Value]]:
    """Return targets by number as a batch of now, and as typed values.

    Raises:
        BrokerError: NOT_ACTUATOR, WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED or INVALID; of the first that is wrong.
    """
    rows: list[tuple[int, int, float, int, object]] = []
    values: dict[int, Value] = {}
    now = time.time_ns()
    for number, target in targets.items():
        signal = table[number]
        if not signal.is_actuator:
            message = f"{signal.path} is a {signal.leaf.kind.value}, not an actuator"
            raise BrokerError(Reason.NOT_ACTUATOR, message, signal=number)
        inside, item = to_inside(signal, target)
        value = from_inside(signal, inside, item)
        if value is None:
            raise BrokerError(Reason.INVALID, f"{signal.path} was given no value", signal=number)
        values[number] = value
        rows.append((number, now, inside, Quality.GOOD, item))
    return Updates.build(rows), values

"""What a live car says that it cannot be asked for, so that who asks all the same is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.broker.signals import SignalTable

__all__ = ["cannot_of"]

_OURS = "Vehicle.MotionManagement.Guard."
"""What is no matter of the car, whatever it says of the branch above."""


def cannot_of(cannot: Mapping[str, str], table: SignalTable) -> dict[int, str]:
    """Return why a car cannot be asked for each actuator that it says so of, by the broker's number.

    Args:
        cannot: paths and branches with the reason, as a description has them.
        table: the broker's signals.
    """
    from commonwheel.control.capabilities import why_not

    if not cannot:
        return {}
    actuators = [each for each in table.signals if each.is_actuator and not each.path.startswith(_OURS)]
    return {each.number: why for each in actuators if (why := why_not(each.path, cannot))}

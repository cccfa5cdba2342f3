"""The Control page: cars that may act, the guard's states and why, what was asked, allowed, sent and measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec

from commonwheel.broker.actuation import LONGEST_REASON, Terms
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.gateway.telling import IS_ARMED, STATES
from commonwheel.gateway.verdicts import DEPTH
from commonwheel.guard import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.control.car import Acting
    from commonwheel.gateway.actuator import Actuator
    from commonwheel.gateway.live import LiveCar
    from commonwheel.gateway.telling import Teller
    from commonwheel.gateway.verdicts import Said
    from commonwheel.web.views import Params, Viewer

__all__ = ["ControlView", "arm"]

_MOST_SAID = 60
"""Lines of the record that come at once."""
_LOOK_BACK = 2 * DEPTH
"""Where they are looked for, all that is kept: the steps of requests, which are not shown, come far more often."""
_SHOWN = {"transition", "arming", "refusal", "verdict"}


class _Arm(msgspec.Struct, frozen=True):
    """What a page asks for."""

    car: str
    arm: bool
    reason: Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)] = ""


class ControlView:
    """Every car that may act and that the viewer may see."""

    hz = 8.0

    def __init__(self, viewer: Viewer, _params: Params) -> None:
        """Look at all of them."""
        self._rows = [
            _Row(viewer, car, actuator)
            for car in viewer.scene.cars
            if (actuator := _actuator_of(car)) is not None and viewer.sees_any(car)
        ]

    def first(self) -> object:
        """Return what stands still: which cars act, in which axes, and what they can be asked for."""
        return {"cars": [row.card() for row in self._rows]}

    def take(self) -> object | None:
        """Return what has changed, by the car's place."""
        changes = {str(at): change for at, row in enumerate(self._rows) if (change := row.take())}
        return changes or None

    def tell(self, params: Params) -> None:
        """Nothing can be chosen."""

    def close(self) -> None:
        """There is nothing to give back."""


class _Row:
    """One car, and what the page was told of it."""

    def __init__(self, viewer: Viewer, car: LiveCar, actuator: Actuator) -> None:
        self._viewer, self._car, self._actuator = viewer, car, actuator
        rights = viewer.rights
        self._paths = [path for path in actuator.control.actuators if rights.allow(Action.READ, path)]
        axes = [axis.name for axis in actuator.control.guard.envelope.axes]
        self._axes = [axis for axis in axes if axis in STATES and rights.allow(Action.READ, STATES[axis])]
        self._all = viewer.sees_all(car)
        self._told: dict[str, object] = {}
        self._said = 0
        self._doing: Mapping[str, Acting] | None = None

    def card(self) -> object:
        """Return what stands still."""
        rights, served = self._viewer.rights, self._actuator.control.control.served
        table = self._car.broker.table
        may = rights.allow(Action.ACTUATE, IS_ARMED)
        return {
            "car": self._car.name,
            "axes": self._axes,
            "actuators": [
                {"path": path, "unit": table[table.number(path)].leaf.unit or "", "axis": served[path].axis}
                for path in self._paths
                if path in table.numbers
            ],
            "cannot": dict(self._actuator.control.control.cannot),
            "may": may,
            "why": "" if may else f"{rights.client} lacks the scope 'actuate:{IS_ARMED}'",
        }

    def take(self) -> dict[str, object]:
        """Return what has changed."""
        teller = self._actuator.teller
        now: dict[str, object] = {
            "axes": {axis: [teller.states[axis].value, _why(teller, axis)] for axis in self._axes},
        }
        change = {key: value for key, value in now.items() if self._told.get(key) != value}
        self._told = now
        if teller.doing is not self._doing:
            self._doing = teller.doing
            change["doing"] = {path: _numbers(teller.doing[path]) for path in self._paths if path in teller.doing}
        said, self._said = self._actuator.record.since(self._said, _LOOK_BACK)
        lines = [_line(one) for one in said if one.kind in _SHOWN and self._sees(one)][-_MOST_SAID:]
        if lines:
            change["said"] = lines
        return change

    def _sees(self, said: Said) -> bool:
        return self._all or said.facts.get("path", said.facts.get("subject")) in self._paths


def _why(teller: Teller, axis: str) -> str:
    """Return why an axis is in its state, and what it waits for to be engaged."""
    waits = teller.waits.get(axis, "") if teller.states[axis] is State.ARMED else ""
    return "; ".join(filter(None, (teller.causes.get(axis, ""), waits and f"waits for {waits}")))


def _numbers(doing: Acting) -> Sequence[object]:
    """Return whose request it follows, and asked, allowed, sent and measured; null where there is none."""
    values = (doing.asked, doing.allowed, doing.sent, doing.measured)
    return [doing.source, *(value if math.isfinite(value) else None for value in values)]


def _line(said: Said) -> object:
    facts = said.facts
    about = facts.get("subject") or facts.get("axis") or facts.get("path") or facts.get("source") or ""
    text = facts.get("text") or facts.get("cause") or facts.get("reason") or ""
    what = facts.get("outcome") or facts.get("after") or ("refused" if said.kind == "refusal" else facts["rule"])
    return {
        "t_ns": said.t_ns, "kind": said.kind, "about": about, "what": what, "rule": facts["rule"], "text": text,
        "who": facts.get("source", ""),
    }  # fmt: skip


def _actuator_of(car: LiveCar) -> Actuator | None:
    return getattr(car.gateway, "actuator", None)


def arm(viewer: Viewer, params: Params) -> object:
    """Arm a car, or disarm it; what came of it is seen in the view.

    Raises:
        BrokerError: FORBIDDEN, EXPIRED; INVALID: there is no such car, it does not act, or there is no reason.
    """
    asked = msgspec.convert(params, _Arm)
    car = viewer.scene.car(asked.car)
    if _actuator_of(car) is None:
        message = f"{asked.car} does not act: it is run without --actuate, or has no control.yaml"
        raise BrokerError(Reason.INVALID, message)
    reason = asked.reason.strip()
    if asked.arm and not reason:
        raise BrokerError(Reason.INVALID, "say why it is armed; that is logged and kept")
    viewer.session(car).actuate({IS_ARMED: asked.arm}, terms=Terms(reason=reason))
    return None

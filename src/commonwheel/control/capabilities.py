"""What a car can be asked for: each actuator, in which manner it is served, within which limits, and what it cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.control.description import load_cannot, load_control
from commonwheel.control.making import reference_path
from commonwheel.control.manners import MANNERS
from commonwheel.errors import DescriptionError
from commonwheel.guard.envelope import Curve, Lateral, Without
from commonwheel.report.reference import Served
from commonwheel.vehicles.description import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from commonwheel.control.model import Adapter, Control
    from commonwheel.guard.envelope import Envelope
    from commonwheel.report.reference import Reference
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Capability", "capabilities", "served_by", "why_not", "with_acting"]

KMH = 3.6


@dataclass(frozen=True, slots=True)
class Capability:
    """One actuator of one car."""

    path: str
    axis: str
    manner: str
    """As descriptions call it: direct, torque, acceleration, pedals, buttons or pulse."""
    limits: str
    """In words, with units."""
    proven: str
    """The signal that proves it; '' where none does."""
    evidence: str
    source: str
    """Where the limits come from."""

    @property
    def text(self) -> str:
        """In a line: 'by torque, -3.5 to 2 m/s^2'."""
        return f"by {self.manner}, {self.limits}"


def capabilities(control: Control) -> tuple[Capability, ...]:
    """Return what a car can be asked for, in the order of its description."""
    return tuple(_capability(path, adapter, control) for path, adapter in control.served.items())


def why_not(path: str, cannot: Mapping[str, str]) -> str:
    """Return why a car cannot be asked for an actuator; '' where its description says nothing of that.

    Args:
        path: of the actuator.
        cannot: paths and branches with the reason; what is said of the path itself, or of the smallest branch, counts.
    """
    while path:
        if path in cannot:
            return cannot[path]
        path = path.rpartition(".")[0]
    return ""


def served_by(vehicles: Iterable[Vehicle], folders: tuple[Path, ...] = (SHIPPED,)) -> dict[str, dict[str, str]]:
    """Return by the cars' names what they can be asked for, and how; a car that cannot act is not in it.

    A description of acting that has faults counts as none: ``commonwheel check`` tells them.
    """
    found: dict[str, dict[str, str]] = {}
    for vehicle in vehicles:
        try:
            control = load_control(vehicle, folders=folders)
        except DescriptionError:
            continue
        if control is not None:
            found[vehicle.name] = {each.path: each.text for each in capabilities(control)}
    return found


def with_acting(reference: Reference, folders: tuple[Path, ...] = (SHIPPED,), name: str | Path = "") -> Reference:
    """Return a car's reference with what it can be made to do; *name* is what it was loaded by, where not its own.

    Raises:
        DescriptionError: its ``control.yaml`` has faults.
    """
    control = load_control(reference.car, name or None, folders)
    if control is None:
        return replace(reference, cannot=load_cannot(name or reference.car.name, folders))
    served = tuple(
        Served(each.path, each.manner, each.limits, each.proven, each.evidence, each.source)
        for each in capabilities(control)
    )
    return replace(reference, served=served, cannot=control.cannot)


def _capability(path: str, adapter: Adapter, control: Control) -> Capability:
    envelopes = {each.name: each for each in control.envelope.envelopes}
    own = adapter.serves.get(reference_path(adapter), "")
    name = adapter.serves[path] or own or next(iter(_commands(adapter)), "")
    envelope = envelopes.get(name)
    proof = adapter.proven.get(path)
    return Capability(
        path=path,
        axis=adapter.axis,
        manner=next(word for word, kind in MANNERS.items() if isinstance(adapter.manner, kind)),
        limits=_limits(envelope) if envelope is not None else "",
        proven=proof.path if proof is not None else "",
        evidence=adapter.evidence,
        source=envelope.source if envelope is not None else "",
    )


def _commands(adapter: Adapter) -> list[str]:
    return [name for carrier in adapter.carriers for name in carrier.fields.values()]


def _limits(envelope: Envelope) -> str:
    unit = f" {envelope.unit}" if envelope.unit else ""
    said = [_span(envelope.low, envelope.high, unit)]
    rates = {
        word: rate
        for word, rate in (("out", envelope.rate_up), ("back", envelope.rate_down))
        if isinstance(rate, Curve)
    }
    if rates:
        said.append(", ".join(f"{word} {_curve(rate)}{unit}/s" for word, rate in rates.items()))
    if isinstance(envelope.lateral, Lateral):
        said.append(
            f"{envelope.lateral.acceleration_mps2:g} m/s^2 and {envelope.lateral.jerk_mps3:g} m/s^3 to the side"
        )
    if not isinstance(envelope.window_change, Without):
        said.append(f"{envelope.window_change:g}{unit} in {envelope.window_ns / 1e9:g} s")
    return "; ".join(said)


def _span(low: Curve, high: Curve, unit: str) -> str:
    if high.points == tuple((speed, -value) for speed, value in low.points):
        return f"up to {_curve(high)}{unit} either way"
    if len(low.points) == len(high.points) == 1:
        return f"{low.points[0][1]:g} to {high.points[0][1]:g}{unit}"
    return f"{_curve(low)} to {_curve(high)}{unit}"


def _curve(curve: Curve) -> str:
    """Return '5 (at 72 km/h 2.5)': the first value, and what it goes over to."""
    (_, first), *rest = curve.points
    return " ".join([f"{first:g}", *(f"(at {speed * KMH:g} km/h {value:g})" for speed, value in rest)])

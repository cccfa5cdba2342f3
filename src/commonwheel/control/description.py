"""How a car acts, compiled: ``control.yaml`` in; adapters and the guard's envelope, or every fault at once, out.

::

    description_file     the files, and what they say together
    description_values   quantities, curves, limits that there are none of
    description_guard    inputs, conditions, axes, envelopes ─► the guard
    description_manners  parameters of controllers           ─► adapters
    description_frames   frames                              ─► both
    description_checks   what contradicts each other
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control.description_checks import check
from commonwheel.control.description_file import SINGLE, gather, take_file
from commonwheel.control.description_frames import frames_of
from commonwheel.control.description_guard import (
    axes_of,
    conditions_of,
    envelopes_of,
    geometry_of,
    inputs_of,
    lateral_of,
)
from commonwheel.control.description_manners import manner_of
from commonwheel.control.description_values import Row, Values
from commonwheel.control.model import Adapter, Control, Proven
from commonwheel.errors import DescriptionError
from commonwheel.guard.envelope import CarEnvelope
from commonwheel.guard.problems import problems
from commonwheel.vehicles.description import SHIPPED
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.signals import EVIDENCE
from commonwheel.vehicles.yamltree import Reader, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commonwheel.control.description_file import Stated
    from commonwheel.control.description_frames import Frame
    from commonwheel.guard.envelope import Envelope
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.vehicles.yamltree import Node

__all__ = ["load_cannot", "load_control", "load_control_file"]

_ADAPTER = ("axis", "manner", "parameters", "serves", "proven", "delay", "evidence")


def load_control(
    vehicle: Vehicle, name: str | Path | None = None, folders: tuple[Path, ...] = (SHIPPED,)
) -> Control | None:
    """Return how a car is made to act; None where nothing is stated of that, or only that it cannot be, and why.

    Args:
        vehicle: the car, compiled.
        name: what it was loaded by; None is its name.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: the files have faults; all of them.
    """
    reader = Reader()
    stated = gather(vehicle.name if name is None else name, reader, folders)
    if stated is None or not stated.acts:
        if reader.faults:
            raise DescriptionError(set(reader.faults))
        return None
    return _compiled(stated, vehicle, reader)


def load_cannot(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> Mapping[str, str]:
    """Return what a car cannot be asked for, and why; empty where nothing is stated of that.

    Args:
        name: what it is loaded by.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: the files have faults.
    """
    reader = Reader()
    stated = gather(name, reader, folders)
    if reader.faults:
        raise DescriptionError(set(reader.faults))
    return {} if stated is None else dict(stated.cannot)


def load_control_file(path: Path, vehicle: Vehicle) -> Control:
    """Return how a car is made to act, from one file that says everything.

    Raises:
        DescriptionError: the file has faults; all of them.
    """
    reader = Reader()
    stated = take_file(path, reader)
    if stated is None:  # without a variant nothing takes it away
        raise DescriptionError(reader.faults)
    return _compiled(stated, vehicle, reader)


def _compiled(stated: Stated, vehicle: Vehicle, reader: Reader) -> Control:
    values = Values(reader, vehicle)
    envelopes = envelopes_of(stated.rows["envelopes"], values)
    rows = {name: values.row(node, f"adapter '{name}'", _ADAPTER) for name, node in stated.rows["adapters"].items()}
    axes = {name: row.text("axis") for name, row in rows.items()}
    frames = frames_of(stated.rows["frames"], axes, envelopes, values)
    adapters = tuple(
        made for name, row in rows.items() if (made := _adapter(name, row, envelopes, frames, values)) is not None
    )
    envelope = _envelope(stated, envelopes, frames, values)
    control = Control(vehicle.name, adapters, envelope, str(stated.root.file), dict(stated.cannot))
    if not reader.faults:  # what is not there cannot contradict
        check(control, stated, frames, reader)
    if not reader.faults:  # the guard has the last word, and does not know of files
        for problem in problems(envelope):
            reader.fault(stated.root, problem)
    if reader.faults:
        raise DescriptionError(set(reader.faults))
    return control


def _envelope(
    stated: Stated, envelopes: Mapping[str, Envelope], frames: tuple[Frame, ...], values: Values
) -> CarEnvelope:
    top = Row(values, stated.root, "how a car acts", stated.single)
    for key in SINGLE:
        if key not in stated.single:
            message = f"'{key}' is missing; where there is no such thing, say why: {{none: ...}}"
            values.reader.fault(stated.root, message)
    conditions = conditions_of(stated.rows["conditions"], values)
    steering = top.without("steering")
    found = None if steering else values.signal(top.get("steering"), "'steering'")
    speed = values.signal(top.get("speed"), "'speed'")
    return CarEnvelope(
        car=values.vehicle.name,
        speed=speed.path if speed else "",
        steering=steering or (found.path if found else ""),
        geometry=geometry_of(top.get("geometry"), values),
        measured_lateral=top.without("measured_lateral")
        or lateral_of(top.get("measured_lateral"), "'measured_lateral'", values),
        inputs=inputs_of(stated.rows["inputs"], values),
        axes=axes_of(stated.rows["axes"], conditions, values),
        envelopes=tuple(envelopes.values()),
        frames=tuple(frame.rule for frame in frames),
        late_ns=top.ns("late_loop", least_s=1e-3),
        clock_step_ns=top.ns("clock_step", least_s=1e-3),
        armed_ns=top.ns("armed_for", least_s=1e-3),
    )


def _adapter(
    name: str, row: Row, envelopes: Mapping[str, Envelope], frames: tuple[Frame, ...], values: Values
) -> Adapter | None:
    manner = manner_of(row, envelopes)
    serves = _serves(row, envelopes)
    evidence = row.text("evidence")
    if evidence and not EVIDENCE.fullmatch(evidence):
        values.reader.fault(
            row.entries["evidence"],
            f"{row.name('evidence')} is 'verified (on what)', 'documented (source)' or 'assumed (why)'",
        )
    proven = _proven(row, serves)
    if manner is None:
        return None
    return Adapter(
        name=name,
        axis=row.text("axis"),
        serves=serves,
        manner=manner,
        carriers=tuple(frame.carrier for frame in frames if frame.adapter == name),
        proven=proven,
        delay_ns=row.ns("delay"),
        evidence=evidence,
    )


def _serves(row: Row, envelopes: Mapping[str, Envelope]) -> dict[str, str]:
    """Return the standard paths that can be asked for, and the envelope of each.

    It is '' where the controller's own, or the command's, is what limits it.
    """
    from commonwheel.catalog import Kind, load_catalog

    found: dict[str, str] = {}
    reader, node = row.values.reader, row.get("serves")
    catalog = load_catalog()
    for path, named in reader.mapping(node, row.name("serves")).items() if node is not None else ():
        leaf = catalog.get(path)
        if leaf is None or leaf.kind is not Kind.ACTUATOR:
            near = catalog.suggest(path, 1)
            hint = f" (did you mean '{near[0]}'?)" if near and leaf is None else ""
            what = "is not in the standard" if leaf is None else f"is a {leaf.kind.value}, not an actuator"
            reader.fault(named, f"'{path}' {what}{hint}")
        if row.values.without(named) is not None:
            found[path] = ""
            continue
        name = reader.text(named, f"the envelope of '{path}'")
        found[path] = name
        if name not in envelopes:
            reader.fault(named, f"'{path}' is limited by '{name}', which is no envelope{suggest(name, envelopes)}")
        elif leaf is not None and envelopes[name].unit != (leaf.unit or ""):
            reader.fault(named, f"'{path}' is in {leaf.unit or 'no unit'}, envelope '{name}' in {envelopes[name].unit}")
    return found


def _proven(row: Row, serves: Mapping[str, str]) -> dict[str, Proven]:
    """Return what proves that each request was met."""
    found: dict[str, Proven] = {}
    reader, node = row.values.reader, row.get("proven")
    stated: Mapping[str, Node] = reader.mapping(node, row.name("proven"), serves) if node is not None else {}
    for path, proof in stated.items():
        if row.values.without(proof) is not None:
            continue
        inner = row.values.row(proof, f"what proves '{path}'", ("by", "tolerance", "within"))
        info = row.values.signal(inner.get("by"), inner.name("by"))
        unit = info.unit if info else ""
        what, within = inner.name("tolerance"), Bounds(0.0)
        tolerance = quantity(reader, inner.get("tolerance"), what, unit, within=within, difference=True)
        found[path] = Proven(info.path if info else "", tolerance, inner.ns("within", least_s=1e-3))
    for path in serves:
        if node is not None and path not in stated:
            reader.fault(node, f"{row.what} does not say what proves '{path}'")
    return found

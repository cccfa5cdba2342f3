"""The tour as a page: one instant as three byte patterns, three curves on one, and how exactly all came back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.report.figure import figure
from commonwheel.report.markup import Markup, el, join
from commonwheel.report.matrix import coverage_table
from commonwheel.report.model import BAND, Axis, Chart, Panel, Series, Stroke
from commonwheel.report.page import card, facts, page, table
from commonwheel.report.samples import Timeline, by_path, labels_of, series_of, short
from commonwheel.report.ticks import format_number
from commonwheel.tour.bits import CHECKSUM, COUNTER, pictures
from commonwheel.tour.drive import STEP_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.tour.bits import Carried, Picture
    from commonwheel.tour.drive import Drive
    from commonwheel.tour.tour import Deviation, Passage
    from commonwheel.vehicles import Samples
    from commonwheel.vehicles.compare import Comparison
    from commonwheel.vehicles.model import SignalInfo

__all__ = ["tour_page"]

IDEA = (
    "Describe a car once, and every function written against the standard runs on it: the same drive, on the wires of "
    "a {makers}, comes back as the same signals, with not one line of code for any of them."
)
SYNTHETIC = (
    "This traffic is synthetic: one simulated drive, encoded with the cars' descriptions. For a real log of your own:"
)
INSTANT_S = 73.0
SPEED, ANGLE = "Vehicle.Speed", "Vehicle.Chassis.SteeringWheel.Angle"
DRAWN = (
    SPEED,
    ANGLE,
    "Vehicle.Chassis.Accelerator.PedalPosition",
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Speed",
    "Vehicle.Powertrain.ElectricMotor.Speed",
    "Vehicle.Powertrain.TractionBattery.CurrentPower",
    "Vehicle.Powertrain.Transmission.SelectedGear",
    "Vehicle.Chassis.Brake.IsPressed",
    "Vehicle.Body.Lights.DirectionIndicator.Right.IsSignaling",
)
DASH_PX = 9.0
_DRAWN_STEP_S = 0.1
_OWNERS = {SPEED: "b-speed", ANGLE: "b-angle", COUNTER: "b-counter", CHECKSUM: "b-check", "": "b-other"}
_WORDS = (("b-speed", "Vehicle.Speed"), ("b-angle", "steering wheel angle"), ("b-counter", "frame counter"))


def tour_page(drive: Drive, passages: Sequence[Passage], found: Comparison) -> str:
    """Return the page.

    Args:
        drive: what was driven.
        passages: what became of it on each car's wire.
        found: the same cars, compared.
    """
    makers = [sold.vehicle.sold_as[0] for sold in passages]
    named = [f"{sold.brand} {sold.model}" for sold in makers]
    idea = IDEA.format(makers=", a ".join(named[:-1]) + f" and a {named[-1]}")
    seconds = drive.end_ns / 1e9
    return page(
        "One drive, three wires, one standard",
        _synthetic(passages),
        card(
            "The same instant, three byte patterns",
            _driven(drive),
            el("div", *(_wire(passage) for passage in passages), class_="wires"),
            _bit_key(),
            name="bytes",
        ),
        card(
            "Read back: the curves lie on each other",
            el(
                "p",
                f"The {seconds:.0f} seconds of the drive. The broad pale line is what was driven; each car's decoded "
                "signal is every third dash on it. Where a car does not send a signal, its dashes are missing.",
            ),
            figure(_chart(drive, passages)),
            name="curves",
        ),
        card("How exactly it came back", *_exactness(passages), name="exact"),
        card("What each car can say", coverage_table(found), name="coverage"),
        lead=idea,
        scripts=("chart.js",),
        styles=("matrix.css",),
        style=Path(__file__).with_name("tour.css").read_text(encoding="utf-8"),
    )


def _synthetic(passages: Sequence[Passage]) -> Markup:
    logs = ", ".join(passage.log.name for passage in passages)
    command = el("code", "commonwheel decode YOUR.log")
    return el(
        "p",
        SYNTHETIC,
        " ",
        command,
        ". The three logs lie beside this page: ",
        el("span", logs, class_="mono"),
        ".",
        class_="note",
    )


def _driven(drive: Drive) -> Markup:
    at = round(INSTANT_S / STEP_S)
    told = {
        "Vehicle.Speed": f"{format_number(float(drive.signals[SPEED][at]), 4)} km/h",
        "Vehicle.Chassis.SteeringWheel.Angle": f"{format_number(float(drive.signals[ANGLE][at]), 4)} degrees",
        "Second of the drive": format_number(INSTANT_S),
    }
    return facts(told)


def _wire(passage: Passage) -> Markup:
    """Return one car's frames at the instant."""
    shown = pictures(passage, (SPEED, ANGLE), round(INSTANT_S * 1e9))
    return el(
        "article",
        el("h3", passage.vehicle.title.split(" / ")[0], el("span", passage.vehicle.name, class_="sub")),
        *(_frame(picture) for picture in shown),
        class_="wire",
    )


def _frame(picture: Picture) -> Markup:
    message = picture.message
    every = f"every {message.period_ns / 1e6:g} ms " if message.period_ns else ""
    about = [f"{every}on {picture.bus}", f"checksum {message.checksum}" if message.checksum else ""]
    head = el(
        "p",
        el("b", message.id_text, class_="mono"),
        f" {message.name}",
        el("span", ", ".join(filter(None, about)), class_="sub"),
    )
    pairs = zip(picture.payload, picture.marks, strict=True)
    cells = [_byte(value, marks) for value, marks in pairs]
    told = f"{message.name}: " + picture.payload.hex(" ").upper()
    frame = el("div", *cells, class_="bytes", role="img", aria_label=told)
    return el("div", head, frame, *(_sum(one) for one in picture.carried), class_="frame")


def _byte(value: int, marks: tuple[str, ...]) -> Markup:
    bits = [el("i", value >> 7 - i & 1, class_=_OWNERS[owner]) for i, owner in enumerate(marks)]
    return el("div", el("b", f"{value:02X}"), el("span", *bits))


def _sum(one: Carried) -> Markup:
    """Return how a field's number becomes the value."""
    field = one.field
    order = "big-endian" if field.big_endian else "little-endian"
    offset = f" {'−' if one.offset < 0 else '+'} {format_number(abs(one.offset))}" if one.offset else ""
    factor = f"{one.factor:.6g}".replace("-", "−")
    kind = "s-speed" if one.path == SPEED else "s-angle"
    return el(
        "p",
        el("span", f"{field.length} bits, {order}", class_="sub"),
        f"{format_number(one.raw)} × {factor}{offset} = ",
        el("b", f"{format_number(one.value)} {one.unit}"),
        class_=f"sum {kind}",
    )


def _bit_key() -> Markup:
    items = [
        el("li", el("i", "1", class_=kind), name)
        for kind, name in (*_WORDS, ("b-check", "checksum"), ("b-other", "other signals"))
    ]
    return el("ul", *items, class_="key bitkey")


def _chart(drive: Drive, passages: Sequence[Passage]) -> Chart:
    infos = {info.path: info for passage in passages for info in passage.vehicle.signals}
    parts = [by_path(passage.samples) for passage in passages]
    panels = [_panel(drive, passages, parts, infos[path]) for path in DRAWN if path in infos]
    axis = Axis(0.0, drive.end_ns / 1e9, caption="time since the start of the drive")
    return Chart("The drive and what each car's wire gave back", tuple(panels), axis)


def _panel(
    drive: Drive, passages: Sequence[Passage], parts: Sequence[Mapping[str, Samples]], info: SignalInfo
) -> Panel:
    step = round(_DRAWN_STEP_S / STEP_S)
    labels = labels_of(info)
    t, value = drive.t_ns / 1e9, drive.signals[info.path]
    driven = Series("driven", t[::step], value[::step], np.zeros(len(t[::step]), np.uint8), 0, BAND, labels)
    lines = [driven] if labels is None else []
    for number, passage in enumerate(passages):
        mine = parts[number].get(info.path)
        if mine is None:
            continue
        series = series_of(mine, Timeline.of(mine, passage.start_ns))
        dash = Stroke(dash=(DASH_PX, 2 * DASH_PX, number * DASH_PX))
        brand = passage.vehicle.sold_as[0].brand
        lines.append(Series(brand, series.t, series.value, series.quality, number, dash, labels))
    return Panel(short(info.path), tuple(lines), info.unit)


def _exactness(passages: Sequence[Passage]) -> list[Markup]:
    by_path: dict[str, dict[int, Deviation]] = {}
    for number, passage in enumerate(passages):
        for deviation in passage.deviations:
            by_path.setdefault(deviation.path, {})[number] = deviation
    ordered = sorted(by_path.items(), key=lambda item: -len(item[1]))
    rows = [
        [short(path), _unit(given), *(_verdict(given.get(i)) for i in range(len(passages)))] for path, given in ordered
    ]
    columns = ["signal", "unit", *(passage.vehicle.sold_as[0].brand for passage in passages)]
    held, total = (sum(counts) for counts in zip(*(passage.exact for passage in passages), strict=True))
    told = [
        [
            passage.vehicle.name,
            passage.log.name,
            passage.format,
            _grouped(len(passage.frames)),
            el("span", passage.told, class_="ok" if passage.told == passage.vehicle.name else "off"),
            len(passage.sent),
            _grouped(len(passage.samples)),
        ]
        for passage in passages
    ]
    heads = ["car", "log", "format", "frames", "told from the traffic as", "signals", "samples"]
    return [
        table(
            heads,
            told,
            caption="Each log was read back by what reads any log, without being told its car",
            numeric=(3, 5, 6),
        ),
        el("h3", "Largest deviation from what was driven"),
        el(
            "p",
            f"{held} of {total} signals came back within half a step of their wire, which is all that rounding costs; "
            "of states, every one was right. A value that is computed from several fields has no step of its own.",
        ),
        table(
            columns,
            rows,
            caption="Largest deviation, in the unit and in steps of the wire",
            numeric=range(2, len(columns)),
        ),
    ]


def _unit(given: dict[int, Deviation]) -> str:
    return next(iter(given.values())).unit


def _verdict(deviation: Deviation | None) -> Markup:
    if deviation is None:
        return el("span", "–", class_="quiet")
    mark: Markup | None = el("span", "✓" if deviation.holds else "✗", class_="ok" if deviation.holds else "off")
    if deviation.holds and not deviation.judged:
        mark = None
    if deviation.state:
        text, under = f"{deviation.largest:.0f} wrong", f"of {_grouped(deviation.samples)}"
    else:
        text = format_number(deviation.largest, 3)
        under = (
            f"{deviation.steps:.2f} steps of {format_number(deviation.step, 3)}"
            if deviation.steps is not None
            else "computed"
        )
    return join([mark, " ", text, el("span", under, class_="sub")])


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")

"""A car's reference as a page that is complete in itself, and the page that leads to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.report.markup import Markup, el, escape, join
from commonwheel.report.page import card, facts, page, table
from commonwheel.report.reference_text import file_name
from commonwheel.report.reference_words import (
    HOW,
    arithmetic,
    attributes,
    condition,
    layout,
    limits,
    message_facts,
    number,
    resolution,
    sold,
    summary,
    within,
)
from commonwheel.report.samples import short
from commonwheel.vehicles.bits import CHECK, NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.report.reference import Drawing, FieldLine, MessageSheet, Reference, SignalLine, VariantLine
    from commonwheel.vehicles.bits import Run

__all__ = ["index_page", "reference_page"]

_COLORS = 6
_WIDE_ENOUGH = 3
"""Bits of a run in which a field's name is written, not only its letter."""


def index_page(references: Sequence[Reference], link: Callable[[str], str] | None = None) -> str:
    """Return the page that leads to all others; *link* makes an address of a car's name (beside this page)."""
    rows = [
        [
            join(
                [el("a", one.car.title, href=(link or _beside)(one.car.name)), el("span", one.car.name, class_="sub")]
            ),
            ", ".join(sold(sale) for sale in one.car.sold_as),
            one.car.powertrain,
            len(one.car.signals),
            _rests(one),
            len(one.messages),
            one.asked,
        ]
        for one in references
    ]
    columns = ["car", "sold as", "powertrain", "signals", "resting on", "messages", "requests"]
    lead = (
        f"{len(references)} car lines, each as its description has it: every signal with its evidence, every message "
        "bit by bit. Nothing here was written by hand."
    )
    shown = table(columns, rows, caption="Described cars", numeric=(3, 5, 6), wide=(1,))
    return page("Reference of the cars", card("Cars", shown, _evidence_key(), name="cars"), lead=lead, styles=_STYLES)


_STYLES = ("matrix.css", "reference.css")


def _beside(car: str) -> str:
    return file_name(car, ".html")


def reference_page(reference: Reference, index: str = "") -> str:
    """Return one car's page; *index* is the address of the page that leads to all."""
    car = reference.car
    parts = {
        "signals": ("Signals", _signals(reference)),
        "requests": ("Requests", [_requests(reference)] if car.requests else []),
        "acting": ("Acting", _acting(reference) if reference.served or reference.cannot else []),
        "facts": ("Fixed facts", [_attributes(reference)] if car.attributes else []),
        "messages": ("Messages", _messages(reference)),
        "sources": ("Sources", _sources(reference)),
    }
    there = {name: part for name, part in parts.items() if part[1]}
    content = [card(title, *part, name=name) for name, (title, part) in there.items()]
    links = [el("a", title, href=f"#{name}") for name, (title, _part) in there.items()]
    back = [el("a", "All cars", href=index)] if index else []
    way = el("nav", *back, *links, class_="way screen", aria_label="On this page")
    # The script only filters and highlights: everything is there without it.
    about = card("The car", _about(reference), name="car")
    return page(car.title, way, about, *content, lead=summary(reference), styles=_STYLES, scripts=("reference.js",))


def _about(reference: Reference) -> Markup:
    car = reference.car
    told = {
        "Description": el("span", car.name, class_="mono"),
        "Powertrain": car.powertrain,
        "Signals": len(car.signals),
        "Messages": len(car.messages),
        "Requests": reference.asked,
    }
    for bus in car.buses:
        told[f"Bus {bus.name}"] = f"{bus.bitrate / 1000:g} kbit/s{', CAN FD' if bus.fd else ''}"
    note = reference.provenance.note
    variants = [el("h3", "Variants"), *map(_variant, reference.variants)] if reference.variants else []
    return join([facts(told), _rests(reference), el("p", note, class_="note") if note else None, *variants])


def _rests(reference: Reference) -> Markup:
    """Return how much of a car rests on what: a bar of three parts with their numbers."""
    counts = reference.evidence()
    whole = max(1, sum(counts.values()))
    parts: list[Markup] = []
    at = 0.0
    for word, count in counts.items():
        width = 100 * count / whole
        parts.append(el("rect", class_=word[0], x=f"{at:.2f}", width=f"{max(0.0, width - 0.8):.2f}", height=9))
        at += width
    words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    bar = el("svg", *parts, class_="rests", viewBox="0 0 100 9", preserveAspectRatio="none", aria_hidden="true")
    return join([bar, el("span", words, class_="sub")])


def _evidence_key() -> Markup:
    items = [
        ("v", "verified on a recording"),
        ("d", "documented by a public source"),
        ("a", "assumed, with the reason"),
    ]
    return el("ul", *(el("li", el("span", class_=f"cell {kind}"), text) for kind, text in items), class_="key after")


def _variant(line: VariantLine) -> Markup:
    brands = ", ".join(sold(one) for one in line.car.sold_as)
    changes = [el("li", change) for change in line.changes] or [el("li", "nothing but its name")]
    head = el("summary", el("span", line.car.name, class_="mono"), el("span", brands, class_="sub inline"))
    return el("details", head, el("ul", *changes))


# ---- signals ----------------------------------------------------------------------------------------------------


def _signals(reference: Reference) -> list[Markup]:
    anchors = {sheet.reference: _anchor(sheet) for sheet in reference.messages}
    tools = el(
        "div",
        el(
            "label",
            "Find a signal, field or message",
            el("input", type="search", id="find", placeholder="Battery, Wheel, 0x1DB …", autocomplete="off"),
        ),
        el("output", id="count", for_="find"),
        class_="tools screen",
    )
    parts = [tools, _evidence_key()]
    for group, lines in reference.groups().items():
        rows = [_signal(line, anchors) for line in lines]
        columns = ["signal", "unit", "from", "step", "range or values", "rests on"]
        shown = table(columns, rows, caption=f"Signals of {group}", numeric=(3,), wide=(2, 4, 5))
        parts.append(el("div", el("h3", group), shown, class_="group"))
    return parts


def _signal(line: SignalLine, anchors: dict[str, str]) -> list[Markup | str]:
    info = line.info
    count = el("span", f"{len(line.members)} signals", class_="sub") if len(line.members) > 1 else None
    personal = el("span", "personal", class_="must") if info.personal else None
    # Links go to a path, from here and from elsewhere, and do not know which are shown in one row.
    targets = [el("span", id=f"s-{member.path}") for member in line.members]
    return [
        join([*targets, _broken(short(line.path)), count, personal]),
        info.unit,
        join([_from(line, anchors), _row(line)]),
        resolution(line),
        limits(line),
        _evidence(info.evidence, line.note),
    ]


def _from(line: SignalLine, anchors: dict[str, str]) -> Markup:
    told = HOW.get(line.info.how, line.info.how)
    if not line.sources:
        return escape(f"{told} other signals".strip())
    return join([f"{told} " if told else None, join([_field_link(s, anchors) for s in line.sources], ", ")])


def _field_link(source: str, anchors: dict[str, str]) -> Markup:
    anchor = anchors.get(source.rpartition(".")[0])
    text = _broken(source)
    return el("a", text, href=f"#{anchor}", class_="mono") if anchor else el("span", text, class_="mono")


def _row(line: SignalLine) -> Markup | None:
    """Return the row of the description, folded."""
    if line.place is None:
        return None
    head = el("summary", str(line.place), class_="sub")
    return el("details", head, el("pre", line.place.text, tabindex=0), class_="row")


def _evidence(text: str, note: str = "") -> Markup:
    word, _, reason = text.partition(" ")
    sign = el("span", word, class_=f"rest {word[:1]}") if word else None
    return join(
        [sign, " ", reason.removeprefix("(").removesuffix(")"), el("span", note, class_="sub") if note else None]
    )


def _broken(text: str) -> Markup:
    """Return a path that may break behind a dot or slash."""
    return Markup(escape(text).replace(".", ".<wbr>").replace("/", "/<wbr>"))


def _requests(reference: Reference) -> Markup:
    anchors = {sheet.reference: _anchor(sheet) for sheet in reference.messages}
    rows = [
        [
            _broken(short(request.path)),
            request.unit,
            _field_link(request.source, anchors),
            f"{number(request.low)}..{number(request.high)}",
            within(request),
            _evidence(request.evidence),
        ]
        for request in reference.car.requests
    ]
    columns = ["request", "unit", "to", "range", "confirmed by", "rests on"]
    return table(columns, rows, caption="What may be asked of the car", wide=(2, 4, 5))


def _acting(reference: Reference) -> list[Markup]:
    rows = [
        [
            _broken(short(one.path)),
            one.manner,
            one.limits,
            _broken(short(one.proven)),
            _evidence(one.evidence),
            one.source,
        ]
        for one in reference.served
    ]
    columns = ["actuator", "manner", "limits", "confirmed by", "rests on", "limits from"]
    shown = table(columns, rows, caption="What the car can be made to do, within limits", wide=(2, 4, 5))
    cannot = [
        el("p", "It cannot be asked for ", _broken(short(path)), f": {why}.") for path, why in reference.cannot.items()
    ]
    return [shown, *cannot] if reference.served else cannot


def _attributes(reference: Reference) -> Markup:
    return table(["attribute", "value"], attributes(reference), caption="Facts that no frame says", wide=(1,))


# ---- messages ---------------------------------------------------------------------------------------------------


def _anchor(sheet: MessageSheet) -> str:
    return f"m-{sheet.reference.replace('/', '-')}"


def _messages(reference: Reference) -> list[Markup]:
    key = el(
        "p",
        "Each row is a byte, its most significant bit on the left. A field begins where its letter stands in bold; "
        "hatched is a checksum, empty what no field covers.",
        class_="quiet",
    )
    parts = [key]
    for bus in reference.car.buses:
        here = [sheet for sheet in reference.messages if sheet.bus == bus.name]
        known, bare = [sheet for sheet in here if sheet.fields], [sheet for sheet in here if not sheet.fields]
        files = ", ".join(reference.provenance.databases.get(bus.name, ()))
        parts.append(el("h3", f"Bus {bus.name}", el("span", files, class_="sub inline mono")))
        parts += [_message(sheet) for sheet in known]
        if bare:
            rows = [
                [el("span", s.message.id_text, class_="mono"), s.message.name, message_facts(s), s.comment]
                for s in bare
            ]
            parts += [table(["id", "message", "", "about"], rows, caption=f"No field is known: {len(bare)} messages",
                            wide=(2, 3))]  # fmt: skip
    return parts


def _message(sheet: MessageSheet) -> Markup:
    head = el("h4", el("span", sheet.message.id_text, class_="mono"), " ", sheet.message.name)
    about = [el("p", text) for text in (sheet.comment, sheet.note) if text]
    place = el("span", str(sheet.place), class_="sub") if sheet.place else None
    asked = [el("p", "Asked for through it: ", ", ".join(map(short, sheet.requests)))] if sheet.requests else []
    left = [el("p", f"{sheet.left_out} more layouts are not drawn.")] if sheet.left_out else []
    drawings = [_drawing(drawing, sheet) for drawing in sheet.drawings]
    return el(
        "article",
        head,
        el("p", message_facts(sheet), place, class_="sub"),
        *about,
        el("div", el("div", *drawings, *left, class_="drawings"), _fields(sheet), class_="two"),
        *asked,
        class_="message",
        id=_anchor(sheet),
    )


def _drawing(drawing: Drawing, sheet: MessageSheet) -> Markup:
    head = el("span", *(el("i", bit) for bit in range(7, -1, -1)), class_="ruler", aria_hidden="true")
    rows = [
        el("span", el("b", byte), *(_run(run, sheet.fields) for run in runs), class_="byte")
        for byte, runs in enumerate(drawing.rows)
    ]
    title = el("p", f"when {drawing.title}", class_="sub") if drawing.title else None
    told = f"Bits of {sheet.message.name}; the table beside it says where each field lies"
    return join([title, el("div", head, *rows, class_="bits", role="img", aria_label=told)])


def _run(run: Run, fields: Sequence[FieldLine]) -> Markup:
    width = f"w{run.length}"
    if run.owner == NOBODY:
        return el("i", class_=f"{width} none")
    if run.owner == CHECK:
        return el("i", "checksum" if run.length >= _WIDE_ENOUGH else "", class_=f"{width} check")
    line = fields[run.owner]
    kind = "check" if line.role == "checksum" else f"c{run.owner % _COLORS}"
    letter = el("b", line.label) if run.first else line.label
    name = f" {line.field.name}" if run.first and run.length >= _WIDE_ENOUGH else None
    return el("i", letter, name, class_=f"{width} {kind}", data_f=run.owner, title=line.field.name)


def _fields(sheet: MessageSheet) -> Markup:
    rows = [
        [
            join([el("span", line.label, class_=f"tag {_tag(i, line)}", data_f=i), " ", line.field.name]),
            join([layout(line.field), el("span", arithmetic(line.field), class_="sub mono")]),
            join([condition(line), *(_used(path) for path in line.paths)]),
        ]
        for i, line in enumerate(sheet.fields)
    ]
    return table(["field", "place, value", "about"], rows, caption=f"Fields of {sheet.message.name}", wide=(2,))


def _tag(number: int, line: FieldLine) -> str:
    return "check" if line.role == "checksum" else f"c{number % _COLORS}"


def _used(path: str) -> Markup:
    return el("a", _broken(short(path)), href=f"#s-{path}", class_="used")


def _sources(reference: Reference) -> list[Markup]:
    provenance = reference.provenance
    parts: list[Markup] = []
    if provenance.evidence:
        parts.append(el("p", "Rows without evidence of their own rest on: ", _evidence(provenance.evidence)))
    parts += [el("p", "The description, what it extends first:"), _list(provenance.files)]
    files = list(dict.fromkeys(file for bus in reference.car.buses for file in provenance.databases.get(bus.name, ())))
    parts += [el("p", "Its databases:"), _list(files)]
    if reference.car.repairs:
        parts += [el("p", "What was repaired in them while reading:"), _list(reference.car.repairs)]
    return parts


def _list(items: Sequence[str]) -> Markup:
    return el("ul", *(el("li", item, class_="mono") for item in items))

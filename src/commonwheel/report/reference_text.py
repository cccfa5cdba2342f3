"""A car's reference as Markdown, with its bits drawn in letters, and the index of all of them.

In a drawing a byte is a line, its most significant bit first. Each field has a letter, a capital where its most
significant bit is; ``#`` is a checksum that is no field, ``.`` a bit that no field covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from collections.abc import Iterable, Sequence

    from commonwheel.report.reference import Drawing, FieldLine, MessageSheet, Reference, SignalLine

__all__ = ["file_name", "index_text", "reference_text"]

_MARKS = {NOBODY: ".", CHECK: "#"}
_HINT = (
    "In a drawing each line is a byte, its most significant bit first. A field has the letter that stands before it in "
    "the table, a capital where its most significant bit is; `.` is a bit that no field covers, `#` a checksum that is "
    "no field."
)
_MADE = (
    "Made of the car's description by `commonwheel cars --pages FOLDER --markdown`; change the description, not this "
    "page."
)


def file_name(car: str, suffix: str) -> str:
    """Return the name of a car's page: ``nissan-leaf_ze0.md`` for ``nissan/leaf_ze0``."""
    return f"{car.replace('/', '-').replace(':', '-')}{suffix}"


def index_text(references: Sequence[Reference]) -> str:
    """Return the page that leads to all others."""
    rows = [
        [
            f"[`{one.car.name}`]({file_name(one.car.name, '.md')})",
            ", ".join(sold(sale) for sale in one.car.sold_as),
            one.car.powertrain,
            len(one.car.signals),
            " / ".join(str(count) for count in one.evidence().values()),
            len(one.car.messages),
            one.asked,
        ]
        for one in references
    ]
    columns = ["car", "sold as", "powertrain", "signals", "verified / documented / assumed", "messages", "requests"]
    lead = "Every shipped car, as its description has it: signals with their evidence, messages bit by bit, requests."
    return _joined(["# Reference of the cars", lead, _table(columns, rows), _MADE])


def reference_text(reference: Reference) -> str:
    """Return one car's page."""
    car = reference.car
    parts = [f"# {car.title}", f"`{car.name}`: {summary(reference)}"]
    parts += [reference.provenance.note] if reference.provenance.note else []
    parts += _variants(reference)
    parts.append("## Signals")
    for group, lines in reference.groups().items():
        parts += [f"### {group}", _signals(lines)]
    parts += _requests(reference)
    parts += _acting(reference)
    if car.attributes:
        rows = [[f"`{path}`", value] for path, value in attributes(reference)]
        parts += ["## Fixed facts", _table(["attribute", "value"], rows)]
    parts += ["## Messages", _HINT]
    for sheet in reference.messages:
        parts += _message(sheet) if sheet.fields else []
    parts += _bare(reference)
    parts += ["## Sources", *_sources(reference), _MADE]
    return _joined(parts)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")


def _signals(lines: Sequence[SignalLine]) -> str:
    rows = [
        [
            f"`{short(line.path)}`" + (f" ({len(line.members)} signals)" if len(line.members) > 1 else ""),
            line.info.unit,
            _from(line),
            resolution(line),
            limits(line),
            "; ".join(filter(None, (line.info.evidence, line.note, "personal" * line.info.personal))),
            f"{line.place}" if line.place else "",
        ]
        for line in lines
    ]
    return _table(["signal", "unit", "from", "step", "range or values", "evidence", "row"], rows)


def _from(line: SignalLine) -> str:
    fields = ", ".join(f"`{source}`" for source in line.sources)
    return f"{HOW.get(line.info.how, line.info.how)} {fields or 'other signals'}".strip()


def _requests(reference: Reference) -> list[str]:
    rows = [
        [
            f"`{short(request.path)}`",
            request.unit,
            f"`{request.source}`",
            f"{number(request.low)}..{number(request.high)}",
            within(request),
            request.evidence,
        ]
        for request in reference.car.requests
    ]
    columns = ["request", "unit", "to", "range", "confirmed by", "evidence"]
    return ["## Requests", _table(columns, rows)] if rows else []


def _acting(reference: Reference) -> list[str]:
    """Return what the car can be made to do, and what it cannot."""
    rows = [
        [f"`{short(one.path)}`", one.manner, one.limits, short(one.proven), one.evidence, one.source]
        for one in reference.served
    ]
    columns = ["actuator", "manner", "limits", "confirmed by", "evidence", "limits from"]
    cannot = [f"It cannot be asked for `{short(path)}`: {why}." for path, why in reference.cannot.items()]
    shown = [_table(columns, rows)] if rows else []
    return ["## Acting", *shown, *cannot] if shown or cannot else []


def _variants(reference: Reference) -> list[str]:
    if not reference.variants:
        return []
    parts = ["## Variants"]
    for variant in reference.variants:
        brands = ", ".join(sold(one) for one in variant.car.sold_as)
        changes = "\n".join(f"- {change}" for change in variant.changes) or "- nothing but its name"
        parts += [f"`{variant.car.name}`: {brands}", changes]
    return parts


def _message(sheet: MessageSheet) -> list[str]:
    parts = [f"### {sheet.message.id_text} {sheet.message.name}", f"{message_facts(sheet)}."]
    parts += [text for text in (sheet.comment, sheet.note) if text]
    for drawing in sheet.drawings:
        parts += [f"When {drawing.title}:"] if drawing.title else []
        parts.append(_drawing(drawing, sheet.fields))
    parts += [f"{sheet.left_out} more layouts are not drawn."] if sheet.left_out else []
    rows = [
        [line.label, line.field.name, layout(line.field), arithmetic(line.field), condition(line), _used(line)]
        for line in sheet.fields
    ]
    parts.append(_table(["", "field", "place", "value", "about", "signals"], rows))
    if sheet.requests:
        parts.append(f"Asked for through it: {', '.join(f'`{short(path)}`' for path in sheet.requests)}.")
    return parts


def _bare(reference: Reference) -> list[str]:
    """Return the messages of which nothing but their being there is known."""
    rows = [
        [
            sheet.message.id_text,
            sheet.message.name,
            message_facts(sheet),
            "; ".join(filter(None, (sheet.comment, sheet.note))),
        ]
        for sheet in reference.messages
        if not sheet.fields
    ]
    if not rows:
        return []
    return ["### Messages without a known field", _table(["id", "message", "", "about"], rows)]


def _used(line: FieldLine) -> str:
    return ", ".join(f"`{short(path)}`" for path in line.paths)


def _drawing(drawing: Drawing, fields: Sequence[FieldLine]) -> str:
    width = max((len(line.label) for line in fields), default=1)
    lines = ["        " + " ".join(f"{bit:<{width}}" for bit in range(7, -1, -1)).rstrip()]
    for byte, runs in enumerate(drawing.rows):
        cells: list[str] = []
        for run in runs:
            mark = _MARKS.get(run.owner) or fields[run.owner].label
            cells += [mark.upper() if run.first else mark, *[mark] * (run.length - 1)]
        lines.append(f"byte {byte:<2} " + " ".join(f"{cell:<{width}}" for cell in cells).rstrip())
    return "\n".join(["```text", *lines, "```"])


def _sources(reference: Reference) -> list[str]:
    provenance = reference.provenance
    parts = [f"Rows without evidence of their own rest on: {provenance.evidence}."] if provenance.evidence else []
    files = "\n".join(f"- `{file}`" for file in provenance.files)
    databases = "\n".join(
        f"- bus `{bus.name}`, {bus.bitrate // 1000} kbit/s: "
        + ", ".join(f"`{f}`" for f in provenance.databases[bus.name])
        for bus in reference.car.buses
    )
    return [*parts, "The description, what it extends first:", files, "Its databases:", databases]

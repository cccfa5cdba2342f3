"""A description's signals compiled into the tables: fields, expressions, fallbacks, texts.

Rows may refer to each other by path, so each is compiled when it is first needed; a circle is a fault.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from commonwheel.errors import CatalogError
from commonwheel.vehicles.expressions import ExpressionError, compile_expression
from commonwheel.vehicles.fields import CAPACITY, compile_field, holds, limits_of, multiplexed
from commonwheel.vehicles.model import SignalInfo, TextInfo, Writer
from commonwheel.vehicles.rows import ComputeRow, FieldRow, FirstRow, Row, TextRow
from commonwheel.vehicles.yamltree import suggest
from commonwheel.wire.database import overlaps
from commonwheel.wire.tables import Condition, Op, SignalRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pint.facets.plain import PlainUnit

    from commonwheel.catalog import Leaf
    from commonwheel.vehicles.buses import Buses, Reference
    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.expressions import Expression
    from commonwheel.vehicles.fields import CompiledField
    from commonwheel.vehicles.messages import Messages
    from commonwheel.vehicles.yamltree import Node, Reader
    from commonwheel.wire.tables import TableBuilder

__all__ = ["EVIDENCE", "SignalCompiler", "evidence_of"]

EVIDENCE = re.compile(r"(verified|documented|assumed) \(.+\)", re.DOTALL)
WEAKEST_FIRST = ("assumed", "documented", "verified")


class SignalCompiler:
    """Compiles rows by path; what it found is in its public attributes after ``finish``."""

    def __init__(
        self, rows: Mapping[str, tuple[Leaf, Row]], described: Description, buses: Buses, messages: Messages,
        builder: TableBuilder, reader: Reader,
    ) -> None:  # fmt: skip
        self._rows = rows
        self._described = described
        self._buses = buses
        self._messages = messages
        self._builder = builder
        self._reader = reader
        self._numbers = {path: i for i, path in enumerate(rows)}
        self._slots: dict[str, int] = {}
        self._busy: list[str] = []
        self._used: dict[tuple[str, str], dict[str, tuple[Reference, Node]]] = {}
        self._infos: dict[str, SignalInfo] = {}
        self._texts: list[TextInfo] = []
        self.writers: dict[str, tuple[Writer, ...]] = {}
        """How each path is encoded; paths without an entry are derived."""

    def compile_all(self) -> None:
        """Compile every row."""
        for path in self._rows:
            self._slot(path)

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        """The signals in the order of their numbers; complete when there was no fault."""
        return tuple(self._infos[path] for path in self._numbers if path in self._infos)

    @property
    def texts(self) -> tuple[TextInfo, ...]:
        """The signals made of characters."""
        return tuple(self._texts)

    def info(self, path: str) -> SignalInfo | None:
        """Return a compiled signal."""
        return self._infos.get(path)

    def use(self, reference: Reference, node: Node) -> int:
        """Note that a row maps a field; return its message's number in the tables."""
        used = self._used.setdefault((reference.bus, reference.message.name), {})
        used.setdefault(reference.signal.name, (reference, node))
        return self._messages.index[reference.bus, reference.message.name]

    def check_overlaps(self) -> None:
        """Two mapped fields that share bits can be decoded but never written back."""
        for used in self._used.values():
            message = next(iter(used.values()))[0].message
            for first, second in overlaps(message):
                if first.name in used and second.name in used:
                    one, other = used[first.name], used[second.name]
                    later = max(one[1], other[1], key=lambda node: node.line)
                    self._reader.fault(
                        later,
                        f"{one[0]} and {other[0]} share bits, so they cannot both be written; "
                        "correct the layout or map only one of them",
                    )

    def _slot(self, path: str) -> int | None:
        """Return the slot of a path, compiling its row first when that was not done yet."""
        if path in self._slots:
            return self._slots[path]
        leaf, row = self._rows[path]
        if path in self._busy:
            circle = " -> ".join([*self._busy[self._busy.index(path) :], path])
            self._reader.fault(row.node, f"rows depend on each other in a circle: {circle}")
            return None
        self._busy.append(path)
        if isinstance(row, FieldRow):
            slot = self._field(path, leaf, row)
        elif isinstance(row, ComputeRow):
            slot = self._compute(path, leaf, row)
        elif isinstance(row, FirstRow):
            slot = self._first_of(path, leaf, row)
        else:
            slot = self._text(path, leaf, row)
        self._busy.pop()
        if slot is not None:
            self._slots[path] = slot
        return slot

    def _field(self, path: str, leaf: Leaf, row: FieldRow) -> int | None:
        if "/" not in row.source and row.source in self._rows:
            self._reader.fault(row.node, f"'{row.source}' is a path; a 'from' row names a field (bus/Message.Signal)")
            return None
        field = compile_field(row, leaf, self._buses, self._reader)
        if field is None:
            return None
        message = self.use(field.reference, row.node)
        slot = self._builder.signal(message, replace(field.row, emit=self._numbers[path]))
        self.writers[path] = (msgspec.structs.replace(field.writer, message=message),)
        self._note(path, leaf, row, "from", (field,))
        return slot

    def _first_of(self, path: str, leaf: Leaf, row: FirstRow) -> int | None:
        slots: list[int] = []
        fields: list[CompiledField] = []
        writers: list[Writer] = []
        if len(row.sources) < 2:  # noqa: PLR2004 - one source needs no order
            self._reader.fault(row.node, "'first_of' lists at least two sources, the preferred one first")
            return None
        for source in row.sources:
            field = compile_field(source, leaf, self._buses, self._reader)
            if field is None:
                continue
            message = self.use(field.reference, source.node)
            slots.append(self._builder.signal(message, field.row))
            fields.append(field)
            writers.append(msgspec.structs.replace(field.writer, message=message))
        if len(slots) != len(row.sources):
            return None
        self.writers[path] = tuple(writers)
        self._note(path, leaf, row, "first_of", tuple(fields))
        return self._builder.first_of(slots, self._numbers[path])

    def _compute(self, path: str, leaf: Leaf, row: ComputeRow) -> int | None:
        slots: dict[str, int] = {}
        units: dict[str, PlainUnit | None] = {}
        fields: dict[str, CompiledField] = {}
        complete = True
        for name, item in row.inputs.items():
            found = self._input(item)
            if found is None:
                complete = False
                continue
            slots[name], unit, field = found
            units[name] = self._unit(unit, item.node)
            if field is not None:
                fields[name] = field
        if not complete:
            return None
        try:
            expression = compile_expression(row.expression, units)
            factor, offset = self._result(expression, leaf)
        except ExpressionError as error:
            self._reader.fault(row.node, f"{path}: {error}")
            return None
        for name in row.inputs.keys() - set(expression.names):
            self._reader.fault(row.node, f"{path}: the input '{name}' is not used in '{row.expression}'")
        low, high = self._computed_limits(path, leaf, row)
        self._back(path, leaf, row, fields, units)
        self._note(path, leaf, row, "compute", tuple(fields.values()), low=low, high=high)
        return self._builder.compute(
            list(slots.values()), expression.steps, self._numbers[path], scaling=(factor, offset, low, high)
        )

    def _input(self, item: FieldRow) -> tuple[int, str, CompiledField | None] | None:
        """Return (slot, unit, field) of an expression's input; no field when it is another row."""
        if "/" not in item.source:
            if item.source not in self._rows:
                hint = suggest(item.source, self._rows)
                self._reader.fault(item.node, f"'{item.source}' is neither bus/Message.Signal nor a row here{hint}")
                return None
            if item != FieldRow(item.node, item.source):
                self._reader.fault(item.node, f"'{item.source}' is a row of its own: state what it needs there")
                return None
            if isinstance(self._rows[item.source][1], TextRow):
                self._reader.fault(item.node, f"'{item.source}' is text; there is nothing to calculate with")
                return None
            slot = self._slot(item.source)
            return None if slot is None else (slot, self._rows[item.source][0].unit or "", None)
        field = compile_field(item, None, self._buses, self._reader)
        if field is None:
            return None
        return self._builder.signal(self.use(field.reference, item.node), field.row), field.unit, field

    def _unit(self, unit: str, node: Node) -> PlainUnit | None:
        from commonwheel.catalog.units import to_pint

        if not unit:
            return None
        try:
            return to_pint(unit)
        except CatalogError as error:
            self._reader.fault(node, str(error))
            return None

    def _result(self, expression: Expression, leaf: Leaf) -> tuple[float, float]:
        from commonwheel.catalog.units import conversion

        if expression.unit is None or leaf.datatype == "boolean":
            return 1.0, 0.0
        try:
            return conversion(expression.unit, leaf.unit)
        except CatalogError as error:
            message = f"the result does not fit: {error}"
            raise ExpressionError(message) from error

    def _computed_limits(self, path: str, leaf: Leaf, row: ComputeRow) -> tuple[float, float]:
        if leaf.datatype not in CAPACITY:
            self._reader.fault(row.node, f"{path} is {leaf.datatype}, which cannot be computed")
        low, high = limits_of(leaf)
        if row.limits is None:
            return low, high
        if not holds(leaf.datatype, *row.limits):
            self._reader.fault(row.node, f"{leaf.datatype} of {path} cannot hold {row.limits[0]:g}..{row.limits[1]:g}")
        return max(low, row.limits[0]), min(high, row.limits[1])

    def _back(
        self, path: str, leaf: Leaf, row: ComputeRow, fields: Mapping[str, CompiledField],
        units: Mapping[str, PlainUnit | None],
    ) -> None:  # fmt: skip
        """Compile 'back': how the encoder sets the inputs from the standard's value."""
        writers: list[Writer] = []
        complete = True
        for name, text in row.back.items():
            targets, unit = self._targets(row.inputs[name], fields.get(name), units.get(name))
            try:
                expression = compile_expression(text, {"value": self._unit(leaf.unit or "", row.node)})
                factor, offset = _back_scaling(expression.unit, unit)
            except ExpressionError as error:
                self._reader.fault(row.node, f"'back' of '{name}': {error}")
                continue
            if not targets:
                self._reader.fault(row.node, f"'back' cannot set '{name}', which is computed itself")
            steps = tuple((int(op), float(argument)) for op, argument in expression.steps)
            # The result is brought to the input's unit, which the writer starts from.
            if (factor, offset) != (1.0, 0.0):
                steps = (*steps, (Op.CONSTANT, factor), (Op.MUL, 0.0), (Op.CONSTANT, offset), (Op.ADD, 0.0))
            complete = complete and bool(targets)
            writers += [msgspec.structs.replace(target, steps=steps) for target in targets]
        if row.back and complete:
            self.writers[path] = tuple(writers)

    def _targets(
        self, item: FieldRow, field: CompiledField | None, unit: PlainUnit | None
    ) -> tuple[tuple[Writer, ...], PlainUnit | None]:
        """Return the writers of an expression's input, and the unit they start from."""
        if field is None:
            writers = self.writers.get(item.source, ())
            return (() if any(writer.steps for writer in writers) else writers), unit
        message = self._messages.index[field.reference.bus, field.reference.message.name]
        return (msgspec.structs.replace(field.writer, message=message),), unit

    def _text(self, path: str, leaf: Leaf, row: TextRow) -> int | None:
        if leaf.datatype != "string":
            self._reader.fault(row.node, f"{path} is {leaf.datatype}, not a string")
            return None
        reference = self._buses.field(row.node, row.source)
        if reference is None:
            return None
        if reference.signal.length % 8 or not reference.signal.big_endian:
            self._reader.fault(row.node, f"{reference} does not hold whole characters in big-endian order")
            return None
        message = self.use(reference, row.node)
        pieces: list[int] = []
        for part in row.parts or (None,):
            present = tuple(multiplexed(reference.message, reference.signal))
            if part is not None:
                bus = self._buses.by_name[reference.bus]
                selector = self._buses.of_message(row.node, bus, reference.message, row.select)
                if selector is None:
                    return None
                if not 0 <= part < 1 << selector.length:
                    self._reader.fault(row.node, f"part {part} cannot occur in {selector.length} bits of {row.select}")
                present = (*present, Condition(selector, ((part, part),)))
            number = len(self._numbers) + sum(len(text.pieces) for text in self._texts) + len(pieces)
            pieces.append(number)
            self._builder.signal(message, SignalRow(reference.signal, number, present=present, raw=True))
        self._texts.append(TextInfo(self._numbers[path], tuple(pieces), reference.signal.length // 8, message))
        self._note(path, leaf, row, "text", (), sources=(str(reference),))
        return -1

    def _note(
        self, path: str, leaf: Leaf, row: Row, how: str, fields: tuple[CompiledField, ...], *,
        sources: tuple[str, ...] = (), low: float | None = None, high: float | None = None,
    ) -> None:  # fmt: skip
        """Record what is known of a signal."""
        through: list[str] = [*sources, *(str(field.reference) for field in fields)]
        if isinstance(row, ComputeRow):
            for item in row.inputs.values():
                through += self._infos[item.source].sources if item.source in self._infos else ()
        unique = tuple(dict.fromkeys(through))
        ends = [(field.row.low, field.row.high) for field in fields] if low is None else []
        self._infos[path] = SignalInfo(
            path=path,
            unit=leaf.unit or "",
            datatype=leaf.datatype,
            kind=leaf.kind.value,
            how=how,
            sources=unique,
            evidence=evidence_of(row.evidence, unique, row.node, self._messages, self._described, self._reader),
            labels=tuple(str(label) for label in leaf.allowed) if leaf.datatype == "string" else (),
            low=min((end[0] for end in ends), default=low if low is not None else limits_of(leaf)[0]),
            high=max((end[1] for end in ends), default=high if high is not None else limits_of(leaf)[1]),
            resolution=max((field.resolution for field in fields), default=0.0) if how != "compute" else 0.0,
            file=row.node.file.name,
            line=row.node.line,
            note=row.note,
        )


def _back_scaling(source: PlainUnit | None, target: PlainUnit | None) -> tuple[float, float]:
    """Return what brings the result of 'back' to the input's unit; a bare number and a bare input have none."""
    from commonwheel.catalog.units import conversion

    if source is None or target is None:
        return 1.0, 0.0
    try:
        return conversion(source, target)
    except CatalogError as error:
        raise ExpressionError(str(error)) from error


def evidence_of(
    stated: str, sources: tuple[str, ...], node: Node, messages: Messages, described: Description, reader: Reader
) -> str:
    """Return a row's evidence: its own, else the weakest of its messages', else the file's."""
    if not stated:
        keys = [(source.partition("/")[0], source.partition("/")[2].rpartition(".")[0]) for source in sources]
        found = [messages.evidence[key] for key in keys if key in messages.evidence]
        ranked = sorted(found, key=lambda text: next((i for i, w in enumerate(WEAKEST_FIRST) if text.startswith(w)), 0))
        default = described.plain.get("evidence")
        stated = ranked[0] if ranked else str(default.value) if default is not None else ""
    if not EVIDENCE.fullmatch(stated):
        what = f"'{stated}' is no evidence" if stated else "the row rests on no evidence"
        reader.fault(node, f"{what}: state 'verified (…)', 'documented (…)' or 'assumed (…)'")
    return stated

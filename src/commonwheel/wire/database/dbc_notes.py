"""What a DBC says about its messages and signals besides their layout: one handler per statement.

Comments, value tables, attributes, float types and multiplexer values refer to messages by id and to
signals by name. They are read after all messages, since files put them in any order.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.wire.database.dbc_fields import integer, number
from commonwheel.wire.database.model import Repair

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.wire.database.drafts import MessageDraft, SignalDraft
    from commonwheel.wire.database.multiplex import Stated

__all__ = ["HANDLERS", "Notes", "read_defaults"]

_FLAG = 0x8000_0000
_FLOAT_BITS = {1: 32, 2: 64}
_FLOAT_LENGTHS = (16, 32, 64)
_PAIR = re.compile(r'([-+]?[\w.]+)\s*"((?:[^"\\]|\\"|\\)*)"', re.ASCII)
_RANGE = re.compile(r"(\d{1,20})\s*-\s*(\d{1,20})", re.ASCII)
_KNOWN_ATTRIBUTES = {"GenMsgCycleTime", "GenSigStartValue", "SystemMessageLongSymbol", "SystemSignalLongSymbol"}


@dataclass(slots=True)
class Notes:
    """What the handlers work on: the drafts, and what they learn on the way."""

    messages: list[MessageDraft]
    repairs: list[Repair]
    tables: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    defined: set[str] = field(default_factory=set[str])
    default_period_ms: float | None = None
    with_period: set[int] = field(default_factory=set[int])
    """Keys of the messages whose period is stated, be it as 'none'."""
    selected: dict[int, dict[str, Stated]] = field(default_factory=dict[int, dict[str, "Stated"]])
    """By key of the message and written name of the signal: its selector and the values that let it in."""
    hints_left: int = 50
    _by_key: dict[int, list[MessageDraft]] = field(default_factory=dict[int, list["MessageDraft"]])

    def __post_init__(self) -> None:
        for message in self.messages:
            self._by_key.setdefault(message.key, []).append(message)

    def say(self, line: int, kind: str, what: str) -> None:
        """Add a remark."""
        self.repairs.append(Repair(line, kind, what))

    def find_messages(self, text: str | None, line: int, keyword: str) -> list[MessageDraft]:
        """Return the messages of an id (usually one); where there is none, say so."""
        key = integer(text)
        found = self._by_key.get(key, []) if key is not None else []
        if not found and key is not None:
            found = self._by_key.get(key ^ _FLAG, [])
        if not found:
            self.say(line, "dangling", f"{keyword} is about message {text}, which is not there; left out")
        return found

    def find_signals(self, text: str | None, name: str, line: int, keyword: str) -> list[SignalDraft]:
        """Return the signals of an id and a name (usually one); where there is none, say so."""
        messages = self.find_messages(text, line, keyword)
        found = [signal for message in messages for signal in message.named(name)]
        if messages and not found and not any(name in message.left_out for message in messages):
            hint = self._hint(name, messages[0])
            what = f"{keyword} is about signal {name!r}, which message {messages[0].written!r} does not have{hint}"
            self.say(line, "dangling", f"{what}; left out")
        return found

    def _hint(self, name: str, message: MessageDraft) -> str:
        """Return which signal may be meant; only for the first few, since it takes its time."""
        self.hints_left -= 1
        names = [signal.written for signal in message.signals] if self.hints_left >= 0 else []
        near = difflib.get_close_matches(name, names, n=1)
        return f" (did it mean {near[0]!r}?)" if near else ""


def read_defaults(notes: Notes) -> None:
    """Give the period that the file states for all messages to those without one of their own."""
    if notes.default_period_ms is None:
        return
    for message in notes.messages:
        if message.key not in notes.with_period:
            message.period_ms = notes.default_period_ms


def _comment(match: re.Match[str], line: int, notes: Notes) -> None:
    """``CM_ SG_ id name "text";``, ``CM_ BO_ id "text";``."""
    kind, refs = match["kind"], match["refs"].split()
    text = _unquote(match["text"])
    if kind == "SG_" and len(refs) > 1:
        for signal in notes.find_signals(refs[0], " ".join(refs[1:]), line, "CM_"):
            signal.comment = text
    elif kind == "BO_" and len(refs) == 1:
        for message in notes.find_messages(refs[0], line, "CM_"):
            message.comment = text
    elif kind in {"SG_", "BO_", None} and len(refs) == 1:
        for message in notes.find_messages(refs[0], line, "CM_"):
            what = f"CM_ {f'{kind} ' if kind else ''}{refs[0]} does not say what it is about"
            notes.say(line, "comment-target", f"{what}; taken as a comment on message {message.written!r}")
            message.comment = f"{message.comment}\n{text}" if message.comment else text
    elif kind in {"SG_", "BO_"} or (kind is None and refs):
        notes.say(line, "unreadable", "CM_ names nothing that can be found; left out")


def _values(match: re.Match[str], line: int, notes: Notes) -> None:
    """``VAL_ id name 0 "text" 1 "text";``, or with the name of a table in place of the entries."""
    if match["id"] is None:
        return  # about an environment variable, which no frame carries
    choices = _choices(match["pairs"], line, notes)
    if match["table"] is not None:
        table = notes.tables.get(match["table"])
        if table is None:
            notes.say(line, "values", f"VAL_ refers to table {match['table']!r}, which is not there")
        choices = (table or {}) | choices
    for signal in notes.find_signals(match["id"], match["name"], line, "VAL_") if choices else ():
        signal.choices = dict(choices)


def _table(match: re.Match[str], line: int, notes: Notes) -> None:
    """``VAL_TABLE_ name 0 "text" 1 "text";``."""
    notes.tables[match["name"]] = _choices(match["pairs"], line, notes)


def _choices(pairs: str, line: int, notes: Notes) -> dict[int, str]:
    """Return the entries of a value table; one that has no whole number is left out."""
    choices: dict[int, str] = {}
    for code, text in _PAIR.findall(pairs):
        value = integer(code)
        if value is None:
            notes.say(line, "values", f"a value table has an entry for {code!r}, no whole number; left out")
            continue
        label = text.replace('\\"', '"')
        if choices.get(value, label) != label:
            what = f"a value table names {value} twice, {choices[value]!r} and {label!r}; the last one counts"
            notes.say(line, "values", what)
        choices[value] = label
    return choices


def _definition(match: re.Match[str], _line: int, notes: Notes) -> None:
    """``BA_DEF_ BO_ "name" INT 0 1000;``."""
    notes.defined.add(match["name"])


def _default(match: re.Match[str], _line: int, notes: Notes) -> None:
    """``BA_DEF_DEF_ "GenMsgCycleTime" 0;``."""
    if match["name"] == "GenMsgCycleTime":
        value = number(_unquote(match["value"]))
        notes.default_period_ms = value if value is not None and value > 0 else None


def _attribute(match: re.Match[str], line: int, notes: Notes) -> None:
    """``BA_ "GenMsgCycleTime" BO_ id 100;``."""
    name, kind, refs, value = match["name"], match["kind"], match["refs"].split(), _unquote(match["value"])
    if name not in notes.defined:
        use = "used all the same" if name in _KNOWN_ATTRIBUTES else "left out"
        notes.say(line, "attribute", f"attribute {name!r} is not defined; {use}")
        if name not in _KNOWN_ATTRIBUTES:
            return
    if kind == "BO_" and len(refs) == 1:
        for message in notes.find_messages(refs[0], line, "BA_"):
            _message_attribute(message, name, value, line, notes)
    elif kind == "SG_" and len(refs) > 1:
        for signal in notes.find_signals(refs[0], " ".join(refs[1:]), line, "BA_"):
            _signal_attribute(signal, name, value, line, notes)


def _message_attribute(message: MessageDraft, name: str, value: str, line: int, notes: Notes) -> None:
    """Put an attribute on a message."""
    if name == "SystemMessageLongSymbol" and value:
        message.name = value
    elif name == "GenMsgCycleTime":
        period = number(value)
        if period is None or period < 0:
            notes.say(line, "attribute", f"period {value!r} of message {message.written!r} is none; left out")
            return
        message.period_ms = period or None
        notes.with_period.add(message.key)


def _signal_attribute(signal: SignalDraft, name: str, value: str, line: int, notes: Notes) -> None:
    """Put an attribute on a signal."""
    if name == "SystemSignalLongSymbol" and value:
        signal.name = value
    elif name == "GenSigStartValue":
        start = number(value)
        if start is None:
            notes.say(line, "attribute", f"start value {value!r} of signal {signal.written!r} is no number; left out")
        else:
            signal.initial = start


def _float_type(match: re.Match[str], line: int, notes: Notes) -> None:
    """``SIG_VALTYPE_ id name : 1;``."""
    code = int(match["type"])
    if code == 0:
        return
    for signal in notes.find_signals(match["id"], match["name"], line, "SIG_VALTYPE_"):
        signal.is_float = signal.length in _FLOAT_LENGTHS and code in _FLOAT_BITS
        if signal.is_float and (signal.length == _FLOAT_BITS[code] or signal.length == _FLOAT_LENGTHS[0]):
            continue
        taken = f"a float of {signal.length} bits" if signal.is_float else "an integer"
        what = f"signal {signal.written!r} has float type {code} and {signal.length} bits; taken as {taken}"
        notes.say(line, "float-type", what)


def _selected(match: re.Match[str], line: int, notes: Notes) -> None:
    """``SG_MUL_VAL_ id name selector 0-3, 7-7;``."""
    ranges: list[tuple[int, int]] = []
    for low, high in _RANGE.findall(match["ranges"]):
        if int(low) <= int(high):
            ranges.append((int(low), int(high)))
        else:
            notes.say(line, "selector", f"SG_MUL_VAL_ of signal {match['name']!r} has range {low}-{high}; left out")
    if not ranges or not notes.find_signals(match["id"], match["name"], line, "SG_MUL_VAL_"):
        return
    for selector in notes.find_signals(match["id"], match["selector"], line, "SG_MUL_VAL_")[:1]:
        for message in notes.find_messages(match["id"], line, "SG_MUL_VAL_"):
            notes.selected.setdefault(message.key, {})[match["name"]] = (selector.written, tuple(ranges))


def _unquote(text: str) -> str:
    """Return a text without its quotation marks, if it has any."""
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text


HANDLERS: dict[str, Callable[[re.Match[str], int, Notes], None]] = {
    "BA_DEF_": _definition,
    "BA_DEF_DEF_": _default,
    "VAL_TABLE_": _table,
    "CM_": _comment,
    "VAL_": _values,
    "BA_": _attribute,
    "SIG_VALTYPE_": _float_type,
    "SG_MUL_VAL_": _selected,
}
"""The statements that say something of a draft, in the order in which they are to be read."""

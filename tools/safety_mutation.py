"""Tables of what mutation came to, from the counts that ``tools/mutate.py`` and ``tools/mutate_tables.py`` keep."""

from __future__ import annotations

import msgspec

from tools.mutants import fingerprint
from tools.mutate import COUNTS, MODULES, source
from tools.mutate_tables import FILES
from tools.safety_limits import table

__all__ = ["mutation", "mutation_of_limits"]

_NOT_RUN = "not run"
_CHANGED = "changed since"


def _counts() -> dict[str, dict[str, dict[str, int]]]:
    return msgspec.json.decode(COUNTS.read_bytes(), type=dict[str, dict[str, dict[str, int]]])


def mutation() -> str:
    """Return the table of the guard's modules."""
    found = _counts().get("modules", {})
    rows: list[tuple[str, ...]] = []
    for name in MODULES:
        row = found.get(name)
        if row is None or row.get("source") != fingerprint(source(name)):
            rows.append((f"`{name}`", _NOT_RUN if row is None else _CHANGED, "", "", "", "", ""))
            continue
        other = row["survived"] - row["explained"]
        cells = (row["mutants"], row["killed"], row["crashed"], row["slow"], row["explained"], other)
        rows.append((f"`{name}`", *map(str, cells)))
    counted = [row[1:] for row in rows if row[1] not in {_NOT_RUN, _CHANGED}]
    rows.append(("all", *(str(sum(map(int, column))) for column in zip(*counted, strict=True))))
    head = ("module", "mutants", "a test fails", "it crashes", "it takes too long", "survives, explained", "survives")
    return table(head, rows)


def mutation_of_limits() -> str:
    """Return the table of the cars' files."""
    found = _counts().get("tables", {})
    rows: list[tuple[str, ...]] = []
    for name in FILES:
        row = found.get(name)
        if row is None:
            rows.append((f"`{name}`", _NOT_RUN, "", "", "", ""))
            continue
        cells = (sum(row.values()), row["beyond"], row["refused"], row["tighter"] + row["unchanged"], row["looser"])
        rows.append((f"`{name}`", *map(str, cells)))
    counted = [row[1:] for row in rows if row[1] != _NOT_RUN]
    rows.append(("all", *(str(sum(map(int, column))) for column in zip(*counted, strict=True))))
    head = (
        "`control.yaml` of",
        "mutants",
        "beyond a bound",
        "does not compile",
        "tighter: harmless",
        "looser, not noticed",
    )
    return table(head, rows)

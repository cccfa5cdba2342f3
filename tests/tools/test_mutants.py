"""Which small changes of a source are made, and that the reasons for survivors are reasons for something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel import guard
from tools.mutants import fingerprint, mutants, names
from tools.mutate import EXPLAINED, MODULES, source

_HEAD = "import math\n\ndef f(x, y, z):\n    "


def _changed(body: str) -> list[str]:
    """Return what the body of a function is changed to, each time."""
    every = [each.source.split(":\n", 1)[1] for each in mutants("m", _HEAD + body.replace("\n", "\n    "))]
    return [" ".join(each.split()) for each in every]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ("return x < 1", ["return None", "return x <= 1", "return x > 1", "return x < 2", "return x < 0"]),
        (
            "return 0.5 * x",
            ["return None", "return 0.5 / x", "return 0.5005 * x", "return 0.500000001 * x"],
        ),
        ("return not x", ["return None", "return x"]),
        ("return x and y", ["return None", "return x or y", "return y", "return x"]),
        ("return -x", ["return None", "return x"]),
        ("return min(x, y)", ["return None", "return max(x, y)"]),
        ("return Rule.RANGE", ["return None", "return Rule.RATE"]),
        ("return True", ["return None", "return False"]),
        (
            "return y <= x < z",
            ["return None"]
            + [f"return {each}" for each in ("y < x < z", "y > x < z", "y <= x <= z", "y <= x > z", "y <= x", "x < z")],
        ),
        ("return [x for x in y if x]", ["return None", "return [x for x in y]"]),
        ("if x:\n    return\ny()", ["if not x: return y()", "if x: pass y()", "if x: return pass"]),
        ("for x in y:\n    continue", ["for x in y: pass"]),
        ("x = y", ["pass"]),
        ("raise x", ["pass"]),
        ("return", []),
        ("return None", []),
        ("return f'{x:g} is not {y + 1:g}'", ["return None"]),
    ],
)
def test_each_kind_of_change_is_made_once(body: str, changed: list[str]) -> None:
    assert _changed(body) == changed


def test_a_change_is_named_by_where_it_is_and_counted_where_it_is_there_twice() -> None:
    text = "class A:\n    def f(self, x):\n        return (x + 1, x + 1)\n"
    assert names("m", text) == [each.name for each in mutants("m", text)]
    assert names("m", text)[0] == "m.A.f: return (x + 1, x + 1) -> return None"
    assert [each for each in names("m", text) if "x - 1" in each] == [
        "m.A.f: x + 1 -> x - 1",
        "m.A.f: x + 1 -> x - 1 (2)",
    ]


def test_the_same_code_has_the_same_fingerprint_whatever_is_said_of_it() -> None:
    code = 'def f(x):\n    """Say."""\n    return x + 1\n'
    same = 'def f(x):\n    # why\n    """Say it better."""\n    return (x + 1)\n'
    assert fingerprint(code) == fingerprint(same)
    assert fingerprint(code) != fingerprint(code.replace("1", "2"))


def test_every_reason_is_for_a_change_that_there_is() -> None:
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))
    every = {name for module in MODULES for name in names(module, source(module))}
    assert sorted(set(explained) - every) == []
    assert all(explained.values())


def test_every_module_of_the_guard_is_changed() -> None:
    assert {path.stem for path in Path(str(guard.__file__)).parent.glob("*.py")} - {"__init__"} == set(MODULES)

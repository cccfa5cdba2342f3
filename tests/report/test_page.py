"""Pages are complete in themselves, and a file is written whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commonwheel.errors import OutputError
from commonwheel.report import card, check_target, facts, page, table, write


def test_a_page_loads_nothing_and_forbids_loading() -> None:
    text = page("Title", card("Card", "text"), lead="what", scripts=("chart.js",), styles=("matrix.css",))
    assert text.startswith("<!doctype html>")
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#q-\w+\)", "", text)


def test_titles_and_leads_are_escaped() -> None:
    text = page("<b>", lead="<i>")
    assert "<h1>&lt;b&gt;</h1>" in text
    assert "&lt;i&gt;" in text


def test_a_table_scopes_its_headings_and_can_be_scrolled_by_keyboard() -> None:
    text = table(["signal", "value"], [["Speed", 3]], caption="what", numeric=(1,))
    assert '<th scope="col"' in text
    assert '<th scope="row">Speed</th>' in text
    assert '<td class="n">3</td>' in text
    assert 'tabindex="0"' in text
    assert 'role="region"' in text


def test_a_long_table_scrolls_under_its_headings() -> None:
    assert 'class="scroll tall"' in table(["n"], [[i] for i in range(100)], caption="many")


def test_facts_are_a_list_of_definitions() -> None:
    assert facts({"Car": "a/b"}) == '<dl class="facts"><div><dt>Car</dt><dd>a/b</dd></div></dl>'


def test_a_file_is_written(tmp_path: Path) -> None:
    write(tmp_path / "a.html", "text")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.html", "text")]


@pytest.mark.parametrize(("name", "why"), [(".", "is a folder"), ("missing/a.html", "there is no folder")])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(OutputError, match=why):
        check_target(tmp_path / name)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        del self, data
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "a.html", "text")
    assert not list(tmp_path.iterdir())

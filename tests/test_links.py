"""The documents' links to each other and to their pictures lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_SOURCE = _ROOT / "src"
_LINK = re.compile(r"\]\((?![a-z]+:)(?P<file>[^)#\s]*)(?:#(?P<place>[^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_NAMED = re.compile(r'<a (?:id|name)="(?P<name>[^"]+)"')


def _places(text: str) -> set[str]:
    """Return the anchors of a page: its headings as they are made into addresses, and those it names itself."""
    made = (re.sub(r"[^\w\- ]", "", heading["text"].lower()).replace(" ", "-") for heading in _HEADING.finditer(text))
    return {*made, *(named["name"] for named in _NAMED.finditer(text))}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    nowhere: list[str] = []
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / link["file"]).resolve() if link["file"] else page
        if target.is_relative_to(_SOURCE) and not _SOURCE.exists():  # beside an installed package there is none
            continue
        lost = not target.exists()
        if not lost and link["place"] and target.suffix == ".md":
            lost = link["place"] not in _places(target.read_text(encoding="utf-8"))
        if lost:
            nowhere.append(link[0])
    assert not nowhere

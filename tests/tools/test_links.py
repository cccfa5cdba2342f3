"""Every relative link, place in a page and picture of the documents is there, and every picture is shown somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "src"
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"""\]\(<?(?P<to>[^)\s>]+)>?(?:\s+"[^"]*")?\)|(?:src|href)="(?P<tag>[^"]+)\"""")
_CODE = re.compile(r"^(?P<fence> *(?:```+|~~~+)).*?^(?P=fence)|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_NAMED = re.compile(r'<a (?:id|name)="(?P<name>[^"]+)"')
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def targets(page: Path, text: str) -> dict[str, Path]:
    """Return where a page's relative links lead, without the places inside of pages."""
    found = {m["to"] or m["tag"] for m in _LINK.finditer(_CODE.sub("", text))}
    return {
        link: page.parent / unquote(path)
        for link in found
        if not _ELSEWHERE.match(link) and (path := link.partition("#")[0])
    }


def test_links_are_found_and_code_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = """[a](b.md#c) ![picture](images/d%20e.png "title") [far](https://example.org/x.png) [here](#top)
`[not](this.md)` <img src="f.png">

```bash
[nor](that.md)
```
"""
    assert targets(page, text) == {
        "b.md#c": tmp_path / "b.md",
        "images/d%20e.png": tmp_path / "images/d e.png",
        "f.png": tmp_path / "f.png",
    }


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    found = targets(page, page.read_text(encoding="utf-8"))
    if not _SOURCE.exists():  # beside an installed package
        found = {link: place for link, place in found.items() if not place.resolve().is_relative_to(_SOURCE)}
    lost = [link for link, place in found.items() if not place.exists()]
    assert not lost, f"{page.relative_to(_ROOT)}: {lost}"


def places(text: str) -> set[str]:
    """Return the places in a page that a link can lead to: its headings, as they become addresses, and named ones."""
    made = (re.sub(r"[^\w\- ]", "", heading["text"].lower()).replace(" ", "-") for heading in _HEADING.finditer(text))
    return {*made, *(named["name"] for named in _NAMED.finditer(text))}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def test_every_place_in_a_page_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lost = [
        link
        for m in _LINK.finditer(_CODE.sub("", text))
        if (link := m["to"] or m["tag"]) and "#" in link and not _ELSEWHERE.match(link)
        for path, _, place in [link.partition("#")]
        if (path.endswith(".md") or not path)
        and place not in places((page.parent / path).read_text(encoding="utf-8") if path else text)
    ]
    assert not lost, f"{page.relative_to(_ROOT)}: {lost}"


def test_every_picture_is_shown_somewhere() -> None:
    shown = {place.resolve() for page in _PAGES for place in targets(page, page.read_text(encoding="utf-8")).values()}
    pictures = {place.resolve() for place in (_ROOT / "docs" / "images").iterdir()}
    assert sorted(place.name for place in pictures - shown) == []

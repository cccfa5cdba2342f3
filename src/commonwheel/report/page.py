"""The shell of every page: one HTML file that needs no network, no font and no library.

A content security policy in the page itself forbids every request, so what a page shows can only come from it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from commonwheel.errors import OutputError
from commonwheel.report.figure import hatches
from commonwheel.report.markup import Markup, el, join
from commonwheel.report.palette import read_style, root_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from commonwheel.report.markup import Child

__all__ = ["card", "check_target", "facts", "page", "table", "write"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%230a58ca' "
    "stroke-width='2.6' stroke-linecap='round'%3E%3Ccircle cx='12' cy='12' r='9.5'/%3E"
    "%3Cpath d='M12 12V3M12 12l7.8 4.5M12 12l-7.8 4.5'/%3E%3C/svg%3E"
)
_MANY_ROWS = 40
"""A longer table scrolls within itself, under its headings."""
_WHEEL = el(
    "svg",
    el("circle", cx=12, cy=12, r=10),
    el("path", d="M12 12V2.4M12 12l8.3 4.8M12 12l-8.3 4.8"),
    viewBox="0 0 24 24",
    aria_hidden="true",
)


def page(
    title: str,
    *content: Child,
    lead: Child = "",
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    style: str = "",
) -> str:
    """Return a whole page.

    Args:
        title: of the page; its heading too.
        content: what stands in it, mostly ``card``.
        lead: what it is about, in one or two sentences.
        scripts: names of scripts beside this module.
        styles: names of further style sheets beside this module.
        style: further rules of the caller's own.
    """
    sheets = "\n".join([root_rules(), *(read_style(name) for name in ("page.css", "chart.css", *styles)), style])
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width,initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="generator", content="Commonwheel"),
        el("link", rel="icon", href=_ICON),
        el("title", title),
        el("style", Markup(sheets)),
    )
    body = el(
        "body",
        el("svg", el("defs", hatches()), class_="hatches", aria_hidden="true"),
        el(
            "header",
            el("p", _WHEEL, "Commonwheel", class_="mark"),
            el("h1", title),
            el("p", lead, class_="lead") if lead else None,
            class_="top",
        ),
        el("main", *content),
        el(
            "footer",
            el("p", "Made with Commonwheel. This page is complete in itself: it loads nothing."),
            class_="foot",
        ),
        *(el("script", Markup(read_style(name))) for name in scripts),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def card(title: str, *content: Child, name: str = "") -> Markup:
    """Return a section with a heading; *name* makes it reachable by a link."""
    heading = el("h2", title, id=f"{name}-title" if name else None)
    return el("section", heading, *content, class_="card", id=name or None)


def facts(pairs: Mapping[str, Child]) -> Markup:
    """Return short facts side by side."""
    return el("dl", *(el("div", el("dt", key), el("dd", value)) for key, value in pairs.items()), class_="facts")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    caption: str,
    numeric: Collection[int] = (),
    wide: Collection[int] = (),
) -> Markup:
    """Return a table that scrolls by itself where it is too wide; the first cell of each row heads it.

    Args:
        columns: headings.
        rows: cells.
        caption: what the table shows; it also names the region that scrolls.
        numeric: columns whose cells stand to the right.
        wide: columns with much text, which may be broken into lines.
    """
    kind = ["n" if i in numeric else "w" if i in wide else "k" for i in range(len(columns))]
    head = el(
        "tr", *(el("th", column, scope="col", class_="n" if i in numeric else None) for i, column in enumerate(columns))
    )
    body = [
        el("tr", *(el("td", c, class_=kind[i]) if i else el("th", c, scope="row") for i, c in enumerate(row)))
        for row in rows
    ]
    whole = el("table", el("caption", caption), el("thead", head), el("tbody", join(body)))
    tall = len(body) > _MANY_ROWS
    return el("div", whole, class_="scroll tall" if tall else "scroll", tabindex=0, role="region", aria_label=caption)


def check_target(path: Path) -> None:
    """See whether a file can be put at *path*, before any work is done.

    Raises:
        OutputError: it is a folder, or its folder does not exist.
    """
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        message = f"{path} {what}"
        raise OutputError(message)


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole, or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    check_target(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        message = f"{path} cannot be written: {error.strerror or error}; nothing was left there"
        raise OutputError(message) from error

"""Markup: elements of HTML and SVG as text that is escaped exactly once.

``el`` takes children and attributes as they come; what is not ``Markup`` already is escaped, so no signal
name, file name or label can become a tag.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Child", "Markup", "compact_json", "el", "escape", "join"]

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML does not allow, not even escaped."""
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
"""HTML elements that have no end tag. SVG's are closed the long way, which both parsers take."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | float | None
"""What may stand in an element; None is left out."""


def escape(text: object) -> Markup:
    """Return text as markup that shows it, in an element or an attribute; what cannot be shown becomes U+FFFD."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", str(text)), quote=True))


def join(children: Iterable[Child], between: str = "") -> Markup:
    """Return children one after the other."""
    return Markup(between.join(escape(child) for child in children if child is not None))


def el(name: str, /, *children: Child, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: text or markup.
        attributes: a trailing underscore is dropped (``class_``), others become hyphens. None and False leave an
            attribute out, True gives it no value.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(children)}</{name}>")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    # SVG's own names are camel case; only HTML's hyphens are written as underscores.
    name = key.rstrip("_").replace("_", "-")
    return f' {name}=""' if value is True else f' {name}="{escape(value)}"'


def compact_json(value: Any) -> Markup:  # noqa: ANN401 - whatever JSON can hold
    """Return JSON that can stand inside a script element: nothing in it can end the script."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(_FORBIDDEN.sub("\ufffd", text).replace("<", "\\u003c").replace("&", "\\u0026"))

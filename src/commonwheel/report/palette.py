"""Colours: one table for light, one for dark, told apart by colour-blind eyes too.

Text meets WCAG AA (4.5 to 1) on every background it stands on, lines and symbols 3 to 1; the tests compute it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DARK", "LIGHT", "SERIES", "read_style", "root_rules", "with_colors"]

SERIES = 6
"""Colours for lines; a seventh line has the first again."""

LIGHT: Mapping[str, str] = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "ink": "#171b21",
    "quiet": "#535c68",
    "rule": "#d9dde3",
    "grid": "#e9ecf0",
    "accent": "#0a58ca",
    "accent-ink": "#ffffff",
    "good": "#0b7a4b",
    "bad": "#b3261e",
    "s0": "#0a58ca",
    "s1": "#c2410c",
    "s2": "#00806a",
    "s3": "#8a2be2",
    "s4": "#b8005c",
    "s5": "#6b5b00",
    "band": "#c9ced6",
    "stale": "#b26a00",
    "invalid": "#7a5cad",
    "corrupt": "#c62828",
    "verified": "#0a58ca",
    "documented": "#5b9bf3",
    "d-ink": "#10151c",
    "assumed": "#cfe0fb",
    "fixed": "#dfe3e8",
    "request": "#c2410c",
}
DARK: Mapping[str, str] = {
    "page": "#0d1117",
    "card": "#151b23",
    "ink": "#e8ebef",
    "quiet": "#a3adb9",
    "rule": "#303945",
    "grid": "#232b35",
    "accent": "#79b0ff",
    "accent-ink": "#0d1117",
    "good": "#57d196",
    "bad": "#ff8a80",
    "s0": "#79b0ff",
    "s1": "#ff9e64",
    "s2": "#4fd1b5",
    "s3": "#cf9fff",
    "s4": "#ff85b8",
    "s5": "#d9c76a",
    "band": "#4a5462",
    "stale": "#f0a93b",
    "invalid": "#bfa2f0",
    "corrupt": "#ff7b72",
    "verified": "#79b0ff",
    "documented": "#2f5fa8",
    "d-ink": "#ffffff",
    "assumed": "#1f3350",
    "fixed": "#2b333e",
    "request": "#ff9e64",
}

_VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")


def read_style(name: str) -> str:
    """Return a style sheet or script that lies beside this module."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def root_rules() -> str:
    """Return the rules that give a page its colours, light or dark as the reader's system is; light on paper."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in colors.items()) for colors in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )


def with_colors(style: str, colors: Mapping[str, str]) -> str:
    """Return a style sheet with its variables replaced by colours, for pictures that stand alone."""
    return _VARIABLE.sub(lambda match: colors[match[1]], style)

"""Text and lines can be read: WCAG AA in light and in dark."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest

from commonwheel.report.palette import DARK, LIGHT, SERIES, read_style, root_rules, with_colors

TEXT = [("ink", "page"), ("ink", "card"), ("quiet", "page"), ("quiet", "card"), ("accent", "page"), ("accent", "card")]
TEXT += [("good", "card"), ("bad", "card"), ("accent-ink", "accent"), ("accent-ink", "verified"), ("request", "card")]
TEXT += [
    ("d-ink", "documented"),
    ("ink", "assumed"),
    ("ink", "fixed"),
    ("quiet", "grid"),
    ("ink", "grid"),
    ("card", "ink"),
]
TEXT += [("accent-ink", f"s{i}") for i in range(SERIES)]
LINES = [(f"s{i}", "card") for i in range(SERIES)] + [(name, "card") for name in ("stale", "invalid", "corrupt")]
both = pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@both
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_stands_out(colors: Mapping[str, str], text: str, ground: str) -> None:
    assert _contrast(colors[text], colors[ground]) >= 4.5


@both
@pytest.mark.parametrize(("line", "ground"), LINES)
def test_lines_and_hatches_stand_out(colors: Mapping[str, str], line: str, ground: str) -> None:
    assert _contrast(colors[line], colors[ground]) >= 3.0


@both
def test_shares_can_be_read_on_their_shade(colors: Mapping[str, str]) -> None:
    """The darkest shade of a pair's share is half the accent over the card."""
    accent, card = colors["accent"], colors["card"]
    mixed = "#" + "".join(f"{(int(accent[i : i + 2], 16) + int(card[i : i + 2], 16)) // 2:02x}" for i in (1, 3, 5))
    assert _contrast(colors["ink"], mixed) >= 4.5


@both
def test_evidence_grows_in_strength(colors: Mapping[str, str]) -> None:
    """Verified stands out most against the card, assumed least, also for eyes that see no colour."""
    strength = [_contrast(colors[name], colors["card"]) for name in ("verified", "documented", "assumed")]
    assert all(first > 1.5 * second for first, second in pairwise(strength))


def test_every_variable_of_the_styles_has_a_colour() -> None:
    styles = "".join(read_style(name) for name in ("page.css", "chart.css", "matrix.css")).replace("var(--share)", "")
    assert "var(" not in with_colors(styles, LIGHT)
    assert LIGHT.keys() == DARK.keys()


def test_paper_is_always_light() -> None:
    assert "@media screen and (prefers-color-scheme:dark)" in root_rules()

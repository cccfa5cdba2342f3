"""Charts: lines, lanes and shades as SVG, in a page and alone."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from commonwheel.errors import MissingExtraError
from commonwheel.report import Axis, Chart, Mark, Panel, Series, Stroke, Tone, figure, picture, png
from commonwheel.vehicles import Quality

AXIS = Axis(0.0, 10.0, caption="time")


def _series(values: list[float], *, qualities: list[Quality] | None = None, **more: object) -> Series:
    n = len(values)
    quality = np.array(qualities or [Quality.GOOD] * n, np.uint8)
    return Series("Speed", np.linspace(0, 10, n), np.array(values, float), quality, **more)  # pyright: ignore[reportArgumentType]


def _chart(*series: Series, unit: str = "km/h") -> Chart:
    return Chart("A drive", (Panel("Speed", series, unit),), AXIS)


def _values(markup: str) -> dict:
    script = re.search(r'<script type="application/json">(.*?)</script>', markup)
    assert script
    return json.loads(script[1])


def _lines(markup: str) -> list[str]:
    return re.findall(r'<path class="line[^"]*" d="([^"]*)"', markup)


def test_a_picture_is_well_formed_and_stands_alone() -> None:
    svg = picture(_chart(_series([1, 5, 2])), "A <drive>", "a note")
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "var(" not in svg
    assert "A &lt;drive&gt;" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_line_breaks_where_values_are_not_good() -> None:
    good, bad = Quality.GOOD, Quality.INVALID
    whole = _lines(picture(_chart(_series([1, 2, 1, 2, 1]))))
    broken = _lines(picture(_chart(_series([1, 2, 9, 2, 1], qualities=[good, good, bad, good, good]))))
    assert whole[0].count("M") == 1
    assert broken[0].count("M") == 2


def test_a_bad_value_does_not_stretch_the_axis() -> None:
    svg = picture(
        _chart(_series([1, 2, 9999, 2], qualities=[Quality.GOOD, Quality.GOOD, Quality.CORRUPT, Quality.GOOD]))
    )
    assert "9 999" not in svg
    assert "10 000" not in svg


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID, Quality.CORRUPT])
def test_a_span_that_is_not_good_is_shaded_and_explained(quality: Quality) -> None:
    chart = _chart(_series([1, 2, 3, 4], qualities=[Quality.GOOD, quality, Quality.GOOD, Quality.GOOD]))
    for markup in (figure(chart), picture(chart)):
        assert f'class="q-{quality.name.lower()}"' in markup
        assert quality.name in markup


def test_a_good_chart_has_no_legend_of_shades() -> None:
    assert "figcaption" not in figure(_chart(_series([1, 2])))


def test_states_are_lanes_with_their_names() -> None:
    lane = figure(_chart(_series([126, 127, 127, 126], labels={126: "park", 127: "drive"}), unit=""))
    assert ">drive</text>" in lane
    assert not _lines(lane)


def test_a_state_that_flickers_is_still_to_be_seen() -> None:
    """One sample of true among a hundred thousand leaves a mark."""
    value = np.zeros(100_000)
    value[4242] = 1.0
    series = Series(
        "Brake", np.linspace(0, 10, len(value)), value, np.zeros(len(value), np.uint8), labels={0: "no", 1: "yes"}
    )
    assert 'class="mixed"' in figure(_chart(series))


def test_a_state_without_a_name_shows_its_code() -> None:
    assert ">7</text>" in figure(_chart(_series([7, 7, 7], labels={0: "off", 1: "on", 2: "x"}), unit=""))


def test_no_good_value_says_so() -> None:
    assert ">no value</text>" in figure(_chart(_series([1, 2], qualities=[Quality.INVALID] * 2)))


def test_several_series_are_named_and_told_apart() -> None:
    dashed = _series([1, 2, 3], color=1, stroke=Stroke(dash=(9, 18, 9)))
    band = _series([1, 2, 3], stroke=Stroke(wide=True))
    markup = figure(_chart(band, dashed))
    assert 'class="band"' in markup
    assert 'stroke-dasharray="90 180"' in markup
    assert markup.count(">Speed</text>") >= 4  # two series, on wide and on narrow screens


def test_the_page_knows_the_values_and_their_quality() -> None:
    chart = _chart(_series([1.23456789, 5, 2], qualities=[Quality.GOOD, Quality.STALE, Quality.GOOD]))
    panel = _values(figure(chart))["panels"][0]
    assert panel["unit"] == "km/h"
    series = panel["series"][0]
    assert series["t"] == [0.0, 5.0, 10.0]
    assert series["v"] == [1.23457, 5.0, 2.0]
    assert series["q"] == [[5.0, 10.0, 1]]


def test_a_million_samples_make_a_small_figure() -> None:
    t = np.linspace(0, 10, 1_000_000)
    series = Series.of("Noise", t, np.sin(t * 50) + np.sin(t * 7919))
    assert len(figure(_chart(series))) < 120_000


def test_names_cannot_become_markup() -> None:
    evil = Chart("<script>", (Panel("</svg><script>alert(1)</script>", (_series([1, 2]),), "<i>"),), AXIS)
    assert "<script>alert" not in figure(evil)
    ET.fromstring(picture(evil))  # noqa: S314 - our own


def test_order_alone_is_no_time() -> None:
    chart = Chart("x", (Panel("Speed", (_series([1, 2]),), ""),), Axis(0, 5000, timed=False, caption="frames in order"))
    svg = picture(chart)
    assert ">frames in order</text>" in svg
    assert _values(figure(chart))["timed"] is False


def test_a_png_is_drawn() -> None:
    pytest.importorskip("resvg_py")
    data = png(picture(_chart(_series([1, 5, 2]))), zoom=1.0)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") == 1000


def test_without_the_extra_a_png_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"commonwheel\[png\]"):
        png("<svg/>")


def test_marks_go_through_all_panels_and_are_named_once_for_each_width() -> None:
    panel = Panel("Speed", (_series([1, 2]),), "km/h")
    marks = (Mark("it <broke>", 2.0, 3.0), Mark("late", AXIS.last - 1e-6), Mark("never", AXIS.last + 5))
    text = figure(Chart("x", (panel, panel), AXIS, marks))
    assert text.count("it &lt;broke&gt;") == text.count("late</text>") == 2
    assert text.count('<path class="happens"') == 2 * 2 * 2
    assert text.count('<rect class="happens wash"') == 2 * 2
    assert "never" not in text
    assert 'text-anchor="end">late' in text, "what is near the right edge is named to its left"


def test_an_axis_reaches_what_it_has_to_show() -> None:
    series = (_series([0.001, 0.002]),)
    near, far = (figure(Chart("x", (Panel("A", series, "", shows=shows),), AXIS)) for shows in (None, (-1.0, 1.0)))
    assert ">−1</text>" not in near
    assert ">1</text>" in far


def test_lanes_with_tones_have_them_and_their_names() -> None:
    lane = replace(
        _series([0, 1]), name="a-very-long-name", labels={0: "off", 1: "on"}, tones={0: Tone.OFF, 1: Tone.ACTS}
    )
    text = figure(Chart("x", (Panel("State", (lane, lane)),), AXIS))
    assert 'class="state t-acts"' in text
    assert "<title>a-very-long-name</title>" in text
    assert ">on</text>" in text

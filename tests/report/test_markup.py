"""Nothing that is shown can become markup."""

from __future__ import annotations

import json

from commonwheel.report.markup import Markup, compact_json, el, escape, join


def test_text_is_escaped_in_elements_and_attributes() -> None:
    element = el("p", "<b>&", title='"quoted"')
    assert element == '<p title="&quot;quoted&quot;">&lt;b&gt;&amp;</p>'


def test_markup_is_not_escaped_again() -> None:
    assert el("p", el("b", "a & b")) == "<p><b>a &amp; b</b></p>"


def test_attributes_are_left_out_given_no_value_or_renamed() -> None:
    assert el("td", class_="n", hidden=True, title=None, data_r=0) == '<td class="n" hidden="" data-r="0"></td>'


def test_void_elements_have_no_end() -> None:
    assert el("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_characters_that_no_document_may_hold_are_replaced() -> None:
    assert escape("a\x00b\ud800c\x1b") == "a\ufffdb\ufffdc\ufffd"


def test_none_is_left_out_of_children() -> None:
    assert join(["a", None, 0]) == "a0"


def test_json_cannot_end_its_script_and_reads_back() -> None:
    text = compact_json({"name": "</script><!-- &", "n": [1, 2.5, None]})
    assert isinstance(text, Markup)
    assert "<" not in text
    assert "&" not in text
    assert json.loads(text) == {"name": "</script><!-- &", "n": [1, 2.5, None]}

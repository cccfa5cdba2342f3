"""A comparison of cars as a page: what each offers, how alike they are, what each lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonwheel.report.markup import Markup, compact_json, el, escape, join
from commonwheel.report.page import card, page, table
from commonwheel.vehicles.compare import OTHER, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.compare import Comparison, Group, Offer, Row

__all__ = ["Texts", "comparison_page", "coverage_table", "sign_of", "told_of"]

_LETTERS = {"verified": "V", "documented": "D", "assumed": "A", "fixed": "="}
_HOW = {
    "from": "read from",
    "compute": "computed from",
    "first_of": "the first good one of",
    "text": "put together from",
    "request": "only asked for, through",
}
_KEY = (
    ("v", "V", "verified on a recording"),
    ("d", "D", "documented by a public source"),
    ("a", "A", "assumed, with the reason stated"),
    ("f", "=", "a fixed fact about the car"),
    ("r", "▸", "can be asked of the car"),
    ("x", "", "not offered"),
)


def comparison_page(found: Comparison) -> str:
    """Return the page."""
    cars = len(found.cars)
    content = [
        card("What each car offers", coverage_table(found), name="coverage"),
        card("Signal by signal", *_matrix(found), name="signals"),
    ]
    if cars > 1:
        content.append(card("How alike the cars are", *_pairs(found), name="alike"))
    content.append(card("What each would have to add", *_lacking(found), name="lacking"))
    lead = (
        f"{cars} car line{'s' if cars != 1 else ''} held against the signals that members agreed on, and against each "
        "other. Every figure comes from the cars' descriptions."
    )
    return page("One standard, many cars", *content, lead=lead, scripts=("matrix.js",), styles=("matrix.css",))


def coverage_table(found: Comparison) -> Markup:
    """Return how much of each profile each car gives."""
    rows = [
        [
            join([car.name, el("span", f"{car.title}, {car.powertrain}", class_="sub")]),
            len(car.provided),
            *(_share(group, i) for group in found.groups),
        ]
        for i, car in enumerate(found.cars)
    ]
    columns = ["car", "signals", *(group.name for group in found.groups)]
    return table(
        columns, rows, caption="Signals that each car offers; of the profiles, required ones and all", numeric=(1,)
    )


def _share(group: Group, car: int) -> Markup:
    """Return a profile's coverage: a bar and its numbers."""
    if group.name == OTHER:
        return escape(group.count(car)[0])
    met, of = group.count(car, required=True)
    all_met, all_of = group.count(car)
    bar = el("span", el("span", style=f"width:{100 * all_met / max(1, all_of):.0f}%"), class_="bar", aria_hidden="true")
    done = " ok" if met == of else ""
    return join(
        [
            bar,
            el("span", f"{met}/{of} required", class_=f"sub{done}"),
            el("span", f"{all_met}/{all_of} in all", class_="sub"),
        ]
    )


def _matrix(found: Comparison) -> list[Markup]:
    key = el(
        "ul", *(el("li", el("span", sign, class_=f"cell {kind}"), text) for kind, sign, text in _KEY), class_="key"
    )
    tools = el(
        "div",
        el(
            "label",
            "Find a signal",
            el("input", type="search", id="find", placeholder="Battery, Wheel, Door …", autocomplete="off"),
        ),
        el("label", el("input", type="checkbox", id="differ"), "only where the cars differ", class_="check"),
        el("output", id="count", for_="find"),
        class_="tools screen",
    )
    names = [el("th", el("span", car.name), scope="col") for car in found.cars]
    head = el("thead", el("tr", el("th", "signal", scope="col", class_="corner"), *names))
    strings = Texts()
    cells: list[list[int]] = []
    bodies = [_body(group, strings, cells, len(found.cars)) for group in found.groups if group.rows]
    data = {"cars": [car.name for car in found.cars], "strings": strings.all, "cells": cells}
    grid = el(
        "table",
        el("caption", "Signals by car. Move through the cells with the arrow keys.", class_="sr"),
        head,
        *bodies,
        id="matrix",
        role="grid",
    )
    return [
        key,
        tools,
        el("div", grid, class_="scroll matrix", role="region", aria_label="Signals by car"),
        el("div", id="tip", role="tooltip", hidden=True),
        el("script", compact_json(data), type="application/json", id="matrix-data"),
    ]


class Texts:
    """Texts of cells, each kept once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._at: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return a text's place among all."""
        if text not in self._at:
            self._at[text] = len(self.all)
            self.all.append(text)
        return self._at[text]


def _body(group: Group, strings: Texts, cells: list[list[int]], cars: int) -> Markup:
    title = el("th", el("strong", group.name), f" {group.summary}", colspan=cars + 1, scope="rowgroup", class_="group")
    rows = [el("tr", title, class_="head")]
    for pattern, members in fold(group.rows):
        rows.append(_row(pattern, members, len(cells)))
        cells.append([strings.number(told_of(offer, members)) for offer in members[0].offers])
    return el("tbody", *rows)


def _row(pattern: str, members: Sequence[Row], number: int) -> Markup:
    first = members[0]
    path = pattern.removeprefix("Vehicle.")
    marks = [
        el("span", "required", class_="must") if first.required else None,
        el("span", f"{len(members)} signals", class_="sub inline") if len(members) > 1 else None,
    ]
    # Long names may break behind a dot.
    broken = Markup(escape(path).replace(".", ".<wbr>"))
    name = el("th", broken, *marks, scope="row", title=first.reason or None)
    return el("tr", name, *(_cell(offer) for offer in first.offers), data_r=number)


def sign_of(offer: Offer | None) -> tuple[str, str]:
    """Return the class and the sign of the cell that tells how a car offers a signal."""
    if offer is None:
        return "x", ""
    if offer.how == "request":
        return "r", "▸"
    word = offer.rests_on
    return word[0], _LETTERS[word] + ("ƒ" if offer.how == "compute" else "") + ("▸" if offer.request else "")


def _cell(offer: Offer | None) -> Markup:
    kind, sign = sign_of(offer)
    return el("td", sign or None, class_=kind)


def told_of(offer: Offer | None, members: Sequence[Row] = ()) -> str:
    """Return what a cell says when it is asked."""
    if offer is None:
        return "not offered"
    if offer.how == "fixed":
        told = f"fixed: {offer.value}"
    elif offer.how == "request":
        told = f"{_HOW['request']} {offer.request}"
    else:
        told = f"{_HOW[offer.how]} {', '.join(offer.sources)}"
    if len(members) > 1:
        told += f" (the first of {len(members)})"
    if offer.evidence:
        told += f"\n{offer.evidence}"
    if offer.request and offer.how != "request":
        told += f"\ncan be asked for through {offer.request}"
    return told


def _pairs(found: Comparison) -> list[Markup]:
    shares = [
        el("h3", "Signals in common"),
        el("p", "Of all signals that either of two cars offers, the share that both offer (Jaccard index)."),
    ]
    shares.append(_square(found, "", "Signals in common, of those that either car offers"))
    groups = [group for group in found.groups if len(found.groups) > 1 and group.name != OTHER]
    for group in groups:
        square = _square(found, group.name, f"Signals of {group.name} in common")
        shares.append(el("details", el("summary", f"in {group.name} alone"), square))
    same = [
        el("h3", "Same bytes"),
        el(
            "p",
            "Of the signals that both cars send, the share that lie in a frame of the same id, in the same bits, "
            "with the same scale. That much of a decoder written by hand for one car would serve the other; the rest "
            "is what the descriptions are for.",
        ),
        _square(found, None, "Common signals in the same bytes"),
    ]
    return shares + same


def _square(found: Comparison, group: str | None, caption: str) -> Markup:
    """Return cars against cars; *group* None is the share of common signals in the same bytes."""
    cars = range(len(found.cars))
    head = el(
        "tr",
        el("th", "", scope="col", class_="corner"),
        *(el("th", el("span", car.name), scope="col") for car in found.cars),
    )
    rows = [
        el("tr", el("th", car.name, scope="row"), *(_pair_cell(found, i, j, group) for j in cars))
        for i, car in enumerate(found.cars)
    ]
    whole = el("table", el("caption", caption, class_="sr"), el("thead", head), el("tbody", *rows))
    return el("div", whole, class_="scroll square", tabindex=0, role="region", aria_label=caption)


def _pair_cell(found: Comparison, first: int, second: int, group: str | None) -> Markup:
    if first == second:
        return Markup('<td class="self"></td>')
    pair = found.pair(first, second)
    share = pair.same_share if group is None else pair.share(group)
    counts = pair.same_bytes if group is None else pair.common[group]
    if share is None:
        return el("td", "–", title="neither offers any")
    of = f"{counts[0]} of {counts[1]}"
    return el("td", f"{share:.0%}".replace("%", " %"), title=of, style=f"--share:{share:.2f}", class_="share")


def _lacking(found: Comparison) -> list[Markup]:
    parts: list[Markup] = []
    for i, car in enumerate(found.cars):
        rows: list[Markup] = []
        for group in found.groups:
            missing = group.lacking(i, required=True)
            if group.name == OTHER:
                continue
            told: Any = (
                el("span", "met", class_="ok")
                if not missing
                else el("ul", *(el("li", p.removeprefix("Vehicle.")) for p in missing))
            )
            met, of = group.count(i, required=True)
            rows.append(el("div", el("dt", f"{group.name} {met}/{of}"), el("dd", told)))
        parts.append(
            el(
                "details",
                el("summary", car.name, el("span", car.title, class_="sub inline")),
                el("dl", *rows, class_="lack"),
            )
        )
    return [el("p", "The required signals of each profile that a car does not give."), *parts]

"""Hold cars against each other: which signals each offers and how, how alike they are, what each lacks.

Without a CAR all shipped cars are compared, without their variants. In the tables V is verified on a recording,
D documented, A assumed, small letters are computed, = is a fixed fact, > can be asked for, . is not offered. What can
be asked for is listed in the end: in which manner each car serves it, and within which limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from commonwheel.control.capabilities import Capability
    from commonwheel.vehicles import Vehicle
    from commonwheel.vehicles.compare import Comparison, Group, Offer

__all__ = ["configure", "run"]

LETTERS = {"verified": "V", "documented": "D", "assumed": "A", "fixed": "="}


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("car", nargs="*", help="maker/car[:variant], or a description's folder; default: all")
    parser.add_argument("--profile", metavar="NAME", help="only this profile, or 'other' for the signals of none")
    parser.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as one page, with the whole matrix")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Compare; returns the exit status."""
    from commonwheel.catalog.profiles import load_profiles
    from commonwheel.vehicles.compare import compare

    if args.html:
        from commonwheel.report import check_target

        check_target(args.html)
    cars = _cars(args)
    acting = _acting(cars, args)
    served = {car: {each.path: each.text for each in control.able} for car, control in acting.items()}
    found = _only(compare(cars, load_profiles().values(), served), args.profile)
    if args.html:
        from commonwheel.report import write
        from commonwheel.report.matrix import comparison_page

        write(args.html, comparison_page(found))
    if args.json:
        acts = {car: one.facts() for car, one in acting.items()}
        show.print_json(_facts(found) | {"acting": acts, "html": str(args.html) if args.html else None})
    elif args.html:
        print(args.html)
    else:
        _print(found, whole=bool(args.profile))
        if args.profile in {None, *ACTED}:
            _print_acting(found, acting)
    return FINE


ACTED = ("motion", "comfort")
"""Profiles of what a car can be asked for."""


@dataclass(frozen=True, slots=True)
class _Acting:
    """What one car can be asked for, and what it cannot."""

    able: tuple[Capability, ...]
    cannot: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        keys = ("path", "axis", "manner", "limits", "proven", "evidence", "source")
        return {"serves": [{key: getattr(each, key) for key in keys} for each in self.able], "cannot": {**self.cannot}}


def _acting(cars: Sequence[Vehicle], args: argparse.Namespace) -> dict[str, _Acting]:
    """Return what each car can be asked for and what not, and why; cars that have faults in that are not in it."""
    from commonwheel.cli.cars import folders_of
    from commonwheel.control.capabilities import capabilities
    from commonwheel.control.description import load_cannot, load_control
    from commonwheel.errors import DescriptionError

    found: dict[str, _Acting] = {}
    for car in cars:
        try:
            control = load_control(car, folders=folders_of(args))
            cannot = load_cannot(car.name, folders_of(args))
        except DescriptionError as error:
            show.note(f"note: {car.name} is taken as not acting; its control.yaml has faults: {error.faults[0]}")
            continue
        found[car.name] = _Acting(() if control is None else capabilities(control), cannot)
    return found


def _print_acting(found: Comparison, acting: Mapping[str, _Acting]) -> None:
    rows = [
        [str(i + 1), each.axis, each.path.removeprefix("Vehicle."), each.manner, each.limits]
        for i, car in enumerate(found.cars)
        for each in (acting[car.name].able if car.name in acting else ())
    ]
    if rows:
        print()
        show.table(["car", "axis", "actuator", "manner", "limits"], rows, title="What can be asked for, within limits")
    for i, car in enumerate(found.cars):
        one = acting.get(car.name)
        for path, why in one.cannot.items() if one is not None else ():
            print(f"{i + 1} cannot be asked for {path.removeprefix('Vehicle.')}: {why}")
    idle = [car.name for car in found.cars if car.name not in acting or not acting[car.name].able]
    if idle:
        print(f"Cannot be made to act: {', '.join(idle)}")


def _cars(args: argparse.Namespace) -> list[Vehicle]:
    """Return the cars to compare.

    Raises:
        DescriptionError: a car does not exist or has faults.
    """
    from commonwheel.cli.cars import described, folders_of
    from commonwheel.vehicles import load_vehicle

    if args.car:
        return [load_vehicle(name, folders=folders_of(args)) for name in dict.fromkeys(args.car)]
    return [car for car in described(args) if ":" not in car.name]


def _only(found: Comparison, profile: str | None) -> Comparison:
    """Return the part that one profile is about.

    Raises:
        CatalogError: there is no such profile.
    """
    import dataclasses

    from commonwheel.errors import CatalogError
    from commonwheel.vehicles.yamltree import suggest

    if profile is None:
        return found
    names = [group.name for group in found.groups]
    if profile not in names:
        message = f"there is no profile '{profile}'{suggest(profile, names)}; there are {', '.join(names)}"
        raise CatalogError(message)
    return dataclasses.replace(found, groups=tuple(group for group in found.groups if group.name == profile))


def _print(found: Comparison, *, whole: bool) -> None:
    from commonwheel.vehicles.compare import OTHER

    cars = range(len(found.cars))
    rows = [
        [str(i + 1), found.cars[i].name, str(len(found.cars[i].provided)), *(_coverage(g, i) for g in found.groups)]
        for i in cars
    ]
    columns = ["", "car", "signals", *(group.name for group in found.groups)]
    show.table(columns, rows, title="What each offers: required + optional signals", right=(0, *range(2, len(columns))))
    for group in found.groups:
        if group.name != OTHER or whole:
            print()
            _print_group(found, group)
    print("V verified, D documented, A assumed; v d a computed; = fixed fact; > can be asked for; . not offered")
    if len(found.cars) > 1:
        print()
        _print_pairs(found, found.groups[0].name if whole else "")
    _print_lacking(found)


def _coverage(group: Group, car: int) -> str:
    if group.rows and group.rows[0].required is None:
        return str(group.count(car)[0])
    return "{}/{} + {}/{}".format(*group.count(car, required=True), *group.count(car, required=False))


def _print_group(found: Comparison, group: Group) -> None:
    from commonwheel.vehicles.compare import fold

    rows = [
        [
            pattern.removeprefix("Vehicle.") + (f" ({len(members)})" if len(members) > 1 else ""),
            {True: "yes", False: "", None: ""}[members[0].required],
            *(_letter(offer) for offer in members[0].offers),
        ]
        for pattern, members in fold(group.rows)
    ]
    numbers = [str(i + 1) for i in range(len(found.cars))]
    show.table([f"{group.name}", "required", *numbers], rows, title=group.summary)


def _letter(offer: Offer | None) -> str:
    if offer is None:
        return "."
    if offer.how == "request":
        return ">"
    letter = LETTERS[offer.rests_on]
    return (letter.lower() if offer.how == "compute" else letter) + (">" if offer.request else "")


def _print_pairs(found: Comparison, group: str) -> None:
    cars = range(len(found.cars))
    rows = [
        [
            str(i + 1),
            *(
                "" if i == j else _percent(found.pair(i, j).share(group) if j > i else found.pair(i, j).same_share)
                for j in cars
            ),
        ]
        for i in cars
    ]
    what = "signals in common, of those that either offers" + (f" ({group})" if group else "")
    title = f"Above the diagonal: {what}; below: same bytes, of those that both read"
    show.table(["", *(str(i + 1) for i in cars)], rows, title=title, right=range(len(found.cars) + 1))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _print_lacking(found: Comparison) -> None:
    for i, car in enumerate(found.cars):
        for group in found.groups:
            lacking = group.lacking(i, required=True)
            # A profile that a car has next to nothing of is not one that it is meant to meet.
            if lacking and 2 * len(lacking) < group.count(i, required=True)[1]:
                paths = ", ".join(path.removeprefix("Vehicle.") for path in lacking)
                print(f"{car.name} would meet {group.name} with: {paths}")


def _facts(found: Comparison) -> dict[str, Any]:
    """Return everything as plain values."""
    names = [car.name for car in found.cars]
    return {
        "cars": [
            {
                "car": car.name,
                "title": car.title,
                "powertrain": car.powertrain,
                "signals": len(car.provided),
                "profiles": {
                    group.name: {
                        "required": group.count(i, required=True),
                        "optional": group.count(i, required=False),
                        "all": group.count(i),
                        "lacks_required": group.lacking(i, required=True),
                        "lacks_optional": group.lacking(i, required=False),
                    }
                    for group in found.groups
                },
            }
            for i, car in enumerate(found.cars)
        ],
        "signals": [
            {
                "profile": group.name,
                "path": row.path,
                "required": row.required,
                "reason": row.reason,
                "cars": {name: _offer(offer) for name, offer in zip(names, row.offers, strict=True) if offer},
            }
            for group in found.groups
            for row in group.rows
        ],
        "pairs": [
            {
                "cars": [names[pair.first], names[pair.second]],
                "in_common": {
                    group or "all": {"both": both, "either": either, "share": pair.share(group)}
                    for group, (both, either) in pair.common.items()
                },
                "same_bytes": dict(zip(("same", "both"), pair.same_bytes, strict=True)) | {"share": pair.same_share},
            }
            for pair in found.pairs
        ],
    }


def _offer(offer: Offer) -> dict[str, Any]:
    keys = ("how", "evidence", "sources", "value", "request")
    return {key: getattr(offer, key) for key in keys if getattr(offer, key)}

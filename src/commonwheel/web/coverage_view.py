"""The Coverage page's side of the server: signals by car and profile, apps by car, and why each cell is as it is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.catalog import load_catalog
from commonwheel.catalog.profiles import load_profiles
from commonwheel.control.capabilities import served_by
from commonwheel.report.matrix import Texts, sign_of, told_of
from commonwheel.vehicles.compare import compare, fold, offer_of
from commonwheel.vehicles.identify import load_cars
from commonwheel.web.car_facts import facts_of
from commonwheel.web.scene import vehicle_of
from commonwheel.web.signal_view import about_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.apps.manifest import Manifest
    from commonwheel.apps.matrix import Cell
    from commonwheel.vehicles.compare import Group, Row
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.web.scene import Scene
    from commonwheel.web.views import Params, Viewer

__all__ = ["cell", "coverage", "shown_cars"]


@functools.cache
def _shipped() -> tuple[Vehicle, ...]:
    return tuple(car for car in load_cars() if ":" not in car.name)


@functools.lru_cache(maxsize=256)
def _served(car: Vehicle) -> dict[str, str]:
    """Return the actuators of a car that the platform serves, and how."""
    return served_by([car]).get(car.name, {})


def shown_cars(scene: Scene) -> list[Vehicle]:
    """Return the cars of the service, then the shipped ones that are not among them."""
    own = {vehicle.name: vehicle for car in scene.cars if (vehicle := vehicle_of(car)) is not None}
    return [*own.values(), *(car for car in _shipped() if car.name not in own)]


def coverage(viewer: Viewer, _params: Params) -> object:
    """Return the whole matrix; a call of pages. What cars offer is no secret: it is in their descriptions.

    Raises:
        BrokerError: EXPIRED.
    """
    viewer.rights.require_valid()
    cars = shown_cars(viewer.scene)
    found = compare(cars, load_profiles().values(), {car.name: _served(car) for car in cars})
    texts = Texts()
    live: dict[str, list[str]] = {}
    for car in viewer.scene.cars:
        vehicle = vehicle_of(car)
        if vehicle is not None:
            live.setdefault(vehicle.name, []).append(car.name)
    return {
        "cars": [
            {
                "name": car.name,
                "title": car.title,
                "powertrain": car.powertrain,
                "live": live.get(car.name, []),
                "signals": len(car.provided),
            }
            for car in cars
        ],
        "groups": [_group(group, len(cars), texts) for group in found.groups],
        "apps": _apps(viewer.scene, cars),
        "texts": texts.all,
    }


def _group(group: Group, cars: int, texts: Texts) -> dict[str, object]:
    return {
        "name": group.name,
        "summary": group.summary,
        "met": [[*group.count(i, required=True), *group.count(i)] for i in range(cars)],
        "rows": [_row(pattern, members, texts) for pattern, members in fold(group.rows)],
    }


def _row(pattern: str, members: Sequence[Row], texts: Texts) -> dict[str, object]:
    first = members[0]
    return {
        "path": pattern,
        "first": first.path,
        "count": len(members),
        "required": first.required,
        "reason": first.reason,
        "asked": first.asked,
        "cells": [[*sign_of(offer), texts.number(told_of(offer, members))] for offer in first.offers],
    }


# ---- apps -------------------------------------------------------------------------------------------------------


@functools.cache
def _shipped_apps() -> tuple[Manifest, ...]:
    """Return the manifests of the apps that come with the package: its own code, so it may be loaded here."""
    from commonwheel.apps.loading import LIBRARY, app_names, load_app

    shipped = [name for name, place in app_names().items() if Path(place).parent == LIBRARY]
    return tuple(load_app(name).manifest for name in shipped)


def _apps(scene: Scene, cars: Sequence[Vehicle]) -> list[dict[str, object]]:
    from commonwheel.apps.matrix import cell_of

    manifests = {hosted.manifest.name: hosted.manifest for hosted in scene.apps}
    manifests |= {found.name: found for found in _shipped_apps() if found.name not in manifests}
    personal = {
        vehicle.name for car in scene.cars if (vehicle := vehicle_of(car)) is not None and scene.shows_personal(car)
    }
    return [
        {
            "name": manifest.name,
            "version": manifest.version,
            "about": manifest.about,
            "cells": [_app_cell(cell_of(manifest, car, with_personal=car.name in personal)) for car in cars],
        }
        for manifest in manifests.values()
    ]


def _app_cell(found: Cell) -> dict[str, object]:
    return {
        "fitness": found.fitness.value,
        "given": found.given,
        "stated": found.stated,
        "lacks": [[lack.need.value, lack.pattern, lack.why.value] for lack in found.lacks],
    }


# ---- one cell ---------------------------------------------------------------------------------------------------


class _CellWants(msgspec.Struct):
    vehicle: str
    path: str


def cell(viewer: Viewer, params: Params) -> object:
    """Return why a car offers a signal as it does, with the row of its description, or what speaks for adding one.

    Raises:
        BrokerError: INVALID, there is no such car or signal; EXPIRED.
    """
    wants = msgspec.convert(params, _CellWants)
    viewer.rights.require_valid()
    cars = shown_cars(viewer.scene)
    car = next((car for car in cars if car.name == wants.vehicle), None)
    leaf = load_catalog(viewer.scene.settings.catalog).get(wants.path)
    if car is None or leaf is None:
        raise BrokerError(Reason.INVALID, f"there is no signal {wants.path!r:.200} of a car {wants.vehicle!r:.80} here")
    offer = offer_of(car, wants.path, _served(car).get(wants.path, ""))
    facts = facts_of(car, _source_of(viewer.scene, car))
    return {
        "path": leaf.path,
        "description": leaf.description,
        "unit": leaf.unit or "",
        "told": told_of(offer),
        "row": about_row(facts, wants.path),
        "files": list(facts.provenance.files),
        "others": [
            one.name
            for one in cars
            if one is not car and (wants.path in _served(one) or offer_of(one, wants.path) is not None)
        ],
    }


def _source_of(scene: Scene, vehicle: Vehicle) -> str:
    """Return what a vehicle was asked for as: a service may run cars of its user's own."""
    for car in scene.cars:
        settings = scene.settings_of(car)
        if settings is not None and vehicle_of(car) is vehicle:
            return settings.car
    return vehicle.name

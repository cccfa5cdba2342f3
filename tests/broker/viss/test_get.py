"""Asking for values: one, several, recorded ones, and what is known of signals."""

from __future__ import annotations

import time

import pytest

from commonwheel.broker.viss import Version
from tests.broker.viss.desk import DOORS, FONT, SPEED, Car, Desk, run

INLINE = "viss-inline:Data-not-available"
SECOND = 1_000_000_000


def data_of(answer: dict) -> dict[str, object]:
    """Return value by path."""
    data = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
    return {each["path"]: each["dp"]["value"] for each in data}


def test_the_value_of_a_signal_is_a_text_with_its_path_and_time(car: Car, version: Version) -> None:
    car.give({SPEED: 50.5}, t_ns=1_600_000_000_123_456_789)

    async def story() -> None:
        answer = await Desk(car, version).ask("get", SPEED)
        assert answer["data"] == {"path": SPEED, "dp": {"value": "50.5", "ts": "2020-09-13T12:26:40.123456Z"}}

    run(story())


def test_levels_may_be_parted_by_slashes(car: Car, version: Version) -> None:
    async def story() -> None:
        answer = await Desk(car, version).ask("get", "Vehicle/Speed")
        assert data_of(answer) == {SPEED: "50"}

    run(story())


@pytest.mark.parametrize("path", ["Some.Unknown.Datapoint", "Vehicle.Sped", "Vehicle.", ".", "Vehicle Speed", "\ud800"])
def test_a_path_that_is_not_there_is_404(car: Car, version: Version, path: str) -> None:
    async def story() -> None:
        reason = "invalid_path" if version is Version.V2 else "unavailable_data"
        assert await Desk(car, version).fault("get", path) == (404, reason)

    run(story())


def test_version_2_says_of_an_unknown_path_what_its_clients_compare(car: Car) -> None:
    async def story() -> None:
        answer = await Desk(car, Version.V2).ask("get", "Some.Unknown.Datapoint")
        text = "The specified data path does not exist."
        assert answer["error"] == {"number": 404, "reason": "invalid_path", "message": text}

    run(story())


def test_version_3_says_which_path_is_close(car: Car) -> None:
    async def story() -> None:
        answer = await Desk(car, Version.V3).ask("get", "Vehicle.Sped")
        assert "did you mean 'Vehicle.Speed'" in answer["error"]["description"]

    run(story())


@pytest.mark.parametrize("path", ["Vehicle.*", "*", "Vehicle.Cabin.**"])
def test_a_path_has_no_wildcards(car: Car, version: Version, path: str) -> None:
    async def story() -> None:
        wanted = (404, "invalid_path") if version is Version.V2 else (400, "bad_request")
        assert await Desk(car, version).fault("get", path) == wanted

    run(story())


@pytest.mark.parametrize("path", [None, "", 7, ["Vehicle.Speed"], "V" * 1001])
def test_what_is_no_path_is_a_bad_request(car: Car, version: Version, path: object) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        members = {} if path is None else {"path": path}
        assert await desk.fault("get", **members) == (400, "bad_request")  # type: ignore[arg-type]

    run(story())


def test_a_path_of_1000_characters_is_only_unknown(car: Car, version: Version) -> None:
    async def story() -> None:
        assert (await Desk(car, version).fault("get", "V" * 1000))[0] == 404

    run(story())


def test_paths_filter_takes_several_signals_in_the_order_asked_each_once(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        wanted = desk.filter("paths", ["IsMoving", "Speed", "IsMoving"])
        answer = await desk.ask("get", "Vehicle", filter=wanted)
        assert list(data_of(answer).items()) == [("Vehicle.IsMoving", "true"), (SPEED, "50")]

    run(story())


def test_a_paths_filter_of_one_path_is_answered_by_an_array(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle", filter=desk.filter("paths", "Speed"))
        assert isinstance(answer["data"], list)
        assert data_of(answer) == {SPEED: "50"}

    run(story())


@pytest.mark.parametrize(
    "pattern", ["Door.*.*.IsOpen", "Door/*/*/IsOpen", "Door", "Door.*", "**.IsOpen", "Door.**", "**.*.*.IsOpen"]
)
def test_wildcards_and_branches_address_what_is_below(car: Car, version: Version, pattern: str) -> None:
    car.give(dict.fromkeys(DOORS, False))

    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle.Cabin", filter=desk.filter("paths", [pattern]))
        assert data_of(answer) == dict.fromkeys(sorted(DOORS), "false")

    run(story())


def test_a_star_is_one_level(car: Car, version: Version) -> None:
    car.give(dict.fromkeys(DOORS, False))

    async def story() -> None:
        desk = Desk(car, version)
        assert (await desk.fault("get", "Vehicle", filter=desk.filter("paths", ["*.IsOpen"])))[0] == 404

    run(story())


@pytest.mark.parametrize("parts", [["Nothing"], ["Speed", "Nothing"], ["Cabin.*.Nothing"], ["Speed.*"]])
def test_every_relative_path_has_to_address_something(car: Car, version: Version, parts: list[str]) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        assert (await desk.fault("get", "Vehicle", filter=desk.filter("paths", parts)))[0] == 404

    run(story())


@pytest.mark.parametrize(
    "parts",
    [[], {}, 5, [5], [""], ["a" * 1001], ["x"] * 1001, ["Sp*d"], ["**.**x"], ["*.**.*.**.*.**.*.**.a"], ["*"] * 101],
)
def test_what_is_no_list_of_paths_is_a_bad_request(car: Car, version: Version, parts: object) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        assert await desk.fault("get", "Vehicle", filter=desk.filter("paths", parts)) == (400, "bad_request")

    run(story())


def test_a_signal_without_a_good_value_is_404(car: Car, version: Version) -> None:
    car.give({SPEED: None})

    async def story() -> None:
        desk = Desk(car, version)
        assert await desk.fault("get", SPEED) == (404, "unavailable_data")

    run(story())


def test_what_nobody_has_given_a_value_is_null_in_version_2_and_404_in_version_3(car: Car) -> None:
    async def story() -> None:
        answer = await Desk(car, Version.V2).ask("get", "Vehicle.Mood")
        assert data_of(answer) == {"Vehicle.Mood": None}
        assert answer["data"]["dp"]["ts"].endswith("Z")
        assert await Desk(car, Version.V3).fault("get", "Vehicle.Mood") == (404, "unavailable_data")

    run(story())


def test_a_value_whose_provider_is_gone_is_404(car: Car, version: Version) -> None:
    other = car.broker.provider("other")
    other.claim([car.number("Vehicle.Mood")])
    other.publish_values({car.number("Vehicle.Mood"): "calm"})

    async def story() -> None:
        desk = Desk(car, version)
        assert data_of(await desk.ask("get", "Vehicle.Mood")) == {"Vehicle.Mood": "calm"}
        other.close()
        assert await desk.fault("get", "Vehicle.Mood") == (404, "unavailable_data")

    run(story())


def test_version_3_says_in_line_what_is_not_available(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V3)
        answer = await desk.ask("get", "Vehicle", filter=desk.filter("paths", ["Speed", "Mood"]))
        assert data_of(answer) == {SPEED: "50", "Vehicle.Mood": INLINE}
        nothing = desk.filter("paths", ["Mood", "Gear"])
        assert await desk.fault("get", "Vehicle", filter=nothing) == (404, "unavailable_data")

    run(story())


def test_version_2_refuses_a_named_signal_whose_value_went_bad(car: Car) -> None:
    car.give({"Vehicle.Mood": "calm"})
    car.give({"Vehicle.Mood": None})

    async def story() -> None:
        desk = Desk(car, Version.V2)
        assert await desk.fault("get", "Vehicle", filter=desk.filter("paths", ["Speed", "Mood"])) == (
            404,
            "unavailable_data",
        )

    run(story())


def test_version_2_leaves_out_of_a_wildcard_what_went_bad_and_says_null_where_nothing_ever_was(car: Car) -> None:
    car.give({DOORS[0]: True, DOORS[1]: False, "Vehicle.Acceleration.Longitudinal": 1.0})
    car.give({DOORS[1]: None, "Vehicle.Acceleration.Longitudinal": None})

    async def story() -> None:
        desk = Desk(car, Version.V2)
        answer = await desk.ask("get", "Vehicle", filter=desk.filter("paths", "**.IsOpen"))
        assert data_of(answer) == {DOORS[0]: "true", DOORS[2]: None, DOORS[3]: None}
        nothing = desk.filter("paths", "Acceleration.*")
        assert await desk.fault("get", "Vehicle", filter=nothing) == (404, "unavailable_data")

    run(story())


def test_a_branch_is_several_signals_in_version_2_and_needs_a_paths_filter_in_version_3(car: Car) -> None:
    async def story() -> None:
        answer = await Desk(car, Version.V2).ask("get", "Vehicle")
        assert data_of(answer).items() >= {(SPEED, "50"), ("Vehicle.IsMoving", "true")}
        assert await Desk(car, Version.V3).fault("get", "Vehicle") == (400, "invalid_data")

    run(story())


def test_an_empty_array_is_a_value_but_version_3_cannot_write_it(car: Car) -> None:
    car.give({"Vehicle.Faults": []})

    async def story() -> None:
        assert data_of(await Desk(car, Version.V2).ask("get", "Vehicle.Faults")) == {"Vehicle.Faults": []}
        assert await Desk(car, Version.V3).fault("get", "Vehicle.Faults") == (404, "unavailable_data")

    run(story())


@pytest.mark.parametrize("kind", ["timebased", "change", "range", "curvelog"])
def test_filters_of_subscriptions_are_wrong_in_a_get(car: Car, version: Version, kind: str) -> None:
    parameters = {
        "timebased": {"period": "100"},
        "change": {"logic-op": "gt", "diff": "1"},
        "range": {"logic-op": "gt", "boundary": "1"},
        "curvelog": {"maxerr": "1", "bufsize": "10"},
    }

    async def story() -> None:
        desk = Desk(car, version)
        wanted = desk.filter(kind, parameters[kind])
        assert await desk.fault("get", SPEED, filter=wanted) == (400, "bad_request")

    run(story())


# ---- history ---------------------------------------------------------------------------------------------------------


def test_history_is_what_was_recorded_oldest_first_without_the_current_value(car: Car, version: Version) -> None:
    now = time.time_ns()
    for i, value in enumerate([10.0, 20.0, None, 30.0, 40.0]):
        car.give({SPEED: value}, t_ns=now - (10 - i) * SECOND)

    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", SPEED, filter=desk.filter("history", "PT1H"))
        points = answer["data"]["dp"]
        assert [point["value"] for point in points][-3:] == ["10", "20", "30"]
        assert [point["ts"] for point in points[-3:]] == sorted(point["ts"] for point in points[-3:])

    run(story())


def test_history_goes_back_as_far_as_asked(car: Car, version: Version) -> None:
    now = time.time_ns()
    for age, value in ((3600, 1), (1800, 2), (60, 3), (0, 4)):
        car.give({"Vehicle.Acceleration.Longitudinal": float(value)}, t_ns=now - age * SECOND)

    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle.Acceleration.Longitudinal", filter=desk.filter("history", "PT45M"))
        assert [point["value"] for point in answer["data"]["dp"]] in (["2", "3"], ["3"])  # the store keeps ten minutes
        wanted = desk.filter("history", "PT1S")
        assert await desk.fault("get", "Vehicle.Acceleration.Longitudinal", filter=wanted) == (404, "unavailable_data")

    run(story())


def test_history_of_several_signals_is_a_series_each(car: Car, version: Version) -> None:
    for value in (1, 2, 3):
        car.give({SPEED: float(value), "Vehicle.FuelLevel": value})

    async def story() -> None:
        desk = Desk(car, version)
        both = [desk.filter("paths", ["Speed", "FuelLevel"]), desk.filter("history", "P2DT12H")]
        answer = await desk.ask("get", "Vehicle", filter=both)
        series = {each["path"]: [point["value"] for point in each["dp"]] for each in answer["data"]}
        assert series == {SPEED: ["50", "1", "2"], "Vehicle.FuelLevel": ["42", "1", "2"]}

    run(story())


def test_there_is_no_history_of_what_came_once(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        wanted = desk.filter("history", "PT1H")
        assert await desk.fault("get", SPEED, filter=wanted) == (404, "unavailable_data")
        assert await desk.fault("get", "Vehicle.Mood", filter=wanted) == (404, "unavailable_data")

    run(story())


@pytest.mark.parametrize(
    "span", ["INVALID", "P1Y", "P", "PT", "P1DT", "1H", "PT1H ", "P-1D", "P1000D", 5, None, ["PT1H"]]
)
def test_what_is_no_duration_is_said(car: Car, version: Version, span: object) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        wanted = (400, "invalid_duration" if version is Version.V2 else "bad_request")
        assert await desk.fault("get", SPEED, filter=desk.filter("history", span)) == wanted

    run(story())


# ---- what is known of signals ----------------------------------------------------------------------------------------


def metadata_kind(version: Version) -> str:
    return "static-metadata" if version is Version.V2 else "metadata"


def test_metadata_of_a_signal_is_what_the_tree_says_as_texts(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle.FuelLevel", filter=desk.filter(metadata_kind(version), ""))
        assert answer["metadata"] == {
            "FuelLevel": {
                "type": "sensor",
                "datatype": "uint8",
                "unit": "percent",
                "min": "0",
                "max": "100",
                "description": "FuelLevel",
            }
        }
        answer = await desk.ask("get", FONT, filter=desk.filter(metadata_kind(version), ["allowed"]))
        assert answer["metadata"] == {"FontSize": {"allowed": ["STANDARD", "LARGE", "EXTRA_LARGE"]}}

    run(story())


def test_metadata_of_a_branch_is_all_below_it(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle", filter=desk.filter(metadata_kind(version), ["datatype"]))
        vehicle = answer["metadata"]["Vehicle"]["children"]
        assert vehicle["Speed"] == {"datatype": "float"}
        assert vehicle["Cabin"]["children"]["Door"]["children"]["Row2"]["children"]["Left"]["children"]["IsOpen"] == {
            "datatype": "boolean"
        }

    run(story())


@pytest.mark.parametrize(("depth", "levels"), [("1", 1), ("2", 2), (3, 3), ("0", 5)])
def test_metadata_goes_as_many_generations_down_as_asked(
    car: Car, version: Version, depth: object, levels: int
) -> None:
    def generations(node: dict) -> int:
        return 1 + max(map(generations, node.get("children", {}).values()), default=0)

    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("get", "Vehicle.Cabin", filter=desk.filter(metadata_kind(version), depth))
        assert generations(answer["metadata"]["Cabin"]) == levels

    run(story())


def test_metadata_goes_with_a_paths_filter(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        both = [
            desk.filter(metadata_kind(version), ["type"]),
            desk.filter("paths", ["Speed", "Cabin.Door.Row1", "*.VIN"]),
        ]
        found = (await desk.ask("get", "Vehicle", filter=both))["metadata"]
        assert found["Speed"] == {"type": "sensor"}
        assert found["Identity.VIN"] == {"type": "attribute"}
        assert found["Cabin.Door.Row1"]["children"]["Left"]["children"]["IsOpen"] == {"type": "actuator"}

    run(story())


def test_metadata_of_nothing_is_404(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        assert (await desk.fault("get", "Vehicle.Nothing", filter=desk.filter(metadata_kind(version), "")))[0] == 404
        both = [desk.filter(metadata_kind(version), ""), desk.filter("paths", ["Nothing"])]
        assert (await desk.fault("get", "Vehicle", filter=both))[0] == 404

    run(story())


def test_availability_is_told_of_each_signal(car: Car) -> None:
    car.give({"Vehicle.Mood": None})

    async def story() -> None:
        desk = Desk(car, Version.V2)
        answer = await desk.ask("get", "Vehicle", filter=desk.filter("dynamic-metadata", ["availability"]))
        found = data_of(answer)
        assert found[SPEED] == "available"
        assert found["Vehicle.Mood"] == found["Vehicle.Gear"] == "unavailable"
        single = await desk.ask("get", SPEED, filter=desk.filter("dynamic-metadata", "availability"))
        assert data_of(single) == {SPEED: "available"}

    run(story())


def test_the_sample_rate_is_what_came_lately(car: Car) -> None:
    now = time.time_ns()
    for i in range(11):
        car.give({"Vehicle.Acceleration.Longitudinal": float(i)}, t_ns=now + i * SECOND // 20)

    async def story() -> None:
        desk = Desk(car, Version.V2)
        wanted = desk.filter("dynamic-metadata", ["samplerate"])
        answer = await desk.ask("get", "Vehicle.Acceleration.Longitudinal", filter=wanted)
        assert data_of(answer) == {"Vehicle.Acceleration.Longitudinal": "20"}
        assert await desk.fault("get", "Vehicle.Mood", filter=wanted) == (404, "unavailable_data")

    run(story())


def test_version_2_tells_what_the_server_can_do(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V2)
        wanted = desk.filter("dynamic-metadata", ["server_capabilities"])
        found = (await desk.ask("get", "Vehicle", filter=wanted))["metadata"]
        assert {"timebased", "change", "dynamic_metadata"} <= set(found["filter"])
        assert found["transport_protocol"] == ["http", "ws"]
        assert await desk.fault("get", SPEED, filter=wanted) == (400, "bad_request")
        both = [wanted, desk.filter("paths", "Speed")]
        assert await desk.fault("get", "Vehicle", filter=both) == (400, "bad_request")

    run(story())


def test_version_3_tells_it_by_a_tree_of_its_own(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V3)
        found = data_of(await desk.ask("get", "Server.Support.Filter"))
        assert {"timebased", "change", "metadata"} <= set(found["Server.Support.Filter"])  # type: ignore[arg-type]
        assert await desk.fault("get", "Server.Support.Nothing") == (404, "unavailable_data")
        assert await desk.fault("set", "Server.Support.Filter", value="x") == (404, "unavailable_data")

    run(story())


@pytest.mark.parametrize("parameter", [["availability", "validate"], "nothing", [], 5, {}])
def test_dynamic_metadata_takes_one_name(car: Car, parameter: object) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V2)
        wanted = desk.filter("dynamic-metadata", parameter)
        assert await desk.fault("get", "Vehicle", filter=wanted) == (400, "bad_request")

    run(story())

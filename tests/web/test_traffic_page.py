"""The Traffic page: messages as they come, a list that flows, one message decoded, downloads and recordings."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from commonwheel.broker.access import Access
from commonwheel.vehicles.bits import raw_of
from commonwheel.web import frame_record
from commonwheel.web.car_facts import facts_of
from commonwheel.web.frame_record import recording_of
from commonwheel.web.scene import vehicle_of
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import read_log
from commonwheel.wire.sent import SENT
from tests.web.conftest import PHONE, Alliance, View
from tests.web.stage import NAMES, SPEED, Page, Running, Tokens, WiredCar, scene_of, until, wired

LEAF = {"leaf": NAMES["nissan"]}
BATTERY, WHEELS = 0x1DB, 0x284
LONG_AGO = 1_700_000_000_000_000_000


@pytest.fixture
def leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(frame_record, "FOLDER", tmp_path / "recordings")
    with Running(scene_of(LEAF)) as running:
        yield running
    wired(running.scene.cars[0]).stop()


def car_of(running: Running) -> WiredCar:
    return wired(running.scene.cars[0])


def send(running: Running, *payloads: str, can_id: int = BATTERY, bus: int = 0, t_ns: int = LONG_AGO) -> None:
    rows = [(t_ns + i * 10_000_000, bus, can_id, bytes.fromhex(payload)) for i, payload in enumerate(payloads)]
    car_of(running).take(Frames.build(rows))


def rows_until(page: Page, holds: Callable[[dict[int, list[Any]]], bool]) -> dict[int, list[Any]]:
    """Return the rows by key once something holds, null filled in from what came before."""
    rows: dict[int, list[Any]] = {}
    row: list[Any]
    while not holds(rows):
        for row in page.update().get(1, {}).get("rows", []):
            key = row[0]
            rows[key] = [old if new is None else new for new, old in zip(row, rows.get(key) or row, strict=True)]
    return rows


def test_each_message_is_a_row_with_its_last_payload_and_what_moved(leaf: Running) -> None:
    with leaf.page() as page:
        first = page.open("traffic", car="leaf")
        assert "BatteryPower" in {message["name"] for message in first["messages"]}
        send(leaf, "0010000000000000", "0030000000000000")
        send(leaf, "FF", can_id=0x7FF, bus=1)
        rows = rows_until(page, lambda rows: len(rows) == 2)
        _, can_id, bus, count, _, _, size, payload, moved = rows[BATTERY]
        assert (can_id, bus, count, size, payload, moved) == (
            "0x1DB", "ev", 2, 8, "0030000000000000", "0020000000000000"
        )  # fmt: skip
        assert rows[1 << 32 | 0x7FF][1:4] == ["0x7FF", "car", 1]
        send(leaf, "0030000000000000")
        rows = rows_until(page, lambda rows: BATTERY in rows and rows[BATTERY][3] == 3)
        assert rows[BATTERY][7] is None, "a payload that is the same is not sent again"


def test_a_hidden_page_costs_no_frames_once_it_is_closed(leaf: Running) -> None:
    with leaf.page() as page:
        page.open("traffic", car="leaf")
        assert car_of(leaf).listeners == 1
    until(lambda: not car_of(leaf).listeners, "nobody listens")


def test_the_flow_shows_the_newest_and_says_what_it_leaves_out(leaf: Running) -> None:
    with leaf.page() as page:
        page.open("traffic", car="leaf", mode="flow", changed=True)
        send(leaf, *(f"{i % 200:02X}" for i in range(200)), *("C7",) * 50)
        change = page.update()[1]
        while not change.get("flow"):
            change = page.update()[1]
        assert len(change["flow"]) == 60
        assert change["skipped"] == 140
        assert [row[2] for row in change["flow"]][-2:] == ["c6", "c7"]
        page.say(type="tell", id=1, params={"car": "leaf", "mode": "flow", "keys": [WHEELS]})
        send(leaf, "01")
        send(leaf, "02", can_id=WHEELS)
        seen: list[Any] = []
        while not any(row[2] == "02" for row in seen):
            seen += page.update().get(1, {}).get("flow", [])
        assert {row[1] for row in seen if row[2] in {"01", "02"}} == {WHEELS}


def test_a_page_that_is_paused_is_told_everything_afterwards(leaf: Running) -> None:
    with leaf.page() as page:
        page.open("traffic", car="leaf")
        page.say(type="tell", id=1, params={"car": "leaf", "paused": True})
        assert page.ask("frames.record", car="leaf", on=False)["type"] == "answer"
        send(leaf, "11")
        page.say(type="tell", id=1, params={"car": "leaf", "paused": False})
        assert rows_until(page, lambda rows: BATTERY in rows)[BATTERY][7] == "11"


def test_one_message_is_decoded_field_by_field(leaf: Running) -> None:
    """As the description says, and the signals are those of the broker."""
    vehicle = vehicle_of(leaf.scene.cars[0])
    assert vehicle is not None
    payload = bytes.fromhex("FDA0C14800000162")
    with leaf.page() as page:
        card = page.open("message", car="leaf", key=BATTERY)["card"]
        send(leaf, payload.hex())
        change = page.update()[1]
        message = next(one for one in vehicle.messages if one.name == "BatteryPower")
        raws = {field["name"]: raw for field, (raw, _) in zip(card["fields"], change["frame"]["fields"], strict=True)}
        assert raws == {field.name: raw_of(payload, field) for field in message.fields}
        values = {field["name"]: now[1] for field, now in zip(card["fields"], change["frame"]["fields"], strict=True)}
        assert values["Voltage"] == 386.5
        assert values["Current"] == -9.5
        assert {field["name"]: field["role"] for field in card["fields"]}["Checksum"] == "checksum"
        owners = change["frame"]["owners"]
        assert len(owners) == 64
        assert owners.count(next(i for i, field in enumerate(card["fields"]) if field["name"] == "Voltage")) == 10
        assert "Vehicle.Powertrain.TractionBattery.CurrentVoltage" in {row[0] for row in change["signals"]}


def test_what_was_sent_from_here_is_a_row_of_its_own(leaf: Running) -> None:
    """The same message on the same bus, apart from the car's own, and no signal rests on it."""
    key = (SENT << 32) + BATTERY
    with leaf.page() as page, leaf.page() as beside:
        page.open("traffic", car="leaf")
        card = beside.open("message", car="leaf", key=key)["card"]
        assert (card["name"], card["bus"]) == ("BatteryPower", "ev, sent")
        send(leaf, "FDA0C14800000162")
        car_of(leaf)._pipeline.tell_sent(Frames.build([(LONG_AGO, 0, BATTERY, bytes.fromhex("0010000000000000"))]))
        rows = rows_until(page, lambda rows: len(rows) == 2)
        assert {rows[one][2]: rows[one][7] for one in (BATTERY, key)} == {
            "ev": "fda0c14800000162", "ev, sent": "0010000000000000"
        }  # fmt: skip
        change = beside.update()[1]
        assert change["frame"]["payload"] == "0010000000000000"
        assert change["signals"] == []


def test_a_field_that_is_not_selected_has_no_value(leaf: Running) -> None:
    with leaf.page() as page:
        card = page.open("message", car="leaf", key=0x5C0)["card"]
        send(leaf, "8000280000000000", can_id=0x5C0)
        fields = page.update()[1]["frame"]["fields"]
        now = {field["name"]: one for field, one in zip(card["fields"], fields, strict=True)}
        assert now["Kind"] == [2, "Average"]
        assert now["TemperatureAverage"] == [20, -20.0]
        assert now["TemperatureMaximum"] == [None, None]


def test_an_unknown_id_is_shown_as_it_is(leaf: Running) -> None:
    with leaf.page() as page:
        assert page.open("message", car="leaf", key=0x7F1)["card"] is None
        send(leaf, "0102", can_id=0x7F1)
        assert page.update()[1]["frame"]["payload"] == "0102"


def download(running: Running, token: str = "", **params: object) -> tuple[int, bytes, str]:
    request = urllib.request.Request(f"{running.url}/files/frames", json.dumps(params).encode())  # noqa: S310 - loopback
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers["Content-Disposition"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), ""


def test_the_last_seconds_are_a_log_that_can_be_read(leaf: Running, tmp_path: Path) -> None:
    with leaf.page() as page:
        page.open("traffic", car="leaf")
        send(leaf, "11", "12", "13", t_ns=LONG_AGO)
        send(leaf, "21", "22", bus=1, can_id=WHEELS, t_ns=LONG_AGO + 20 * 10**9)
        status, content, named = download(leaf, car="leaf", seconds=5)
        assert status == 200
        assert 'filename="leaf-' in named
        (tmp_path / "part.log").write_bytes(content)
        frames, _ = read_log(tmp_path / "part.log")
        assert [payload.tobytes()[:1].hex() for payload in frames.data] == ["21", "22"]
        assert b" car 284#" in content
        assert len(download(leaf, car="leaf", seconds=30)[1].splitlines()) == 5
        assert len(download(leaf, car="leaf", seconds=30, keys=[BATTERY])[1].splitlines()) == 3
        assert len(download(leaf, car="leaf", seconds=1e308)[1].splitlines()) == 5
        status, content, _ = download(leaf, car="leaf", keys=[2**70])
        assert (status, b"wrong question" in content) == (400, True)


def test_nothing_heard_is_said(leaf: Running) -> None:
    status, content, _ = download(leaf, car="leaf")
    assert status == 400
    assert b"open its traffic and wait" in content


def test_a_recording_goes_on_without_the_page_and_ends_with_the_service(leaf: Running, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with leaf.page() as page:
        page.open("traffic", car="leaf")
        answer = page.ask("frames.record", car="leaf", on=True)["value"]
        assert answer["running"]
        assert answer["folder"] == str(folder)
    send(leaf, "11", "12")
    until(lambda: car_of(leaf).listeners == 1, "only the recording listens")
    until(lambda: recording_of(leaf.scene, leaf.scene.cars[0]).status().written == 2, "both are written")
    leaf.restart()
    recording = recording_of(leaf.scene, leaf.scene.cars[0])
    status = recording.status()
    assert not status.running
    assert status.why == "the service stopped"
    (file,) = folder.iterdir()
    assert file.name == status.files[0]
    assert file.name.startswith("leaf-page-")
    assert len(read_log(file)[0]) == 2
    assert not car_of(leaf).listeners


def test_a_recording_ends_at_its_bounds(leaf: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recording_of(leaf.scene, leaf.scene.cars[0])
    monkeypatch.setattr(frame_record, "_LOOK_S", 0.0)
    recording.bounds = frame_record.Bounds(seconds=1e-9)
    recording.start()
    send(leaf, "11")
    until(lambda: not recording.status().running, "it has ended")
    assert "reached its most" in recording.status().why
    recording.start()
    assert recording.status().running, "it can begin again"
    recording.stop()


def test_a_recording_that_is_stopped_while_it_begins_listens_no_more(
    leaf: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recording_of(leaf.scene, leaf.scene.cars[0])
    gateway = car_of(leaf)
    stopper = threading.Thread(target=recording.stop)
    listen = gateway.listen

    def slowly(tap: Callable[[Frames], None]) -> Callable[[], None]:
        deaf = listen(tap)
        stopper.start()
        stopper.join(0.2)  # it may end only when the beginning has
        return deaf

    monkeypatch.setattr(gateway, "listen", slowly)
    recording.start()
    stopper.join(20)
    assert not recording.status().running
    assert not gateway.listeners


def test_where_nothing_can_be_written_is_said(leaf: Running, tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("")
    with leaf.page() as page:
        answer = page.ask("frames.record", car="leaf", on=True)
    assert answer["type"] == "denied"
    assert "nothing can be recorded" in answer["message"]


def test_rights_are_the_broker_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read everything sees no frame; who may not operate the car records none."""
    monkeypatch.setattr(frame_record, "FOLDER", tmp_path / "recordings")
    tokens = Tokens()
    tokens.add("all", "read")
    tokens.add("some", "read:Vehicle.Speed")
    with Running(scene_of(LEAF), Access(tokens)) as running:
        with running.page("some") as page:
            page.say(type="open", id=1, view="traffic", params={"car": "leaf"})
            assert "scope 'read' without a path" in page.hear("failed")["message"]
            assert page.open("signal", 2, car="leaf", path=SPEED)["why"].startswith("some may not see the frames")
        with running.page("all") as page:
            page.open("traffic", car="leaf")
            assert "actuate" in page.ask("frames.record", car="leaf", on=True)["message"]
            send(running, "11")
            assert download(running, "all", car="leaf")[0] == 200
            assert download(running, "some", car="leaf")[0] == 403
            assert download(running, "", car="leaf")[0] == 401
    wired(running.scene.cars[0]).stop()
    assert not (tmp_path / "recordings").exists()


def test_payloads_that_tell_who_the_car_is_are_not_shown() -> None:
    """Neither in the rows, nor flowing, nor decoded, nor in the download."""
    name = "imiev"
    with Running(scene_of({name: NAMES["mitsubishi"]})) as running:
        car = running.scene.cars[0]
        vehicle = vehicle_of(car)
        assert vehicle is not None
        message = vehicle.messages[min(facts_of(vehicle, NAMES["mitsubishi"]).personal)]
        with running.page() as page:
            page.open("traffic", car=name, mode="flow")
            secret = "4A484D" + "00" * (message.size - 3)
            wired(car).take(Frames.build([(LONG_AGO, message.bus, message.id, bytes.fromhex(secret))]))
            change = page.update()[1]
            while not change.get("flow"):
                change = page.update()[1]
            assert change["flow"][0][2] is None
            assert change["rows"][0][7] is None
            assert page.open("message", 2, car=name, key=message.key)["personal"] is True
            assert download(running, car=name)[0] == 400
        wired(car).stop()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"car": 1},
        {"car": "leaf", "mode": "both"},
        {"car": "leaf", "keys": ["a"]},
        {"car": "leaf", "mode": "flow", "keys": [2**70]},
        {"car": "leaf", "keys": [0] * 5000},
        {"car": "none"},
        {"car": None},
    ],
)
def test_questions_that_make_no_sense_are_refused(leaf: Running, params: dict[str, object]) -> None:
    with leaf.page() as page:
        page.say(type="open", id=1, view="traffic", params=params)
        assert page.hear("failed")["reason"] in {"invalid request", "limit exceeded"}
        assert page.open("traffic", 2, car="leaf")
        page.say(type="tell", id=2, params={"car": "leaf", "keys": [0] * 5000})
        assert "the most" in page.hear("failed")["message"]
    until(lambda: not car_of(leaf).listeners, "what failed listens no more")


# ---- in a browser ---------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_messages_are_filtered_sorted_paused_and_opened_by_keyboard(
    alliance: Alliance, look: Callable[..., View]
) -> None:
    with alliance.driving():
        view = look(f"{alliance.url}/#/traffic/nissan", tools=True)
        page = view.page
        page.get_by_role("button", name="0x284").first.wait_for()
        assert page.locator(".messages-table .hot").count() or page.wait_for_selector(".messages-table .hot")
        page.locator("#find-frame").fill("WheelSpeedFront ev")
        page.wait_for_function("document.querySelectorAll('.messages-table tbody tr:not([hidden])').length === 1")
        page.locator("#find-frame").fill("Vehicle.Speed")
        page.wait_for_function("document.querySelectorAll('.messages-table tbody tr:not([hidden])').length >= 2")
        page.locator("#find-frame").fill("")
        page.get_by_role("button", name="Rate").click()
        assert page.locator("th[aria-sort=descending]").inner_text() == "Rate"
        page.wait_for_function("document.querySelectorAll('.messages-table tbody tr:not([hidden])').length > 2")
        first = page.locator(".open-message[tabindex='0']")
        first.focus()
        page.keyboard.press("ArrowDown")
        chosen = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        panel = page.locator("section[aria-label='One message']")
        panel.locator("h2", has_text=chosen).wait_for()
        panel.locator(".bits .byte").first.wait_for()
        panel.locator(".bits .flip").first.wait_for()
        panel.locator("h2").click()
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Go on").wait_for()
        before = page.locator(".traffic-facts").inner_text()
        alliance.drive()
        assert page.locator(".traffic-facts").inner_text() == before
        page.get_by_role("button", name="Go on").click()
        page.wait_for_function("(before) => document.querySelector('.traffic-facts').innerText !== before", arg=before)
        assert view.complaints == []


@pytest.mark.browser
def test_frames_flow_and_are_downloaded_and_recorded(
    alliance: Alliance, look: Callable[..., View], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_of(alliance.scene, alliance.scene.cars[2]), "_folder", tmp_path / "recordings")
    with alliance.driving():
        view = look(f"{alliance.url}/#/traffic/nissan?as=flow", PHONE, tools=True)
        page = view.page
        page.wait_for_function("document.querySelectorAll('.flow tbody tr:not([hidden])').length > 10")
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download").click()
        log = tmp_path / "page.log"
        downloading.value.save_as(log)
        assert len(read_log(log)[0]) > 10
        page.get_by_role("button", name="Record").click()
        page.locator(".record-text.on", has_text=str(tmp_path)).wait_for()
        page.wait_for_function("/: [1-9][^ ]* frames/.test(document.querySelector('.record-text').innerText)")
        page.get_by_role("button", name="Stop").click()
        page.locator(".record-text", has_text="Recorded").wait_for()
        (file,) = (tmp_path / "recordings").iterdir()
        assert file.name in page.locator(".record-text").inner_text()
        assert view.complaints == []

"""``commonwheel run``: its options, a process from start to stop, and what it says when it cannot start."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import ssl
import urllib.request
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._service import running
from commonwheel.broker.serving import Endpoint
from commonwheel.cli import FINE, UNUSABLE, main
from commonwheel.cli.run import _announce, configure, settings_of_options
from commonwheel.errors import ConfigError
from commonwheel.gateway.config import Settings
from commonwheel.gateway.service import Bound

BROKER = ("--no-viss", "--no-flight")


def _settings(*options: object) -> Settings:
    parser = argparse.ArgumentParser()
    configure(parser)
    return settings_of_options(parser.parse_args([str(option) for option in options]))


def _faults(*options: object) -> str:
    with pytest.raises(ConfigError) as raised:
        _settings(*options)
    return str(raised.value)


def test_without_options_it_is_a_broker_on_loopback() -> None:
    assert _settings() == Settings()


def test_one_car_needs_no_name(cart_log: Path) -> None:
    live = _settings("--car", "nissan/leaf_ze0", "--bus", "ev=virtual:a?fd=true&x=1", "--bus", "car=virtual:b").cars
    assert live["leaf_ze0"].buses == {"ev": "virtual:a?fd=true&x=1", "car": "virtual:b"}
    assert _settings("--car", "acme/cart", "--bus", "virtual:a").cars["cart"].buses == {"": "virtual:a"}
    (replay,) = _settings("--car", "acme/cart:sport", "--replay", cart_log, "--rate", "10", "--loop").cars.values()
    assert (replay.car, replay.replay, replay.rate, replay.loop) == ("acme/cart:sport", cart_log, 10.0, True)
    assert list(_settings("--car", "/some/where/cart/", "--replay", cart_log).cars) == ["cart"]
    assert list(_settings("--car", "acme/cart:sport", "--replay", cart_log).cars) == ["cart"]


def test_settings_of_apps_are_stated_by_app() -> None:
    options = (
        "--app",
        "trip",
        "--app",
        "mine.py",
        "--set",
        "trip.price=0.3",
        "--set",
        "trip.pause=60",
        "--set",
        "x.y=a.b=c",
    )
    settings = _settings(*options)
    assert settings.apps == ("trip", "mine.py")
    assert settings.app_settings == {"trip": {"price": "0.3", "pause": "60"}, "x": {"y": "a.b=c"}}
    assert _faults("--set", "price=3", "--set", "trip") == (
        "--set: 'price=3' is not APP.NAME=VALUE, such as trip.price=0.30\n"
        "--set: 'trip' is not APP.NAME=VALUE, such as trip.price=0.30"
    )


def test_a_scenario_stands_in_place_of_buses() -> None:
    (car,) = _settings(
        "--car", "nissan/leaf_ze0", "--virtual", "town", "--seed", "7", "--rate", "2", "--loop"
    ).cars.values()
    assert (car.virtual, car.seed, car.rate, car.loop) == ("town", 7, 2.0, True)
    cars = _settings(
        "--car", "a=nissan/leaf_ze0", "--car", "b=honda/e", "--virtual", "a=town", "--virtual", "b=demo"
    ).cars  # fmt: skip
    assert {name: one.virtual for name, one in cars.items()} == {"a": "town", "b": "demo"}


def test_several_cars_are_named(cart_log: Path) -> None:
    cars = _settings(
        "--car", "leaf=nissan/leaf_ze0", "--bus", "leaf.ev=virtual:a", "--car", "civic=honda/civic_gen8",
        "--replay", f"civic={cart_log}", "--with-personal",
    ).cars  # fmt: skip
    assert cars["leaf"].buses == {"ev": "virtual:a"}
    assert cars["civic"].replay == cart_log
    assert all(car.with_personal for car in cars.values())


def test_every_value_reaches_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_text("")
    settings = _settings(
        "--host", "::1", "--grpc-port", "1", "--viss-port", "off", "--no-flight", "--metrics-port", "0",
        "--metrics-host", "::1", "--catalog", file, "--tokens", tmp_path, "--tls-cert", file, "--tls-key", file,
        "--tls-client-ca", file, "--insecure", "--state", "kept",
        "--state-seconds", "2", "--history-depth", "5", "--history-seconds", "1.5",
        "--limit", "streams=3", "--limit", "requests_per_second=2.5", "--log", "json", "--log-level", "debug",
        "--stop-seconds", "3",
    )  # fmt: skip
    assert (settings.host, settings.grpc_port, settings.viss_port, settings.flight_port) == ("::1", 1, "off", "off")
    assert (settings.metrics_port, settings.metrics_host, settings.catalog) == (0, "::1", file)
    assert (settings.tokens, settings.tls_cert, settings.tls_key, settings.tls_client_ca) == (tmp_path, *[file] * 3)
    assert (settings.insecure, settings.state, settings.stop_seconds) == (True, Path("kept"), 3.0)
    assert settings.state_seconds == 2.0
    assert (settings.history_depth, settings.history_seconds) == (5, 1.5)
    assert (settings.limits.streams, settings.limits.requests_per_second) == (3, 2.5)
    assert (settings.log.value, settings.log_level.value) == ("json", "debug")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--bus", "ev=virtual:a"), "--bus: 'ev=virtual:a' does not say whose it is"),
        (("--car", "a=x/y", "--car", "b=x/z", "--bus", "ev=virtual:a"), "CAR.BUS=INTERFACE:CHANNEL; the cars are a, b"),
        (("--car", "x/y", "--car", "x/y"), "--car: there are two cars 'y'; name each, as in y1=x/y"),
        (("--car", "x/y", "--bus", "b=virtual:a", "--bus", "b=virtual:c"), "the bus 'b' is given already"),
        (("--car", "nissan/leaf_ze0"), "--car: 'leaf_ze0' has no source of frames"),
        (("--car", "nissan/leaf_zz"), "there is no car 'nissan/leaf_zz' (did you mean 'nissan/leaf_ze"),
        (("--host", "999.1.1.1"), "--host: 'host': '999.1.1.1' is no address"),
        (("--rate", "3"), "--rate: it is of a car"),
        (("--virtual", "town"), "--virtual: 'town' does not say whose it is: CAR=SCENARIO; name one with --car"),
        (("--car", "honda/e", "--virtual", "town", "--virtual", "demo"), "has two scenarios; drive one"),
        (("--car", "honda/e", "--virtual", "twon"), "no such scenario or file (did you mean 'town'?)"),
        (
            ("--car", "honda/e", "--virtual", "town", "--seed", "x"),
            "--seed: 'seed' cannot be 'x'; it is a whole number",
        ),
        (("--limit", "streams"), "--limit: 'streams' is not NAME=N"),
        (("--limit", "wheels=4"), "'wheels' is not known in 'limits'"),
        (("--limit", "streams=-1"), "has to be more than 0"),
        (("--grpc-port", "70000"), "--grpc-port: 'grpc-port' cannot be '70000'; it is a port"),
        (("--replay", "x.log", "--replay", "y.log", "--car", "x/y"), "--replay: 'y' has two logs"),
        (("--car", "x/y", "--replay", "nowhere.log"), "--replay: 'y': there is no log nowhere.log"),
        (("--tls-key", "nowhere.pem"), "--tls-key: 'tls-key' needs 'tls-cert' too"),
    ],
)
def test_wrong_options_are_told_by_their_names(options: tuple[str, ...], told: str) -> None:
    assert told in _faults(*options)


def test_all_wrong_options_are_told_at_once() -> None:
    faults = _faults("--grpc-port", "x", "--log", "xml", "--rate", "fast", "--car", "x/y", "--bus", "virtual:a")
    assert [line.partition(":")[0] for line in faults.splitlines()] == ["--grpc-port", "--log", "--rate"]


@given(st.lists(st.sampled_from(["--car", "--bus", "--replay"]), max_size=4), st.data())
def test_whatever_cars_are_asked_for_they_are_settings_or_faults(names: list[str], data: st.DataObject) -> None:
    words = st.text("ab=.:/?_&\\ é", max_size=10)
    options = [f"{name}={data.draw(words)}" for name in names]
    found: object
    try:
        found = _settings(*options)
    except ConfigError as error:
        found = error.faults
    assert found


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "cars.yaml"
    file.write_text("grpc-port: 5\nlog: json\ncars:\n  a: {car: x/y, buses: {b: virtual:a}}\n")
    settings = _settings("--config", file, "--grpc-port", "6")
    assert (settings.grpc_port, settings.log.value, list(settings.cars)) == (6, "json", ["a"])
    assert "cars.yaml:1: 'grpc-port' cannot be" in _faults("--config", _write(tmp_path, "grpc-port: x\n"))


def _write(folder: Path, text: str) -> Path:
    (folder / "cars.yaml").write_text(text)
    return folder / "cars.yaml"


@pytest.mark.parametrize(
    "options", [("--bus", "x"), ("--config", "nowhere.yaml"), ("--car", "no/such", "--bus", "a:b")]
)
def test_what_cannot_run_says_why_and_ends_with_2(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *BROKER, "--grpc-port", "0", "--metrics-port", "0", *options]) == UNUSABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("commonwheel run: ")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("server", ["grpc", "viss", "flight", "metrics"])
def test_a_port_that_is_taken_is_told_in_one_line_with_its_option(
    server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also what libraries write past Python."""
    others = [f"--no-{name}" for name in ("grpc", "viss", "flight", "metrics") if name != server]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["run", *others, f"--{server}-port", str(port)]) == UNUSABLE
    assert capfd.readouterr().err == (
        f"commonwheel run: {server}: cannot listen on 127.0.0.1:{port}: another program listens there; "
        f"choose another port with --{server}-port (0: any free one)\n"
    )


@pytest.mark.parametrize("server", ["grpc", "viss", "flight"])
def test_an_address_of_another_machine_is_told_with_its_option(server: str, capfd: pytest.CaptureFixture[str]) -> None:
    others = [f"--no-{name}" for name in ("grpc", "viss", "flight", "metrics") if name != server]
    options = ("--insecure", "--host", "192.0.2.7", f"--{server}-port", "0", "--log-level", "error")
    assert main(["run", *others, *options]) == UNUSABLE
    assert capfd.readouterr().err == (
        f"commonwheel run: {server}: cannot listen on 192.0.2.7:0: 192.0.2.7 is no address of this machine; "
        "give an address of this machine with --host\n"
    )


def _get(port: int, page: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_replay_runs_until_it_is_told_to_stop(cart: Path, cart_log: Path, tmp_path: Path, number: int) -> None:
    kept = tmp_path / "kept"
    options = ("--car", cart, "--replay", cart_log, "--loop", "--rate", "10", "--no-flight", "--state", kept)
    with running(tmp_path / "log", *options) as service:
        assert {server for _, server in service.ports} == {"grpc", "viss", "metrics"}
        assert {car for car, _ in service.ports} == {"cart", ""}
        metrics = service.port("metrics")
        assert _get(metrics, "ready") == "ready\n"
        while not re.search(r'commonwheel_gateway_frames_total\{car="cart"\} [1-9]', _get(metrics, "metrics")):
            pass
        assert service.stop(number) == FINE
        assert service.process.stdout is not None
        assert service.process.stdout.read() == b"", "what is bound is said once"
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["message"] for line in lines if line["logger"].endswith("service")] == ["ready", "stopping", "stopped"]
    assert not [line for line in lines if line["level"] != "info"]
    (file,) = kept.iterdir()
    assert '"Vehicle.Speed"' in file.read_text()


def test_two_services_do_not_keep_one_cars_values_in_one_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*BROKER, "--state", str(tmp_path / "kept"))
    with running(tmp_path / "log", *options) as service:
        assert main(["run", *options, "--no-grpc", "--no-metrics"]) == UNUSABLE
        assert f"is in use by process {service.process.pid}; give another --state" in capsys.readouterr().err
        assert service.stop() == FINE


def test_a_car_whose_bus_is_not_there_is_ready_and_says_so(cart: Path, tmp_path: Path) -> None:
    with running(tmp_path / "log", *BROKER, "--car", cart, "--bus", "main=socketcan:nowhere0") as service:
        assert 'commonwheel_bus_up{bus="main",car="cart"} 0.0' in _get(service.port("metrics"), "metrics").replace(
            'car="cart",bus="main"', 'bus="main",car="cart"'
        )
        assert service.stop() == FINE
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line for line in lines if line["level"] == "warning"]


def test_two_cars_have_brokers_of_their_own(cart: Path, cart_log: Path, tmp_path: Path) -> None:
    options = ("--car", f"a={cart}", "--replay", f"a={cart_log}", "--car", f"b={cart}", "--replay", f"b={cart_log}")
    with running(tmp_path / "log", *BROKER, *options) as service:
        assert service.port("grpc", "a") != service.port("grpc", "b")
        assert service.stop() == FINE


def test_with_keys_and_certificates_metrics_need_a_token_and_health_none(tmp_path: Path) -> None:
    keys, files = tmp_path / "keys", tmp_path / "tls"
    assert main(["token", "keys", "--out", str(keys)]) == FINE
    assert main(["token", "tls", "--out", str(files), "--host", "127.0.0.1"]) == FINE
    token = tmp_path / "token"
    made = ["token", "make", "--key", keys / "dev.pem", "--subject", "prometheus", "--read", "Vehicle", "-o", token]
    assert main([str(word) for word in made]) == FINE
    secure = ("--tokens", keys / "dev.pub.pem", "--tls-cert", files / "server.pem", "--tls-key")
    trusting = ssl.create_default_context(cafile=files / "ca.pem")
    with running(tmp_path / "log", *secure, files / "server.key.pem", "--no-flight") as service:
        base = f"https://127.0.0.1:{service.port('metrics')}"
        assert httpx.get(f"{base}/ready", verify=trusting).text == "ready\n"
        assert httpx.get(f"{base}/metrics", verify=trusting).status_code == 401
        bearer = {"Authorization": f"Bearer {token.read_text().strip()}"}
        assert "commonwheel_ready 1.0" in httpx.get(f"{base}/metrics", verify=trusting, headers=bearer).text
        assert service.stop() == FINE


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systemd is told over Unix sockets")
def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "500000"}
        with running(tmp_path / "log", *BROKER, environment=told) as service:
            heard = [manager.recv(4096)]
            while not heard[-1].startswith(b"READY=1\n"):
                heard.append(manager.recv(4096))
            assert manager.recv(4096) == b"WATCHDOG=1"
            service.process.send_signal(signal.SIGTERM)
            while not heard[-1].startswith(b"STOPPING=1\n"):
                heard.append(manager.recv(4096))
            assert service.process.wait(60) == FINE


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Unless it had ended before; which of two that come at once is seen first is not said."""
    with running(tmp_path / "log", *BROKER, "--stop-seconds", "60") as service:
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) in {FINE, 128 + signal.SIGINT, 128 + signal.SIGTERM}


def test_what_is_bound_is_one_line_each_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    bound = (Bound("leaf", "grpc", Endpoint("127.0.0.1", 5)), Bound("", "metrics", Endpoint("::1", 6)))
    _announce(bound, as_json=False)
    assert capsys.readouterr().out == "grpc    127.0.0.1:5  leaf\nmetrics [::1]:6\nready\n"

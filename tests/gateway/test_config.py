"""Settings: right ones are read, wrong ones are told all at once, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import ConfigError
from commonwheel.gateway.config import CarSettings, Settings, load_settings, settings_of
from commonwheel.gateway.logs import LogFormat
from commonwheel.vehicles.yamltree import Node

SHARING = """\
cars:
  a: {car: nissan/leaf_ze1, buses: {car: "virtual:x"}}
  b: {car: nissan/leaf_ze1, buses: {car: "virtual:x?fd=true"}, actuate: true}
"""
GOOD = """
host: 127.0.0.1
grpc-port: 50000
viss-port: off
log: json
history-seconds: 5
limits: {streams: 7}
cars:
  leaf:
    car: nissan/leaf_ze0
    buses: {ev: virtual:a, car: "virtual:b?fd=true"}
    actuate: true
  civic: {car: honda/civic_gen8, replay: logs/civic.log, rate: max, loop: true}
"""
BAD = """host: 127.0.0.1
grpc-prot: 1
viss-port: 70000
flight-port: yes
insecure: maybe
log: xml
cars:
  leaf: {car: nissan/leaf_ze0, buses: {ev: 4}, loop: 1, speed: 3}
  civic: {replay: x.log, rate: -4}
  jazz: nothing
limits: {streams: many, wheels: 4}
"""
TWO_CARS = "cars:\n  a: {car: x/y, buses: {b: virtual:a}}\n  b: {car: x/y, buses: {b: virtual:a}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log and a faulty scenario that a configuration beside them may name."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "civic.log").write_text("")
    (tmp_path / "bad.yaml").write_text("format: 1\nlength: never\n")
    return tmp_path


def _write(folder: Path, text: str) -> Path:
    path = folder / "cars.yaml"
    path.write_text(text)
    return path


def test_apps_are_looked_for_beside_the_file_and_have_settings(folder: Path) -> None:
    (folder / "mine.py").write_text("")
    settings = load_settings(_write(folder, "apps: [trip, mine.py]\napp-settings: {trip: {price: 0.3, on: true}}\n"))
    assert settings.apps == ("trip", str(folder / "mine.py"))
    assert settings.app_settings == {"trip": {"price": 0.3, "on": True}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apps: trip\n", "it is a list of apps: [trip, my_app.py]"),
        ("apps: [trip, 5]\n", "'apps' cannot be 5; it is the name of an app, or its file"),
        ("app-settings: {trip: 7}\n", "it is a mapping of the app's settings to values"),
        ("app-settings: 7\n", "it is a mapping of apps to their settings"),
        ("app-settings: {trip: {price: [1]}}\n", "it is a number, a text, true or false"),
    ],
)
def test_what_is_no_app_and_no_setting_is_told(folder: Path, text: str, says: str) -> None:
    assert says in _faults(_write(folder, text))[1]


def _faults(path: Path) -> dict[int, str]:
    with pytest.raises(ConfigError) as raised:
        load_settings(path)
    assert str(raised.value) == "\n".join(map(str, raised.value.faults))
    return {fault.line: fault.message for fault in raised.value.faults}


def test_a_file_says_everything_that_options_can(folder: Path) -> None:
    settings = load_settings(_write(folder, GOOD))
    assert settings.cars["leaf"] == CarSettings(
        car="nissan/leaf_ze0", buses={"ev": "virtual:a", "car": "virtual:b?fd=true"}, actuate=True
    )
    civic = settings.cars["civic"]
    assert (civic.replay, civic.rate, civic.loop) == (folder / "logs" / "civic.log", "max", True)
    assert settings.log is LogFormat.JSON
    assert settings.limits.streams == 7
    assert settings.limits.subscriptions == Settings().limits.subscriptions
    assert settings.history_seconds == 5.0


def test_every_car_has_ports_of_its_own_counted_up(folder: Path) -> None:
    settings = load_settings(_write(folder, GOOD))
    assert [settings.port("grpc", i) for i in range(2)] == [50000, 50001]
    assert settings.port("viss", 1) is None
    assert Settings(grpc_port=0).port("grpc", 3) == 0


def test_an_empty_file_is_a_broker_without_a_car(folder: Path) -> None:
    assert load_settings(_write(folder, "\n")) == Settings()


def test_every_fault_is_told_with_its_line(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(_write(folder, BAD))
    told = [(fault.line, fault.message.partition(";")[0]) for fault in raised.value.faults]
    assert told == [
        (2, "'grpc-prot' is not known in the configuration (did you mean 'grpc-port'?)"),
        (3, "'viss-port' cannot be 70000"),
        (4, "'flight-port' cannot be 'yes'"),
        (5, "'insecure' cannot be 'maybe'"),
        (6, "'log' cannot be 'xml'"),
        (8, "'ev' cannot be 4"),
        (8, "'loop' cannot be 1"),
        (8, "'speed' is not known in 'leaf' (did you mean 'seed'?)"),
        (9, "'civic' lacks 'car', which says what it is: maker/car"),
        (9, "'rate' cannot be -4"),
        (10, "'jazz' is a mapping, not text"),
        (11, "'streams' cannot be 'many'"),
        (11, "'wheels' is not known in 'limits'"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("cars:\n  a: {car: nissan/leaf_ze0}\n", 2, "has no source of frames; give it buses"),
        ("cars:\n  a: {car: nissan/leaf_ze0, loop: true}\n", 2, "('rate' and 'loop' are of a log or a simulated"),
        (SHARING, 3, "'a' has the bus virtual:x as 'b' has"),
        ("cars:\n  a: {car: nissan/leaf_zz}\n", 2, "there is no car 'nissan/leaf_zz' (did you mean 'nissan/leaf_ze"),
        ("cars:\n  a:\n    car: x/y\n    replay: logs\n", 4, "logs is a folder; name one log in it"),
        ("host: 999.1.1.1\n", 1, "'999.1.1.1' is no address"),
        ("log: json\nmetrics-host: '127.0.0.1:9464'\n", 2, "'127.0.0.1:9464' is no address"),
        ("cars:\n  a:\n    car: x/y\n    buses: {b: virtual:a}\n    replay: logs/civic.log\n", 5, "leave one out"),
        ("cars:\n  a:\n    car: x/y\n    replay: logs/civic.log\n    actuate: true\n", 5, "cannot be asked to act"),
        ("cars:\n  a:\n    car: x/y\n    buses: {b: virtual:a}\n    loop: true\n", 5, "are of a replay"),
        ("cars:\n  a:\n    car: x/y\n    replay: nowhere.log\n", 4, "there is no log"),
        (
            "cars:\n  a: {car: nissan/leaf_ze0, virtual: town,\n    replay: logs/civic.log}\n",
            2,
            "has both a log to replay and",
        ),
        (
            "cars:\n  a: {car: nissan/leaf_ze0,\n    virtual: twon}\n",
            3,
            "no such scenario or file (did you mean 'town'?)",
        ),
        ("cars:\n  a: {car: nissan/leaf_ze0,\n    virtual: ''}\n", 3, "or a scenario to simulate ('virtual')"),
        ("cars:\n  a: {car: nissan/leaf_ze0, virtual: town,\n    rate: max}\n", 3, "at a rate that is a number"),
        ("cars:\n  a: {car: nissan/leaf_ze0, virtual: town,\n    rate: 200}\n", 3, "at most 100 times as fast"),
        ("cars:\n  a: {car: nissan/leaf_ze0, virtual: town, actuate: true,\n    rate: 2}\n", 3, "keeps to real time"),
        ("cars:\n  a: {car: x/y, buses: {b: virtual:a},\n    seed: 3}\n", 3, "is not simulated; 'seed' is of"),
        ("cars:\n  a: {car: nissan/leaf_ze0,\n    virtual: bad.yaml}\n", 3, "bad.yaml:2: "),
        ("grpc-port: 5000\nviss-port: 5000\n", 2, "is wanted for 'grpc-port' too"),
        (
            f"grpc-port: 5000\nviss-port: 5001\n{TWO_CARS}",
            2,
            "each car has the next port",
        ),
        (
            f"grpc-port: 65535\n{TWO_CARS}",
            1,
            "of car 2 would be 65536, which is no port",
        ),
        ("tls-cert: logs/civic.log\n", 1, "needs 'tls-key' too"),
        ("tls-client-ca: logs/civic.log\n", 1, "needs 'tls-cert' and 'tls-key' too"),
        ("tokens: nowhere.pem\n", 1, "there is no"),
        ("limits: {streams: 0}\n", 1, "has to be more than 0"),
        ("- a\n", 1, "a configuration is a mapping, not a list"),
        ("host: [\n", 2, "not YAML"),
        ("host: a\nhost: b\n", 2, "stated twice"),
    ],
)
def test_what_does_not_go_together_is_told(folder: Path, text: str, line: int, message: str) -> None:
    faults = _faults(_write(folder, text))
    assert list(faults) == [line]
    assert message in faults[line]


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: it cannot be read"):
        load_settings(folder / "nowhere.yaml")


def test_options_go_before_the_file(folder: Path) -> None:
    over = Node({"host": Node("::1", Path("--host"), 0), "log": Node("text", Path("--log"), 0)}, Path("options"), 0)
    settings = load_settings(_write(folder, GOOD), over)
    assert (settings.host, settings.log, settings.grpc_port) == ("::1", LogFormat.TEXT, 50000)


def test_a_fault_of_an_option_names_the_option() -> None:
    tree = Node({"grpc-port": Node("many", Path("--grpc-port"), 0)}, Path("options"), 0)
    with pytest.raises(ConfigError, match=r"^--grpc-port: 'grpc-port' cannot be 'many'; it is a port"):
        settings_of(tree)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_KEYS = st.sampled_from([*(f.replace("_", "-") for f in Settings.__struct_fields__), "car", "buses", "streams", "x"])
_TREES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4))


@given(_TREES)
def test_whatever_a_file_says_is_settings_or_faults(tree: object) -> None:
    node = _node(tree)
    found: object
    try:
        found = settings_of(node)
    except ConfigError as error:
        found = error.faults
    assert found


def _node(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(item) for key, item in value.items()}, Path("fuzz.yaml"), 3)
    if isinstance(value, list):
        return Node([_node(item) for item in value], Path("fuzz.yaml"), 3)
    assert value is None or isinstance(value, str | int | float | bool)
    return Node(value, Path("fuzz.yaml"), 3)


@given(st.binary(max_size=60))
def test_whatever_bytes_a_file_has_they_are_settings_or_faults(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(data)
    found: object
    try:
        found = load_settings(path)
    except ConfigError as error:
        found = error.faults
    assert found


def test_the_good_file_is_what_yaml_says(folder: Path) -> None:
    """The reader sees the same keys as another YAML reader does."""
    assert set(yaml.safe_load(GOOD)["cars"]) == set(load_settings(_write(folder, GOOD)).cars)

"""An app to begin with, and its test: both pass, on every maker's simulated cars."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from commonwheel.apps.checks import name_fault
from commonwheel.errors import AppError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_new"]

_TOWN_KM = 0.319
"""How far the first 40 seconds of the shipped scenario ``town`` lead."""

_APP = Template('''\
"""$title: say here what it does."""

from commonwheel.apps import App, Event, Output, Setting

app = App(
    "$name",
    "0.1",
    "Distance driven, and a word when it is fast.",
    requires={"Vehicle.Speed": 10},  # a signal, and how many updates per second are enough; 0: every one
    outputs={"distance": Output("km", "Driven since the start.")},
    events={"fast": Event("Faster than the limit for a while.", "warning")},
    settings={"limit": Setting(60.0, "km/h", "What is fast.")},
)

last = None  # the reading before; what a module keeps belongs to one car and one run
metres = 0.0


@app.on("Vehicle.Speed")
def speed(car, reading):
    """Add up the distance, from one good reading to the next."""
    global last, metres
    if reading.good is None:  # stale, corrupt or out of range: never used, and nothing is made up for it
        last = None
        return
    if last is not None:
        seconds = (reading.t_ns - last.t_ns) / 1e9
        metres += (reading.value + last.value) / 2 / 3.6 * seconds
    last = reading


@app.every(1.0)
def show(car):
    """Show how far it has come, once a second."""
    car.show(distance=metres / 1000)


@app.on("Vehicle.Speed")
async def watch(car, reading):
    """Report when it is fast, and once only while that lasts."""
    if reading.good is None or reading.value <= car.settings["limit"]:
        return
    car.report("fast", speed=reading.value)
    while (car.value("Vehicle.Speed") or 0) > car.settings["limit"]:
        await car.sleep(1.0)  # the app's time: over a recording it passes as fast as the recording is read


@app.stop
def end(car):
    """Show the last of it."""
    car.show(distance=metres / 1000)
''')

_TEST = Template("""\
format: 1
cases:
  - name: through the town, on one car of each maker
    scenario: town
    seconds: 40
    cars: [honda/e, nissan/leaf_aze0, mitsubishi/imiev]
    expect:
      outputs:
        distance: {is: $km, within: 1 %}
      events: {}                            # none of them

  - name: whoever calls 20 km/h fast is told
    scenario: town
    seconds: 40
    cars: [honda/e, nissan/leaf_aze0, mitsubishi/imiev]
    settings: {limit: 20}
    expect:
      events:
        fast:
          count: 1
          first:
            data: {speed: {from: 20, to: 21}}
""")


def write_new(name: str, folder: Path) -> tuple[Path, Path]:
    """Write an app and its test; returns their files.

    Args:
        name: the app's.
        folder: where to; made when it is not there.

    Raises:
        AppError: an app cannot have this name.
        OutputError: a file is there already, or cannot be written.
    """
    fault = name_fault(name)
    if fault:
        raise AppError(fault)
    stem = name.replace("-", "_")
    app, test = folder / f"{stem}.py", folder / f"{stem}.test.yaml"
    for path in (app, test):
        if path.exists():
            message = f"{path}: is there already; give another name or --dir"
            raise OutputError(message)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        app.write_text(_APP.substitute(name=name, title=name.replace("-", " ").capitalize()), encoding="utf-8")
        test.write_text(_TEST.substitute(km=_TOWN_KM), encoding="utf-8")
    except OSError as error:
        message = f"{error.filename or folder}: cannot be written ({error.strerror or error})"
        raise OutputError(message) from error
    return app, test

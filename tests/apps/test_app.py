"""What authors write: an app's declaration and its decorators."""

from __future__ import annotations

import subprocess
import sys

import commonwheel.apps
from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.app import Moment


def test_decorators_keep_the_function_and_note_when_it_is_called() -> None:
    app = App("tried", "1")

    @app.start
    def begin(car: object) -> None:
        """Begin."""

    @app.on("Vehicle.Speed", "Vehicle.Body.**")
    async def speed(car: object, reading: object) -> None:
        """Take a reading."""

    test = bool
    app.when("Vehicle.Speed", test=test, lasts=2.0)(begin)
    app.every(0.5)(begin)
    app.on_batch("Vehicle.**")(begin)
    app.stop(begin)
    assert callable(begin)
    found = [(h.moment, h.function, h.patterns, h.period_s, h.test, h.lasts_s, h.is_async) for h in app.handlers]
    assert found == [
        (Moment.START, begin, (), 0.0, None, 0.0, False),
        (Moment.READING, speed, ("Vehicle.Speed", "Vehicle.Body.**"), 0.0, None, 0.0, True),
        (Moment.CONDITION, begin, ("Vehicle.Speed",), 0.0, test, 2.0, False),
        (Moment.PERIOD, begin, (), 0.5, None, 0.0, False),
        (Moment.BATCH, begin, ("Vehicle.**",), 0.0, None, 0.0, False),
        (Moment.STOP, begin, (), 0.0, None, 0.0, False),
    ]


def test_an_app_knows_where_it_was_written() -> None:
    line = sys._getframe().f_lineno + 1
    app = App("tried", "1")
    assert (app.file, app.line) == (__file__, line)
    assert repr(app) == "<App tried 1>"


def test_what_is_declared_is_the_apps_own_copy() -> None:
    requires = {"Vehicle.Speed": 10.0}
    app = App(
        "tried",
        "1",
        "About.",
        requires=requires,
        provides=["Vehicle.Powertrain.Range"],
        requests="Vehicle.Body.Lights.Beam.Low.IsOn",
        outputs={"km": Output("km")},
        events={"fast": Event()},
        settings={"limit": Setting(1.0)},
    )
    requires.clear()
    assert app.manifest.requires == {"Vehicle.Speed": 10.0}
    assert app.manifest.provides == ("Vehicle.Powertrain.Range",)
    assert app.manifest.requests == ("Vehicle.Body.Lights.Beam.Low.IsOn",)


def test_what_authors_import_is_light_and_the_rest_comes_when_it_is_used() -> None:
    """An app's process starts fast: what only annotations name is not imported."""
    code = (
        "import sys; from commonwheel.apps import App, AppError, Event, Output, Setting;"
        "heavy = {'numpy', 'asyncio', 'grpc', 'commonwheel.client', 'commonwheel.broker'} & set(sys.modules);"
        "assert not heavy, heavy; from commonwheel.apps import Batch, Car, Outcome, Quality, Reading"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_public_name_is_there_and_others_are_not() -> None:
    for name in commonwheel.apps.__all__:
        assert getattr(commonwheel.apps, name) is not None
    assert not hasattr(commonwheel.apps, "nothing")

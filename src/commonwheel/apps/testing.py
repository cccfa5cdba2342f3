"""Apps held against what is expected of them: every case of a test file, on every car, in the app's own time.

Each case runs in this process, from a fresh load of the app, faster than the drive, with the same result each time.
What an app asks for a recording or a plain simulation refuses; in a case that ``acts`` the car does it, on a *ground*
that the caller brings (``proving.tried``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.checks import check
from commonwheel.apps.expectations import expectations_beside, load_expectations
from commonwheel.apps.judging import Problem, problems_of
from commonwheel.apps.loading import load_app, locate
from commonwheel.apps.places import short
from commonwheel.apps.replay import drive_of_log, drive_of_twin, run_over
from commonwheel.errors import AppError, CommonwheelError, DescriptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType

    from commonwheel.apps.app import App
    from commonwheel.apps.expectations import Case, Expectations
    from commonwheel.apps.replay import Drive, Recorded
    from commonwheel.twin.scenario import Scenario

    Ground = Callable[[Case, str, str, Scenario], Recorded]
    """Drives a case: the case, the app's file, the car, the scenario; raises CommonwheelError where that cannot be."""

__all__ = ["SHARED", "Result", "Verdict", "expectations_of", "refuse_empty", "run_case", "run_tests"]

SHARED = "COMMONWHEEL_SHARED"
"""Environment variable that names a folder of recorded logs."""


class Verdict(enum.Enum):
    """How a case went."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Its log is not there, and it says that it need not be."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case on one car."""

    name: str
    car: str
    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    why: str = ""
    """Why it was skipped."""
    wall_s: float = 0.0
    """How long it took."""
    drive_s: float = 0.0
    """How long the drive lasted."""
    recorded: Recorded | None = None
    """What the app did."""


def expectations_of(name: str) -> Expectations:
    """Return the tests of an app.

    Args:
        name: the app's name or file, or that of its test file.

    Raises:
        AppError: there is no such app, it has faults, or its tests do; states every one.
    """
    path = Path(name)
    if path.suffix == ".yaml":
        app = str(locate(load_expectations(path).app))
    else:
        app = str(locate(name))
        path = expectations_beside(Path(app))
    loaded = load_app(app)
    check(loaded)
    return dataclasses.replace(load_expectations(path, loaded.manifest), app=app)


def run_tests(
    tests: Expectations, *, only: tuple[str, ...] = (), longest_s: float = 300.0, ground: Ground | None = None
) -> Iterator[Result]:
    """Yield the result of each case, on each of its cars, in the order of the file.

    Args:
        tests: the file.
        only: cases whose name has one of these in it; () all.
        longest_s: wall time that a case may take; one that takes longer has failed. Where the system has no timer for
            that (Windows), and in other threads than the first, nothing is stopped.
        ground: where cars act; None: cases in which they do have failed.
    """
    for case in tests.cases:
        if not only or any(text in case.name for text in only):
            for car in case.cars or (case.car,):
                yield run_case(tests, case, car, longest_s=longest_s, ground=ground)


def run_case(
    tests: Expectations, case: Case, car: str, *, longest_s: float = 300.0, ground: Ground | None = None
) -> Result:
    """Run one case on one car.

    Args:
        tests: the file that it is of.
        case: the case.
        car: one of the case's cars; '' finds out whose log it is.
        longest_s: see ``run_tests``.
        ground: see ``run_tests``.
    """
    log = _log_of(tests, case)
    if case.log and log is None:
        looked = f"there is no log {case.log} beside {tests.path.name}" + _in_shared()
        if case.optional:
            return Result(case.name, car, Verdict.SKIPPED, why=looked)
        return Result(case.name, car, Verdict.FAILED, (Problem(case.line, "log", case.log, looked),))
    began = time.perf_counter()
    limit = _Limit(longest_s)
    try:
        with limit:
            recorded = _acted(tests, case, car, ground) if case.acts else _run(tests, case, car, log)
    except CommonwheelError as error:
        problem = Problem(case.line, "the run", "it to be possible", str(error))
        return Result(case.name, car, Verdict.FAILED, (problem,), wall_s=time.perf_counter() - began)
    except _TooLongError:
        return Result(case.name, car, Verdict.FAILED, (limit.problem(case.line, tests.app),), wall_s=longest_s)
    problems = problems_of(case.expected, recorded)
    if limit.where:
        problems.insert(0, limit.problem(case.line, tests.app))
    return Result(
        case.name,
        recorded.car,
        Verdict.FAILED if problems else Verdict.PASSED,
        tuple(problems),
        wall_s=time.perf_counter() - began,
        drive_s=(recorded.end_ns - recorded.start_ns) / 1e9,
        recorded=recorded,
    )


def _run(tests: Expectations, case: Case, car: str, log: Path | None) -> Recorded:
    """Run a case on what cannot be asked to act."""
    app = _app(tests)
    with _drive(case, car, log, app) as drive:
        return run_over(app, drive, case.settings)


def _acted(tests: Expectations, case: Case, car: str, ground: Ground | None) -> Recorded:
    """Run a case on a car that acts.

    Raises:
        CommonwheelError: it cannot be driven.
    """
    if ground is None:
        message = "a case that acts needs a proving ground; 'commonwheel app test' brings one"
        raise AppError(message)
    _app(tests)  # its faults first
    return ground(case, tests.app, car, _scenario(case))


def _app(tests: Expectations) -> App:
    app = load_app(tests.app)
    check(app)
    return app


def _log_of(tests: Expectations, case: Case) -> Path | None:
    """Return where a case's log is; None when it is nowhere."""
    places = [tests.path.parent / case.log]
    if os.environ.get(SHARED):
        places.append(Path(os.environ[SHARED]) / case.log)
    return next((place for place in places if place.is_file()), None)


def _in_shared() -> str:
    folder = os.environ.get(SHARED)
    return f", nor in {folder} ({SHARED})" if folder else f"; {SHARED} may name another folder to look in"


@contextlib.contextmanager
def _drive(case: Case, car: str, log: Path | None, app: App) -> Generator[Drive]:
    """Open the drive of a case.

    Raises:
        CommonwheelError: it cannot be opened.
    """
    if log is not None:
        with drive_of_log(log, car or None, app, seconds=case.seconds) as drive:
            yield drive
        return
    from commonwheel.twin.parameters_file import load_parameters
    from commonwheel.twin.twin import Twin
    from commonwheel.vehicles import load_vehicle

    parameters = load_parameters(case.parameters or car)
    twin = Twin(load_vehicle(car), _scenario(case), parameters=parameters, seed=case.seed)
    yield drive_of_twin(twin, app, seconds=case.seconds)


def _scenario(case: Case) -> Scenario:
    """Return the scenario of a case, with its faults.

    Raises:
        DescriptionError: there is none, or it or they have faults.
    """
    from commonwheel.twin.scenario_events import faults_of
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.vehicles.yamltree import Reader

    scenario = load_scenario(case.scenario)
    if case.faults is None:
        return scenario
    reader = Reader()
    faults = faults_of(reader, case.faults, scenario.length_s)
    if reader.faults:
        raise DescriptionError(reader.faults)
    return dataclasses.replace(scenario, faults=(*scenario.faults, *faults))


class _TooLongError(KeyboardInterrupt):
    """A case took too long. As an interrupt, it goes through an app that catches every Exception, and through tasks."""


class _Limit:
    """Ends what takes too long, where the system can."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._works = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
        self.where: list[tuple[str, int]] = []
        """File and line of every frame when the time was over, the innermost first."""

    def __enter__(self) -> None:
        if self._works:
            self._before = signal.signal(signal.SIGALRM, self._over)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def _over(self, _number: int, frame: FrameType | None) -> None:
        while frame is not None:
            self.where.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        raise _TooLongError

    def problem(self, line: int, app: str) -> Problem:
        """Return what is to be said of it."""
        file = str(Path(app).absolute())
        own = next((f"{short(file)}:{at}" for name, at in self.where if name == file), "")
        got = f"it was still in {own}" if own else "it went on"
        return Problem(line, "the run", f"it to end within {self._seconds:g} s", got)


def refuse_empty(results: list[Result], app: str) -> None:
    """See that anything was tested.

    Raises:
        AppError: nothing was.
    """
    if not results:
        message = f"{app}: no case has such a name, so nothing was tested"
        raise AppError(message)

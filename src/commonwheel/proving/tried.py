"""Cases of apps' tests in which the car acts: driven in closed loop, and what the app did and the drive was like.

Beside the figures of every drive there are ``speed_end``, in km/h, and ``charge_end``, in percent: the car's at its
end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.errors import AppError
from commonwheel.proving.loop import AppUse, Loop, Setup
from commonwheel.proving.measures import measure

if TYPE_CHECKING:
    from commonwheel.apps.expectations import Case
    from commonwheel.apps.replay import Recorded
    from commonwheel.twin.scenario import Scenario

__all__ = ["tried"]


def tried(case: Case, app: str, car: str, scenario: Scenario) -> Recorded:
    """Drive a case; see ``apps.testing``.

    Args:
        case: what is expected is not looked at.
        app: the app's file.
        car: its name.
        scenario: the case's, with its faults.

    Raises:
        CommonwheelError: the car cannot be made to act, or cannot run the apps.
    """
    from commonwheel.control.description import load_control
    from commonwheel.twin.parameters_file import load_parameters
    from commonwheel.vehicles import load_vehicle

    vehicle = load_vehicle(car)
    control = load_control(vehicle, car)
    if control is None:
        message = f"{car} cannot be made to act; 'commonwheel app check' tells which cars can"
        raise AppError(message)
    uses = (AppUse(app, tuple(case.settings.items())), *map(AppUse, case.beside))
    parameters = load_parameters(case.parameters or car)
    loop = Loop(Setup(vehicle, control, scenario, uses, parameters, case.seed, keep_frames=False))
    if case.seconds is None:
        run = loop.run()
    else:
        loop.until(case.seconds)
        run = loop.result()
    did = loop.seats[0].did
    state = loop.twin.state
    ends = {"speed_end": state.speed_mps * 3.6}
    if parameters.battery is not None:
        ends["charge_end"] = state.charge * 100.0
    did.end_ns, did.figures = loop.t_ns, measure(run) | ends
    return did

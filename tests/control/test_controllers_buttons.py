"""Taps of the cruise control's buttons, on a display that answers late; switches and pulses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from commonwheel.control import standard
from commonwheel.control.controllers import PulseController
from commonwheel.control.controllers_buttons import ButtonsController
from commonwheel.control.manners import Buttons, Pulse
from tests.control.world import DT, SET_SPEED, SPEED, Line, Shown

_BUTTONS = Buttons(
    increase="up", decrease="down", none="none", set_speed=SET_SPEED, step_kmh=1.0, low_kmh=30.0, high_kmh=144.0,
    tap_s=0.1, gap_s=0.1, answer_s=0.5, deadband_kmh=0.6, acceleration_gain=0.4,
)  # fmt: skip


@dataclass
class Cruise:
    """A cruise control that counts presses and shows what it is set to a while later."""

    set_kmh: float = 80.0
    answer_s: float = 0.3
    speed: float = 80.0
    pressed: float = 0.0
    presses: int = 0
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self.display = Line(self.answer_s, self.set_kmh)

    def go(self, commands: dict[str, float]) -> None:
        """Go on by a cycle."""
        assert commands["none"] == 1.0 - commands["up"] - commands["down"]
        now = commands["up"] - commands["down"]
        if now and not self.pressed:
            self.set_kmh = min(144.0, max(30.0, self.set_kmh + now))
            self.presses += 1
        self.pressed = now

    def run(self, controller: ButtonsController, target: float, seconds: float, path: str = standard.SPEED) -> None:
        """Drive with a target."""
        for _ in range(round(seconds / DT)):
            now = self.shown.show({SPEED: self.speed, SET_SPEED: self.display.through(self.set_kmh)})
            commands = controller.command(controller.reference(path, target, now, DT), now, DT)
            self.go(commands)
            controller.sent(commands, now)


@pytest.mark.parametrize("answer_s", [0.05, 0.3, 0.45])
@pytest.mark.parametrize(("target", "presses"), [(85.0, 5), (71.0, 9), (80.4, 0), (20.0, 50)])
def test_just_as_many_taps_as_it_takes(answer_s: float, target: float, presses: int) -> None:
    cruise, controller = Cruise(answer_s=answer_s), ButtonsController(_BUTTONS)
    cruise.run(controller, target, 0.3 * presses + 2.0)
    assert cruise.presses == presses
    assert cruise.set_kmh == max(30.0, round(target))


def test_taps_follow_each_other_faster_than_the_display() -> None:
    cruise, controller = Cruise(answer_s=0.45), ButtonsController(_BUTTONS)
    cruise.run(controller, 90.0, 2.0)
    assert cruise.set_kmh == 90.0


def test_a_tap_that_was_not_taken_is_made_again() -> None:
    cruise, controller = Cruise(), ButtonsController(_BUTTONS)
    cruise.pressed = 1.0  # something else holds the button
    for _ in range(30):
        now = cruise.shown.show({SPEED: 80.0, SET_SPEED: 80.0})
        controller.command(82.0, now, DT)
    cruise.pressed = 0.0
    cruise.run(controller, 82.0, 4.0)
    assert cruise.set_kmh == 82.0


def test_a_speed_between_two_steps_is_no_reason_to_tap_forever() -> None:
    cruise, controller = Cruise(), ButtonsController(_BUTTONS)
    cruise.run(controller, 82.5, 20.0)
    assert cruise.presses <= 3


def test_an_acceleration_is_a_speed_that_is_ahead() -> None:
    cruise, controller = Cruise(), ButtonsController(_BUTTONS)
    cruise.run(controller, 0.8, 5.0, standard.ACCELERATION)
    assert cruise.set_kmh == pytest.approx(80.0 + 3.6 * 0.8 / 0.4, abs=0.6)
    now = cruise.shown.show({SPEED: 80.0})
    assert controller.rank(standard.ACCELERATION, 0.8, now) == pytest.approx(87.2)
    assert controller.express(standard.ACCELERATION, 87.2, now) == pytest.approx(0.8)
    assert controller.rank(standard.SPEED, 100.0, now) == 100.0
    assert controller.express(standard.SPEED, 87.2, now) == 87.2


def test_nothing_is_tapped_while_the_set_speed_is_not_known() -> None:
    shown, controller = Shown(), ButtonsController(_BUTTONS)
    now = shown.show({SPEED: 80.0})
    for _ in range(100):
        assert controller.command(100.0, now, DT)["none"] == 1.0


_PULSE = Pulse(
    command="lock", values=((0.0, 2.0), (1.0, 1.0)), scale=1.0, offset=0.0, times=3, on_s=0.1, off_s=0.2, measured=""
)


def _pulses(controller: PulseController, targets: list[float]) -> list[float]:
    now = Shown().show({SPEED: 0.0})
    return [controller.command(target, now, DT)["lock"] for target in targets]


def test_a_switch_is_sent_a_number_of_times_for_each_change() -> None:
    sent = _pulses(PulseController(_PULSE, 0.0), [1.0] * 200 + [0.0] * 200)
    assert sent[:200].count(1.0) == 30
    assert sent[:10] == [1.0] * 10
    assert sent[10:30] == [0.0] * 20
    assert sent[200:].count(2.0) == 30


def test_a_held_value_stays_as_long_as_it_is_asked_for() -> None:
    sent = _pulses(PulseController(replace(_PULSE, times=0, values=(), scale=10.0, offset=1.0), 0.0), [2.0] * 500)
    assert sent == [21.0] * 500


def test_what_is_so_already_is_not_sent() -> None:
    shown, controller = Shown(), PulseController(replace(_PULSE, measured=SET_SPEED), 0.0)
    assert controller.command(1.0, shown.show({SET_SPEED: 1.0}), DT) == {"lock": 0.0}
    assert controller.command(0.0, shown.show({SET_SPEED: 1.0}), DT) == {"lock": 2.0}


def test_what_pulses_amount_to() -> None:
    controller = PulseController(_PULSE, 0.0)
    now = Shown().show({SPEED: 0.0})
    commands = controller.command(1.0, now, DT)
    assert controller.sent(commands, now) == 1.0
    assert controller.sent({"lock": 0.0}, now) == 1.0  # between two pulses it is still what it is about

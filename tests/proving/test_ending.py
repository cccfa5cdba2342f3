"""Why an axis did not act: what ended it first, what it waited for; and that a drive without it proves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from commonwheel.guard import Rule, State, Transition
from commonwheel.proving.criteria import Criterion, judge
from commonwheel.proving.ending import ended
from commonwheel.proving.loop import Loop, Setup
from commonwheel.proving.proof import Handover, Proof, Trial
from commonwheel.proving.release import release
from tests.proving.drives import BOTH, SHORT, car, scenario
from tests.proving.test_page import run_of


def said(t_s: float, before: State, after: State, cause: str, axis: str = "lateral") -> Transition:
    return Transition(round(t_s * 1e9), axis, before, after, Rule.NONE, cause)


def test_what_ended_an_axis_first_is_told() -> None:
    run = replace(
        run_of("a/one"),
        said=(
            said(0.5, State.OFF, State.ARMED, "armed"),
            said(1.0, State.ARMED, State.ENGAGED, "consent"),
            said(1.2, State.ENGAGED, State.OVERRIDING, "the driver steers"),
            said(1.4, State.OVERRIDING, State.ENGAGED, "the driver has let go"),
            said(2.0, State.ENGAGED, State.FAULTED, "another axis", axis="longitudinal"),
            said(2.25, State.ENGAGED, State.FAULTED, "it does not follow"),
            said(2.5, State.FAULTED, State.OFF, "disarmed"),
        ),
    )
    assert ended(run, "lateral") == "ended at 2.25 s: it does not follow"
    assert not ended(replace(run, said=run.said[:4]), "lateral")
    assert ended(run, "comfort") == "was never engaged"
    faulted = (said(0.5, State.OFF, State.ARMED, "armed"), said(0.6, State.ARMED, State.FAULTED, "two senders"))
    told = ended(replace(run, said=faulted), "lateral")
    assert told == "was faulted at 0.60 s, before it was ever engaged: two senders"


def test_what_engaging_waits_for_is_told(tmp_path: Path) -> None:
    """The driver never switches cruise control on, and the door is open for a while."""
    text = SHORT.replace("  - {at: 0.3 s, cruise: {press: main}}\n  - {at: 1 s, cruise: {press: set}}\n", "")
    door = "  - {at: 0 s, set: {Vehicle.Cabin.Door.Row1.DriverSide.IsOpen: true}, for: 1 s}\n"
    vehicle, control = car()
    loop = Loop(Setup(vehicle, control, scenario(tmp_path, text + door), BOTH, arm_s=0.2))
    loop.until(1.5)
    told = ended(loop.result(), "lateral")
    assert told.startswith("was never engaged; it waited for ")
    assert "Vehicle.ADAS.CruiseControl.IsActive is 0" in told
    assert "door" not in told, "it was closed again, and is no longer what is in the way"


def test_what_did_not_act_cannot_be_let_go() -> None:
    """A drive whose axis had ended before the fault is not held, however fast it was 'noticed'."""
    run = run_of("a/one")
    codes = run.states["lateral"].copy()
    codes[100:] = 1  # armed, a second after the beginning
    run = replace(run, states={"lateral": codes})
    envelope = car()[1].envelope
    found = [release(run, envelope, "lateral", at_s) for at_s in (0.0, 1.01, 1.5)]
    assert [one.acted for one in found] == [True, True, False]
    trial = Trial("x", "", "x", (), (), (Handover("lateral", 1.5, 0.3),))
    proof = Proof(
        "a/one", trial, releases=(found[2],), handovers=trial.handovers, ends={"lateral": "ended at 1.01 s: of itself"}
    )
    assert proof.faults == ["lateral did not act any more at 1.5 s: it ended at 1.01 s: of itself"]


def test_a_figure_of_how_long_it_acted_says_why_it_was_no_longer() -> None:
    trial = Trial("x", "", "x", (), (Criterion("engaged_lateral", least=80.0),))
    proof = Proof("a/one", trial, "", {}, judge({"engaged_lateral": 5.0}, trial.criteria), ends={"lateral": "broke"})
    assert proof.faults == ["engaged_lateral >= 80 %: 5 (lateral broke)"]

"""The guard: decides what may leave towards a car. Small, pure, and of no car: limits are data (``envelope``)."""

from commonwheel.guard.envelope import CarEnvelope, Ending, Envelope, Measured, Without
from commonwheel.guard.guard import Guard, Reading
from commonwheel.guard.verdict import Outcome, Rule, State, Transition, Verdict

__all__ = [
    "CarEnvelope",
    "Ending",
    "Envelope",
    "Guard",
    "Measured",
    "Outcome",
    "Reading",
    "Rule",
    "State",
    "Transition",
    "Verdict",
    "Without",
]

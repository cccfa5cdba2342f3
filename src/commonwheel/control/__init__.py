"""Making a car act: adapters as data, controllers, arbitration between requests; the guard has the last word."""

from commonwheel.control.car import CYCLE_NS, Acting, CarControl, Cycle, Leaving
from commonwheel.control.model import Control
from commonwheel.control.request import Phase, Progress, Request

__all__ = ["CYCLE_NS", "Acting", "CarControl", "Control", "Cycle", "Leaving", "Phase", "Progress", "Request"]

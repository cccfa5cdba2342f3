"""The tour: one simulated drive through three makers' wires and back into one standard.

``drive`` simulates the drive, ``tour`` takes it through the cars, ``page`` shows it
(``bits`` looks into single frames). The traffic is synthetic and says so wherever it appears.
"""

from __future__ import annotations

from commonwheel.tour.drive import Drive, synthesise
from commonwheel.tour.tour import CARS, Passage, tour

__all__ = ["CARS", "Drive", "Passage", "synthesise", "tour"]

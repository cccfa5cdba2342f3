"""The tour: one made-up drive through three makers' wires and back into one standard.

``drive`` synthesises the drive (``motion`` moves its car), ``tour`` takes it through the cars, ``page`` shows it
(``bits`` looks into single frames). The traffic is synthetic and says so wherever it appears.
"""

from __future__ import annotations

from commonwheel.tour.drive import Drive, synthesise
from commonwheel.tour.tour import CARS, Passage, tour

__all__ = ["CARS", "Drive", "Passage", "synthesise", "tour"]

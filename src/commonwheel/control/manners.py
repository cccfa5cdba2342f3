"""The manners in which cars act: what a standard target becomes, in closed loop on the car's own measured signals."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Manner"]


class Manner(Protocol):
    """Parameters of a controller, as data; ``controllers`` makes the controller of it."""

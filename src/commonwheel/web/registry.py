"""Every view, call and file of the dashboard, by the name that pages ask for it with.

They are imported when a dashboard starts, and not before: the command line knows this package by name only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.web.scene import Scene
    from commonwheel.web.views import Call, FileMaker, ViewMaker

__all__ = ["Registry", "registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """What pages can ask for."""

    views: Mapping[str, ViewMaker] = field(default_factory=dict[str, "ViewMaker"])
    calls: Mapping[str, Call] = field(default_factory=dict[str, "Call"])
    files: Mapping[str, FileMaker] = field(default_factory=dict[str, "FileMaker"])
    """Fetched from ``/files/<name>`` with the token in a header; ``api.file`` does."""
    documents: Mapping[str, Callable[[Scene, str], str | None]] = field(
        default_factory=dict[str, "Callable[[Scene, str], str | None]"]
    )
    """Whole pages in HTML below ``/<name>/``, made of the rest of the path, for everyone; None: there is none."""
    ends: tuple[Callable[[Scene], None], ...] = ()
    """Called when the dashboard has stopped; what they wait for, the service waits for."""


def registry() -> Registry:
    """Return everything there is."""
    from commonwheel.web import apps_view, control_view
    from commonwheel.web.alliance_view import AllianceView
    from commonwheel.web.car_pages import car_page
    from commonwheel.web.coverage_view import cell, coverage
    from commonwheel.web.frame_record import end_recordings, record
    from commonwheel.web.signal_view import SignalView
    from commonwheel.web.signals_view import SignalsView, match
    from commonwheel.web.traffic_view import MessageView, TrafficView, frames_file

    return Registry(
        views={
            "alliance": AllianceView,
            "apps": apps_view.AppsView,
            "control": control_view.ControlView,
            "signals": SignalsView,
            "signal": SignalView,
            "traffic": TrafficView,
            "message": MessageView,
        },
        calls={
            "apps.start": apps_view.start,
            "apps.stop": apps_view.stop,
            "control.arm": control_view.arm,
            "signals.match": match,
            "coverage": coverage,
            "coverage.cell": cell,
            "frames.record": record,
        },
        files={"frames": frames_file},
        documents={"cars": car_page},
        ends=(end_recordings,),
    )

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


def registry() -> Registry:
    """Return everything there is."""
    from commonwheel.web.alliance_view import AllianceView

    return Registry(views={"alliance": AllianceView})

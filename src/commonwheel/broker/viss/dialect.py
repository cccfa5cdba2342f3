"""The versions of VISS, and how a client says which one it speaks."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SUB_PROTOCOLS", "Version", "negotiate"]


class Version(enum.Enum):
    """A version of VISS that is spoken here; the value is its WebSocket sub-protocol."""

    V2 = "VISSv2"
    V3 = "VISSv3"

    @property
    def filter_key(self) -> str:
        """The member of a filter that says what kind it is."""
        return "type" if self is Version.V2 else "variant"


SUB_PROTOCOLS = {
    "VISSv2": Version.V2,
    "VISSv2.0": Version.V2,
    "VISSv3": Version.V3,
    "VISSv3.0": Version.V3,
    "VISSv3.1": Version.V3,
}
"""WebSocket sub-protocols by name. The specification's own are the bare ones; clients in the field send the others."""


def negotiate(offered: Sequence[str]) -> tuple[Version, str | None] | None:
    """Return the version to speak, and the sub-protocol to confirm; None when a client offers none that is known.

    A client that offers none at all speaks version 2, as KUKSA's databroker takes it.
    """
    if not offered:
        return Version.V2, None
    return next(((SUB_PROTOCOLS[name], name) for name in offered if name in SUB_PROTOCOLS), None)

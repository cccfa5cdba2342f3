"""What the gateway refuses, before anything runs."""

from __future__ import annotations

from commonwheel.errors import CommonwheelError

__all__ = ["GatewayError"]


class GatewayError(CommonwheelError):
    """A car cannot be run as asked; the message says what would be right."""

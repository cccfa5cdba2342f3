"""Frames that were sent from here, beside those that a car's own controllers sent: on bus numbers of their own.

A batch of frames does not say which way a frame went. So what was sent from here bears the number of its bus with
``SENT`` added, and in a log the name of its bus with ``SUFFIX`` behind it, as in ``pt.sent``. Whoever knows nothing of
this takes it for another bus, and never for what the car said; who decodes a log leaves it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.wire.frames import Frames

__all__ = ["SENT", "SUFFIX", "own_frames"]

SENT = 64
"""Added to the number of a bus; a car has at most 32 of them."""
SUFFIX = ".sent"
"""Behind the name of a bus."""


def own_frames(frames: Frames, names: Mapping[int, str]) -> Frames:
    """Return the frames of a log that a car sent itself; *names* are those of the log's buses by number."""
    sent = [number for number, name in names.items() if name.endswith(SUFFIX)]
    if not sent:
        return frames
    mask = np.isin(frames.bus, np.array(sent, np.uint8))
    return frames[~mask] if mask.any() else frames

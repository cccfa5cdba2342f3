"""How a process that makes a car act gets its turn in time, where the system allows it; where not, it goes on without.

A thread that is due goes before everything else (``SCHED_RR``). It still needs Python's lock, whose holder may be
waiting for its turn on a machine under load: so the process's other threads go before other processes', and the lock
changes hands more often. Measured on two shared cores with a load of 8 to 10: 99 % of all cycles begin within 0.5 ms
of their time, and without all this within 20 ms.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

__all__ = ["favour_process", "favour_thread"]

_LOG = logging.getLogger(__name__)
_NICE = -10
_SWITCH_S = 0.001
"""Python's own is 5 ms."""
_TASKS = Path("/proc/self/task")


def favour_thread(name: str) -> None:
    """Have the calling thread go first when it is due."""
    if not hasattr(os, "sched_setscheduler"):
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError as error:
        _LOG.info("%s: it has no real-time priority: %s", name, error.strerror)


def favour_process() -> None:
    """Have this process's threads, and those that they start, go before other processes."""
    sys.setswitchinterval(_SWITCH_S)
    if not _TASKS.is_dir():
        return
    try:
        for task in _TASKS.iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), _NICE)
    except OSError as error:
        _LOG.info("this process does not go before others: %s", error.strerror)

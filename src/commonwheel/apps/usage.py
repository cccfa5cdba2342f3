"""What an app's process uses of the machine, seen from outside: processor time, memory, processes of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "can_watch", "usage_of"]

_PROC = Path("/proc")
_MOST = 64
"""Descendants that are looked at."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children use."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    """Its own: what it shares with others counts in parts, and what can be read from a file again does not."""
    children: int = 0
    runnable: bool = False
    """Whether it wants to run, or is running, right now."""


def can_watch() -> bool:
    """Whether this platform lets one see what a process uses."""
    return (_PROC / "self" / "statm").exists()


def usage_of(pid: int) -> Usage | None:
    """Return what a process uses; None where that cannot be seen, or it has ended."""
    found = _one(pid)
    if found is None:
        return None
    cpu_s, memory, runnable = found
    children = _children(pid)
    for child in children:
        more = _one(child)
        if more is not None:
            cpu_s, memory = cpu_s + more[0], memory + more[1]
    return Usage(cpu_s, memory, len(children), runnable)


def _one(pid: int) -> tuple[float, int, bool] | None:
    """Return processor seconds (with those of children that have ended), bytes, and whether it wants to run."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
        memory = _memory(pid)
    except (OSError, ValueError):
        return None
    fields = stat.rpartition(b")")[2].split()  # its name, before, may hold anything
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), memory, fields[0] == b"R"


def _memory(pid: int) -> int:
    """Return bytes of memory; the first of the kernel's two accounts says how much is shared, where there is one."""
    for name, wanted in (
        ("smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")),
        ("status", (b"RssAnon:", b"RssShmem:", b"VmSwap:")),
    ):
        try:
            lines = (_PROC / str(pid) / name).read_bytes().splitlines()
        except PermissionError:
            continue
        found = [int(line.split()[1]) for line in lines if line.startswith(wanted)]
        if found:
            return 1024 * sum(found)
    return 0


def _children(pid: int) -> list[int]:
    """Return the processes that descend from one, as far as they can be seen."""
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < _MOST:
        one = waiting.pop()
        try:
            tasks = list((_PROC / str(one) / "task").iterdir())
            listed = [int(word) for task in tasks for word in (task / "children").read_bytes().split()]
        except OSError:
            continue
        found += listed
        waiting += listed
    return found

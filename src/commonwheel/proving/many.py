"""Many drives at once: each in a process of its own kind, as many as there are cores; results come as they are done."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["cores", "spread"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def cores() -> int:
    """Return how many processes work at once well."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(work: Callable[[_T], _R], tasks: Sequence[_T], jobs: int) -> Iterator[tuple[_T, _R]]:
    """Yield each task with its result, as they are done.

    Args:
        work: a function of a module; with several jobs it and all tasks and results have to be picklable.
        tasks: what to work on.
        jobs: processes at once; 1 works in this one.

    Raises:
        CommonwheelError: what *work* raises; tasks that have not begun are dropped then.
    """
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, work(task)
        return
    context = multiprocessing.get_context("spawn")  # a drive copies its process, which none with threads should
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context) as pool:
        waiting = {pool.submit(work, task): task for task in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            for one in waiting:
                one.cancel()

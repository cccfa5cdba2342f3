"""Many drives at once: each in a process of its own kind, as many as there are cores; results come as they are done.

None of these processes outlives who started it, however that ends: it ends them, and where it cannot any more (it was
killed), each notices that it is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, TypeVar

from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.process import BaseProcess

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
        CommonwheelError: what *work* raises, or a process died; all that goes on still is ended then.
    """
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, work(task)
        return
    context = multiprocessing.get_context("spawn")  # a drive copies its process, which none with threads should
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context, initializer=_end_with_parent) as pool:
        waiting = {pool.submit(work, task): task for task in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BaseException as error:
            for one in waiting:
                one.cancel()
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                message = "a process that drove was ended; is there enough memory? --jobs 1 needs the least"
                raise CommonwheelError(message) from error
            raise


def _end_with_parent() -> None:
    """Have this process end with the one that started it, which alone heeds Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)

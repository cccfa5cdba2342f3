"""Tasks for many processes, in a module that is loaded fast; as a program it works on two that never end."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from commonwheel.errors import CommonwheelError
from commonwheel.proving.forked import forked
from commonwheel.proving.many import spread


def double(number: int) -> int:
    """Return twice a number; 3 raises."""
    if number == 3:
        message = "not three"
        raise CommonwheelError(message)
    return 2 * number


def die(number: int) -> int:
    """End the process, of which only one is spared."""
    if number:
        os._exit(7)
    return number


def for_ever(begun: Path) -> None:
    """Say that it began, and never end."""
    begun.with_name(f"{begun.name}.tmp").write_text(str(os.getpid()))
    begun.with_name(f"{begun.name}.tmp").rename(begun)
    threading.Event().wait()


def for_ever_in_a_copy(begun: Path) -> None:
    """Never end, in a copy of the process."""
    forked(lambda: for_ever(begun))


def main(work: str, folder: str, jobs: str) -> None:
    """Work on as many tasks as there are processes, for ever."""
    for _ in spread(
        for_ever_in_a_copy if work == "copies" else for_ever, [Path(folder, name) for name in "ab"], int(jobs)
    ):
        pass


if __name__ == "__main__":
    from tests.proving import tasks  # by this name the others know it, too

    tasks.main(*sys.argv[1:])

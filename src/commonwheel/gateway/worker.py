"""A thread that runs until it is asked to end. What reads buses, plays recordings and watches the time are workers."""

from __future__ import annotations

import abc
import threading
import time

__all__ = ["HeldWorker", "Worker"]


class Worker(abc.ABC):
    """Runs ``_run`` in a thread of its own; ``start``, ``stop`` and ``join`` it once."""

    def __init__(self, name: str) -> None:
        """Prepare; *name* is the thread's."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._cpu_s = 0.0

    @property
    def name(self) -> str:
        """The thread's name."""
        return self._thread.name

    @abc.abstractmethod
    def _run(self) -> None:
        """Work until ``_stop`` is set."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; ``join`` waits for that."""
        self._stop.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for its end; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether it has begun, and has not ended."""
        return self._thread.is_alive()

    def cpu_s(self) -> float:
        """Return the processor time that it has taken, in seconds; what it last was, where the system cannot tell."""
        ident = self._thread.ident
        if ident is not None and self._thread.is_alive() and hasattr(time, "pthread_getcpuclockid"):
            try:
                self._cpu_s = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:  # it ended between the question and the answer
                return self._cpu_s
        return self._cpu_s


class HeldWorker(Worker):
    """A worker that can be held at its start: ``_run`` waits for ``_go`` when it is ready."""

    def __init__(self, name: str) -> None:
        """Prepare, not held; *name* is the thread's."""
        super().__init__(name)
        self._go = threading.Event()
        self._go.set()

    def hold(self) -> None:
        """Get ready at the start, and do not begin before ``play``."""
        self._go.clear()

    def play(self) -> None:
        """Begin, where it was held."""
        self._go.set()

    def stop(self) -> None:
        """Ask it to end, also while it is held; ``join`` waits for that."""
        super().stop()
        self._go.set()

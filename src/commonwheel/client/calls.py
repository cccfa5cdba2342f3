"""What both faces of the client do between a call and its link: arguments in, typed results out."""

from __future__ import annotations

import functools
import inspect
import time
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside, to_inside
from commonwheel.client.readings import Reading
from commonwheel.client.requests import Outcome
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Step
    from commonwheel.broker.signals import SignalTable
    from commonwheel.client.link import Link
    from commonwheel.client.readings import Batch
    from commonwheel.client.requests import Request

__all__ = ["Steps", "answering", "past", "publish", "read", "rows", "unasked"]

_QUALITIES = tuple(Quality)
_SECOND = 1_000_000_000


async def read(link: Link, paths: Sequence[str], *, targets: bool = False) -> list[Reading]:
    """Return the current readings of signals, in their order.

    Raises:
        CommonwheelError: one is unknown or may not be read, or the car cannot be reached.
    """
    if not paths:
        return []
    current = await link.read(paths, targets=targets)
    signals = link.table.signals
    numbers: list[int] = current.signal.tolist()
    objects = [None] * len(paths) if current.objects is None else current.objects.tolist()
    readings: list[Reading] = []
    for number, value, quality, t_ns, item in zip(
        numbers,
        current.value.tolist(),
        current.quality.tolist(),
        current.t_ns.tolist(),
        objects,
        strict=True,
    ):
        signal = signals[number]
        typed = from_inside(signal, value, item)
        readings.append(Reading(typed, _QUALITIES[quality], t_ns, signal.leaf.path, signal.leaf.unit))
    return readings


async def past(link: Link, path: str, seconds: float | None, most: int | None) -> Batch:
    """Return the kept updates of a signal of the last so many seconds, oldest first.

    Raises:
        CommonwheelError: it is unknown or may not be read, or the car cannot be reached.
    """
    start_ns = 0 if seconds is None else max(0, time.time_ns() - round(seconds * _SECOND))
    return await link.history(path, start_ns, 2**63 - 1, most)


async def publish(link: Link, values: Mapping[str, object], t_ns: int | None) -> None:
    """Give values to signals that nobody owns.

    Raises:
        BrokerError: some were refused; the reason is that of the first, the message tells all. The others were taken.
        CommonwheelError: the car cannot be reached.
    """
    faults = await link.publish(values, t_ns)
    if faults:
        first = next(iter(faults.values()))
        raise BrokerError(first.reason, "; ".join(map(str, faults.values())), signal=first.signal)


def rows(table: SignalTable, values: Mapping[str, object], t_ns: int | None, quality: Quality) -> Updates:
    """Return checked values by path as a batch; a value of None: the signal has none (INVALID).

    Raises:
        BrokerError: UNKNOWN_SIGNAL, WRONG_TYPE, OUT_OF_RANGE or NOT_ALLOWED; nothing is published then.
    """
    now = time.time_ns() if t_ns is None else t_ns
    made: list[tuple[int, int, float, int, object]] = []
    for path, value in values.items():
        number = table.numbers.get(path)
        if number is None:
            number = table.number(path)
        if value is None:
            made.append((number, now, float("nan"), max(quality, Quality.INVALID), None))
        else:
            inside, item = to_inside(table.signals[number], value)
            made.append((number, now, inside, quality, item))
    return Updates.build(made)


def answering(on_request: Callable[[Request], object]) -> Callable[[Request], object]:
    """Return a provider's callback that answers for what it raises: the request has failed.

    What it raises is raised on, to be reported.
    """

    @functools.wraps(on_request)
    def answer(request: Request) -> object:
        try:
            found = on_request(request)
        except Exception as error:
            request.fail(f"{type(error).__name__}: {error}")
            raise
        return _awaiting(found, request) if inspect.isawaitable(found) else found

    return answer


async def _awaiting(work: Awaitable[object], request: Request) -> object:
    try:
        return await work
    except Exception as error:
        request.fail(f"{type(error).__name__}: {error}")
        raise


def unasked(request: Request) -> None:
    """Refuse what is asked of a provider that said nothing of how to do it."""
    request.refuse("its provider takes no requests")


class Steps:
    """Gathers the steps of actuations until all have ended."""

    def __init__(self, targets: Mapping[str, object]) -> None:
        self._targets = targets
        self._steps: dict[str, list[Step]] = {path: [] for path in targets}

    def add(self, told: tuple[str, Step]) -> None:
        """Take in a step."""
        path, step = told
        self._steps[path].append(step)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """How far each has come, by path."""
        return {path: Outcome(path, self._targets[path], tuple(steps)) for path, steps in self._steps.items()}

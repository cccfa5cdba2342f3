"""An app on the proving ground: what it wishes becomes requests of the control, and it hears what became of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import declared, facts_of
from commonwheel.apps.loading import load_app
from commonwheel.apps.matrix import require
from commonwheel.apps.replay import Recorded
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import to_inside
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.control import Phase, Request
from commonwheel.gateway.translate import Translation
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.apps.sink import Wish
    from commonwheel.control import Progress
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["MOTION_VALID_NS", "Seat"]

MOTION_VALID_NS = 500_000_000
"""How long a wish is good for that says nothing of it, as on a live car."""
_STAGES = {
    Phase.CONFIRMED: Stage.CONFIRMED,
    Phase.TIMED_OUT: Stage.TIMED_OUT,
    Phase.REFUSED: Stage.REFUSED,
    Phase.OUTVOTED: Stage.FAILED,
    Phase.ENDED: Stage.FAILED,
}
"""How an app hears of the phases that end a request."""


@dataclass(slots=True)
class _Doings(Recorded):
    """What an app did, and what it wishes now."""

    wished: list[Wish] = field(default_factory=list["Wish"])
    unwished: list[str] = field(default_factory=list[str])

    def request(self, wish: Wish) -> None:
        """See ``Sink``."""
        self.requested.append((wish.t_ns, wish.path, wish.value))
        self.wished.append(wish)

    def withdraw(self, t_ns: int, path: str) -> None:  # noqa: ARG002 - it is over at once
        """See ``Sink``."""
        self.wished = [wish for wish in self.wished if wish.path != path]
        self.unwished.append(path)


class Seat:
    """One app of one drive."""

    def __init__(
        self,
        name: str,
        vehicle: Vehicle,
        *,
        given: Iterable[str],
        asked: Iterable[str],
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Load an app.

        Args:
            name: of the app, or its file.
            vehicle: the car.
            given: paths that others than the car give: what is seen, and the guard's states.
            asked: actuators that can be asked for.
            settings: values in place of the manifest's own.

        Raises:
            AppError: there is no such app or setting, or the car does not give what it requires.
        """
        app = load_app(name)
        self.name = app.manifest.name
        self.alive = True
        self.asked: dict[str, int] = {}
        """For how long its last wish of each actuator was good, in nanoseconds."""
        self.did = _Doings(car=vehicle.name, units={name: out.unit for name, out in app.manifest.outputs.items()})
        """What the app did so far."""
        facts = facts_of(vehicle, app.manifest, given=given, asked=asked)
        require(app.manifest, facts)
        self.reads = frozenset(declared(app.manifest, facts.table.numbers).reads)
        """The signals that it reads, by path."""
        self._table = facts.table
        self._engine = Engine(app, facts, self.did, settings)
        self._translation = Translation.between(vehicle, facts.table)

    # ---- what the loop does with it ----------------------------------------------------------------------------------

    def start(self, t_ns: int) -> None:
        """Begin; the car's fixed facts are known then."""
        fixed = sorted(self._translation.attributes.items())
        rows = [(number, *to_inside(self._table[number], value)) for number, value in fixed]
        self._engine.start(
            t_ns, Updates.build((number, t_ns, value, int(Quality.GOOD), item) for number, value, item in rows)
        )

    def take(self, samples: Samples) -> None:
        """Take in what the car says."""
        if self.alive and len(samples):
            chosen = samples[self._translation.numbers[samples.signal] >= 0]
            if len(chosen):
                self._engine.feed(self._translation.apply(chosen, chosen.t_ns))

    def perceive(self, t_ns: int, values: Mapping[str, float | str | None]) -> None:
        """Take in what others than the car say; booleans as 0 and 1, None is no value."""
        if not self.alive:
            return
        rows: list[tuple[int, int, float, int, object]] = []
        for path, value in values.items():
            number = self._table.numbers.get(path)
            if number is None:
                continue
            if value is None:
                rows.append((number, t_ns, math.nan, int(Quality.INVALID), None))
                continue
            # Whatever a sensor says is handed on, as a live car's provider does: a wrong number is the app's to bear.
            inside, item = (value, None) if not isinstance(value, str) else to_inside(self._table[number], value)
            rows.append((number, t_ns, inside, int(Quality.GOOD), item))
        if rows:
            self._engine.feed(Updates.build(rows))

    def advance(self, t_ns: int) -> None:
        """Let it do what is due up to a time."""
        if self.alive:
            self._engine.advance(t_ns)

    def wishes(self) -> tuple[Sequence[Request], Sequence[str]]:
        """Return what it asked for since the last call, and the actuators that it no longer wants anything of."""
        if not self.did.wished and not self.did.unwished:
            return (), ()
        requests = [self._request(wish) for wish in self.did.wished]
        withdrawn = list(self.did.unwished)
        self.did.wished.clear()
        self.did.unwished.clear()
        return requests, withdrawn

    def _request(self, wish: Wish) -> Request:
        value, _ = to_inside(self._table[self._table.number(wish.path)], wish.value)
        valid_ns = MOTION_VALID_NS if wish.terms.valid_ns is None else wish.terms.valid_ns
        self.asked[wish.path] = valid_ns
        return Request(wish.path, value, self.name, wish.t_ns, valid_ns, wish.terms.priority, number=wish.number)

    def answer(self, progress: Progress) -> None:
        """Tell it how a request ended; of a step in between it hears nothing."""
        stage = _STAGES.get(progress.phase)
        if stage is not None and self.alive:
            request = progress.request
            steps = (Step(Stage.REQUESTED, request.t_ns), Step(stage, progress.t_ns, progress.why))
            self._engine.answer(request.number, Outcome(request.path, request.value, steps))

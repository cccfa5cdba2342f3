"""An app on the proving ground: what it wishes becomes requests of the control, and it hears what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps.loading import load_app
from commonwheel.apps.riding import Ride
from commonwheel.catalog import load_catalog
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.control import Phase, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.apps.replay import Recorded
    from commonwheel.apps.sink import Wish
    from commonwheel.broker.values import Value
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
        self._leaves = load_catalog().leaves
        self._requests: list[Request] = []
        self._withdrawn: list[str] = []
        self._ride = Ride(app, vehicle, self, given=given, asked=asked, settings=settings)

    @property
    def did(self) -> Recorded:
        """What the app did so far."""
        return self._ride.did

    # ---- what the loop does with it ----------------------------------------------------------------------------------

    def start(self, t_ns: int) -> None:
        """Begin."""
        self._ride.start(t_ns)

    def take(self, samples: Samples) -> None:
        """Take in what the car says."""
        if self.alive:
            self._ride.take(samples)

    def perceive(self, t_ns: int, values: Mapping[str, float | str | None]) -> None:
        """Take in what others than the car say; booleans as 0 and 1, None is no value."""
        if self.alive:
            self._ride.perceive(t_ns, {path: self._typed(path, value) for path, value in values.items()})

    def _typed(self, path: str, value: float | str | None) -> Value | None:
        if value is not None and self._leaves[path].datatype == "boolean":
            return bool(value)
        return value

    def advance(self, t_ns: int) -> None:
        """Let it do what is due up to a time."""
        if self.alive:
            self._ride.advance(t_ns)

    def wishes(self) -> tuple[Sequence[Request], Sequence[str]]:
        """Return what it asked for since the last call, and the actuators that it no longer wants anything of."""
        if not self._requests and not self._withdrawn:
            return (), ()
        taken = self._requests, self._withdrawn
        self._requests, self._withdrawn = [], []
        return taken

    def answer(self, progress: Progress) -> None:
        """Tell it how a request ended; of a step in between it hears nothing."""
        stage = _STAGES.get(progress.phase)
        if stage is not None and self.alive:
            request = progress.request
            steps = (Step(Stage.REQUESTED, request.t_ns), Step(stage, progress.t_ns, progress.why))
            self._ride.answer(request.number, Outcome(request.path, request.value, steps))

    # ---- what the app does -------------------------------------------------------------------------------------------

    def request(self, wish: Wish) -> None:
        """See ``Acts``."""
        value = float(wish.value) if isinstance(wish.value, bool | int | float) else self._code(wish)
        valid_ns = MOTION_VALID_NS if wish.terms.valid_ns is None else wish.terms.valid_ns
        priority = wish.terms.priority
        self._requests.append(
            Request(wish.path, value, self.name, wish.t_ns, valid_ns, priority, number=wish.number)
        )

    def _code(self, wish: Wish) -> float:
        """Return the code of an enumeration's value; the app's engine has seen to it that there is one."""
        return float(self._leaves[wish.path].allowed.index(wish.value))

    def withdraw(self, t_ns: int, path: str) -> None:  # noqa: ARG002 - it is over at once
        """See ``Acts``."""
        self._requests = [request for request in self._requests if request.path != path]
        self._withdrawn.append(path)

"""The speed limiter takes from what others ask for and adds nothing; the driver is told in good time."""

from __future__ import annotations

from commonwheel.apps.loading import load_app
from tests.apps.running import Run, S

SPEED, LIMIT = "Vehicle.Speed", "Vehicle.ADAS.SpeedLimit"
ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
GUARD = "Vehicle.MotionManagement.Guard.LongitudinalState"


class Other:
    """A car on which another app asks for an acceleration; the lower of both counts, as in arbitration."""

    def __init__(self, kmh: float, wants: float, limit: float | None = 100.0, **settings: object) -> None:
        self.run = Run(load_app("speed-limiter"), given={SPEED, LIMIT}, asked={ACCELERATION}, settings=settings).start()
        self.mps, self.wants, self.limit, self.t = kmh / 3.6, wants, limit, 0.0
        self.mps2 = wants
        self.most = 0.0
        self.caps: list[tuple[float, float]] = []
        """Of each turn that it took part in: what it asked for, and what the car had."""

    @property
    def cap(self) -> float | None:
        wishes, withdrawn = self.run.did.requested, self.run.did.withdrawn
        if not wishes or self.t * S - wishes[-1][0] > 0.3 * S:
            return None
        return None if withdrawn and withdrawn[-1][0] >= wishes[-1][0] else float(wishes[-1][2])  # type: ignore[arg-type]

    def to(self, seconds: float) -> Other:
        while self.t < seconds:
            self.t = round(self.t + 0.02, 6)
            cap = self.cap
            if cap is not None:
                self.caps.append((cap, self.mps2))
            wanted = self.wants if cap is None else min(self.wants, cap)
            self.mps2 += (wanted - self.mps2) * 0.02 / 0.3
            self.mps = max(0.0, self.mps + self.mps2 * 0.02)
            self.most = max(self.most, self.mps * 3.6)
            rows: list[tuple[float, str, object]] = [(self.t, SPEED, self.mps * 3.6)]
            if self.limit is not None:
                rows.append((self.t, LIMIT, self.limit))
            self.run.feed(*rows).to(self.t)
        return self

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.run.did.events]


def test_another_apps_wish_ends_at_the_limit() -> None:
    car = Other(70, 1.2).to(40)
    assert car.most < 101.0
    assert 97.0 < car.mps * 3.6 < 101.0
    assert "approaching" in car.names
    assert "over_limit" not in car.names


def test_it_never_asks_for_more_than_the_car_has() -> None:
    for wants in (1.5, 0.3, 0.0, -0.5):
        car = Other(90, wants).to(30)
        assert all(cap <= max(0.0, had) + 0.35 for cap, had in car.caps), wants
    alone = Other(80, 0.0).to(30)
    assert abs(alone.mps * 3.6 - 80.0) < 0.01
    assert not alone.run.did.requested


def test_a_limit_that_falls_slows_the_car_gently() -> None:
    car = Other(98, 0.5).to(5)
    car.limit = 70.0
    car.to(40)
    assert car.mps * 3.6 < 71.0
    assert min(had for _cap, had in car.caps) > -1.4
    assert {"limit_changed", "over_limit", "back"} <= set(car.names)


def test_the_lower_of_the_signed_limit_and_the_drivers_own_holds() -> None:
    car = Other(60, 1.0, limit=90.0)
    car.run = Run(load_app("speed-limiter"), given={SPEED, LIMIT}, asked={ACCELERATION}, settings={"limit": 80}).start()
    assert car.to(40).most < 81.0
    car.limit = None
    car.to(50)
    assert car.run.did.value("limit") == 80.0


def test_without_a_limit_or_a_way_to_ask_it_asks_for_nothing_and_says_so() -> None:
    run = Run(load_app("speed-limiter"), given={SPEED}, asked=()).start()
    for step in range(200):
        run.feed((step / 20, SPEED, 140.0)).to(step / 20)
    assert not run.did.requested
    assert run.did.value("state") == "unknown"
    assert "told only" in str(run.did.value("note"))
    assert "states none" in str(run.did.value("note"))


def test_a_driver_who_is_too_fast_is_told_and_told_when_it_is_over() -> None:
    run = Run(load_app("speed-limiter"), given={SPEED}, asked=(), settings={"limit": 100}).start()
    for step in range(400):
        run.feed((step / 20, SPEED, 110.0 if step < 200 else 95.0)).to(step / 20)
    assert [event.name for event in run.did.events] == ["limit_changed", "over_limit", "back"]


def test_while_it_is_not_armed_it_asks_for_nothing() -> None:
    run = Run(load_app("speed-limiter"), given={SPEED, GUARD}, settings={"limit": 100}).start((0, GUARD, "OFF"))
    for step in range(100):
        run.feed((step / 20, SPEED, 120.0)).to(step / 20)
    assert not run.did.requested

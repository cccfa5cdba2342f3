"""opendbc's parsers as the judge of virtual cars: whole drives, step by step, read as openpilot reads them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from tests.real.opendbc_cars import CARS, STEP_NS, Pair

pytest.importorskip("opendbc")
pytestmark = pytest.mark.oracle

WARM_UP = 110
"""Steps until every message, the rarest too, has come."""
SECONDS = 25
OTHERWISE = {0x255}
"""Honda's rough wheel speeds: opendbc reads a checksum and a counter that the recorded frames do not have."""


@pytest.mark.parametrize("name", CARS)
def test_opendbc_reads_a_virtual_cars_drive_as_we_do(name: str) -> None:
    """The beginning of the demo: CarState agrees after every step, is valid throughout, and counts no fault."""
    pair = Pair(CARS[name])
    twin = Twin(load_vehicle(name), load_scenario("demo"))
    speeds: list[float] = []
    gears: Counter[str] = Counter()
    for step in range(1, SECONDS * 100 + 1):
        pair.step(twin.advance(step * STEP_NS), step * STEP_NS)
        if step < WARM_UP:
            pair.align()
            continue
        assert pair.differences() == [], step
        assert pair.state.canValid or pair.car.brand == "nissan"  # whose CarState asks for no message's rate
        speeds.append(pair.state.vEgoRaw - abs(twin.state.speed_mps))
        gears[str(pair.state.gearShifter)] += 1
    assert np.abs(speeds).max() < 0.15
    assert set(gears) == {"park", "drive"}
    assert twin.state.distance_m > 100


@pytest.mark.parametrize("name", CARS)
def test_opendbcs_parsers_find_every_checksum_and_counter_right(name: str) -> None:
    """Every frame of every message of its databases that the car sends, also those that CarState does not look at."""
    from opendbc.can.parser import CANParser

    pair = Pair(CARS[name])
    frames = Twin(load_vehicle(name), load_scenario("demo")).advance(20 * 10**9)
    parsed: Counter[str] = Counter()
    guarded: set[str] = set()
    for bus, described in enumerate(pair.vehicle.buses):
        parsers = [p for p in pair.theirs.can_parsers.values() if p.bus in pair.car.buses[described.name]]
        for dbc_name in {parser.dbc_name for parser in parsers}:
            mine = frames[frames.bus == bus]
            dbc = parsers[0].dbc if parsers[0].dbc_name == dbc_name else CANParser(dbc_name, [], 0).dbc
            known = sorted(set(mine.id.tolist()) & set(dbc.addr_to_msg) - OTHERWISE)
            whole = CANParser(dbc_name, [(one, 0) for one in known], 0)
            for state in whole.message_states.values():
                own = mine[mine.id == state.address]
                for t_ns, data, size in zip(own.t_ns.tolist(), own.data, own.size, strict=True):
                    assert state.parse(t_ns, data[:size].tobytes()), f"{state.name} at {t_ns} ns"
                    parsed[state.name] += 1
                assert not state.counter_fail, state.name
                if any(signal.type or signal.calc_checksum for signal in state.signals):
                    guarded.add(state.name)
    assert parsed.total() > 2000
    assert len(guarded) > 10 or pair.car.brand == "nissan"  # opendbc's parser knows neither there


@pytest.mark.parametrize("name", [name for name in CARS if name.startswith("nissan")])
def test_lane_keeping_of_nissans_is_sealed_as_opendbc_seals_it(name: str) -> None:
    """Its parser knows no checksum of Nissan's, but what it sends itself has one."""
    from opendbc.car.nissan.nissancan import nissan_checksum

    frames = Twin(load_vehicle(name), load_scenario("demo")).advance(20 * 10**9)
    own = frames[frames.id == 0x169]
    assert len(own) >= 2000
    assert all(nissan_checksum(data[:7].tobytes()) == data[7] for data in own.data)
    for bus in set(own.bus.tolist()):
        assert set(np.diff((own.data[own.bus == bus][:, 6] & 15).astype(int)).tolist()) == {1, -15}

"""Tiny logs and descriptions that the command line is tried on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.wire.logs import write_candump

if TYPE_CHECKING:
    from commonwheel.wire.frames import Frames

START_NS = 1_767_254_400 * 10**9
CART_DBC = """VERSION ""
BU_: Cart
BO_ 256 Motion: 8 Cart
 SG_ Speed : 0|16@1+ (0.01,0) [0|655.35] "km/h" Cart
 SG_ Range : 16|16@1+ (1,0) [0|65535] "km" Cart
"""
CART_YAML = """format: 1
vehicle: acme/cart
powertrain: battery-electric
evidence: assumed (made up)
sold_as:
  - {brand: Acme, model: Cart}
buses:
  main: {database: cart.dbc}
signals:
  Vehicle.Speed: main/Motion.Speed
"""


def drive(car: str) -> Frames:
    """Three seconds of a car that pulls away to 40 km/h."""
    t_ns = np.arange(0, 3 * 10**9, 10**8, dtype=np.int64)
    speed = {"Vehicle.Speed": Track(t_ns, np.linspace(0, 40, len(t_ns)))}
    return VehicleEncoder(load_vehicle(car)).encode(speed, 0, 3 * 10**9, idle=True)


@pytest.fixture(scope="session")
def lancer_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a Mitsubishi Lancer; not to be changed."""
    path = tmp_path_factory.mktemp("logs") / "lancer.log"
    write_candump(path, drive("mitsubishi/lancer"), start_ns=START_NS)
    return path


@pytest.fixture(scope="session")
def civic_frames() -> Frames:
    """The traffic of a Honda Civic of 2006."""
    return drive("honda/civic_gen8")


@pytest.fixture(scope="session")
def civic_log(tmp_path_factory: pytest.TempPathFactory, civic_frames: Frames) -> Path:
    """A log of a Honda Civic of 2006; not to be changed."""
    path = tmp_path_factory.mktemp("logs") / "civic.log"
    write_candump(path, civic_frames, start_ns=START_NS)
    return path


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    """The folder of a description of one's own, without faults."""
    folder = tmp_path / "mine" / "acme" / "cart"
    folder.mkdir(parents=True)
    (folder / "cart.dbc").write_text(CART_DBC)
    (folder / "vehicle.yaml").write_text(CART_YAML)
    return folder


@pytest.fixture
def cart_log(tmp_path: Path) -> Path:
    """Two seconds of the cart, at 12.34 km/h."""
    lines = (f"({1_767_254_400 + i / 10:.6f}) can0 100#D204000000000000\n" for i in range(20))
    path = tmp_path / "cart.log"
    path.write_text("".join(lines))
    return path

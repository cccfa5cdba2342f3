"""A tiny car to try the language on: one database, and descriptions of a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from commonwheel.errors import DescriptionError
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Quality
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.frames import Frames

__all__ = ["CAR", "DATABASE", "HEAD", "SAID", "Sample", "Workshop", "close", "decode", "frame"]

MS = 1_000_000
SAID = "Vehicle."

DATABASE = """
VERSION ""

BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Gear : 16|4@1+ (1,0) [0|0] "" X
 SG_ Beam : 20|1@1+ (1,0) [0|0] "" X
 SG_ Level : 21|2@1- (1,0) [0|0] "" X
 SG_ Air : 24|8@1+ (1,-40) [0|0] "degC" X
 SG_ Sum : 56|8@1+ (1,0) [0|0] "" X
 SG_ Count : 32|4@1+ (1,0) [0|0] "" X
 SG_ Which : 36|2@1+ (1,0) [0|0] "" X
 SG_ Charge : 40|8@1+ (0.5,0) [0|100] "%" X

BO_ 512 Power: 8 X
 SG_ Voltage : 7|16@0+ (0.5,0) [0|0] "V" X
 SG_ Current : 23|16@0- (0.25,0) [0|0] "A" X
 SG_ Bare : 39|8@0+ (1,0) [0|0] "" X
 SG_ Milli : 47|16@0+ (1,0) [0|0] "mV" X

BO_ 768 Vin: 8 X
 SG_ Part : 7|8@0+ (1,0) [0|0] "" X
 SG_ Characters : 15|56@0+ (1,0) [0|0] "" X

BO_ 1024 Wheels: 8 X
 SG_ Which : 7|8@0+ (1,0) [0|0] "" X
 SG_ Speed : 15|16@0+ (0.1,0) [0|0] "km/h" X
 SG_ SpeedLeft : 31|16@0+ (0.1,0) [0|0] "km/h" X
 SG_ SpeedRight : 47|16@0+ (0.1,0) [0|0] "km/h" X

BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 20;
VAL_ 256 Gear 0 "P" 1 "R" 2 "N" 3 "D" ;
"""

CAR = "acme/one"
HEAD = f"""\
format: 1
vehicle: {CAR}
sold_as: [{{brand: Acme, model: One, years: 2020-}}]
powertrain: battery-electric
evidence: assumed (a test)
buses: {{car: {{database: car.dbc}}}}
"""

Sample = tuple[str, float, str]


def close(one: float, other: float) -> bool:
    """Whether two values are alike up to rounding, or both no number."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))


def frame(can_id: int, payload: str, ms: float = 0, bus: int = 0) -> tuple[int, int, int, bytes]:
    """Return a frame with a payload in hexadecimal."""
    return round(ms * MS), bus, can_id, bytes.fromhex(payload)


def decode(vehicle: Vehicle, *frames: tuple[int, int, int, bytes], with_personal: bool = False) -> list[Sample]:
    """Return (path without 'Vehicle.', value, quality) of the samples that the frames give."""
    samples = VehicleDecoder(vehicle, with_personal=with_personal).decode(Frames.build(frames))
    return [
        (vehicle.signals[signal].path.removeprefix(SAID), value, Quality(quality).name)
        for signal, value, quality in zip(
            samples.signal.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True
        )
    ]


@dataclass
class Workshop:
    """A folder of descriptions."""

    folder: Path

    def write(self, text: str, *, name: str = CAR, head: str = HEAD, **databases: str) -> Path:
        """Write a description (its head, then its rows) and its databases; return its folder."""
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        home.joinpath("vehicle.yaml").write_text(head + dedent(text))
        for stem, content in ({"car": DATABASE} | databases).items():
            home.joinpath(f"{stem}.dbc").write_text(content)
        return home

    def build(self, text: str, *, variant: str = "", name: str = CAR, head: str = HEAD, **databases: str) -> Vehicle:
        """Compile a description."""
        home = self.write(text, name=name, head=head, **databases)
        return compile_vehicle(f"{home}:{variant}" if variant else home, folders=(self.folder,))[0]

    def signals(self, rows: str, **options: str) -> Vehicle:
        """Compile rows of signals."""
        return self.build("signals:\n" + dedent(rows).strip("\n").replace("\n", "\n  ").join(["  ", "\n"]), **options)

    def faults(self, text: str, *, head: str = HEAD, **databases: str) -> list[tuple[int, str]]:
        """Return (line, message) of every fault of a description."""
        with pytest.raises(DescriptionError) as caught:
            self.build(text, head=head, **databases)
        return [(fault.line, fault.message) for fault in caught.value.faults]

    def messages(self, rows: str, **databases: str) -> list[str]:
        """Return the message of every fault that rows of signals have."""
        with pytest.raises(DescriptionError) as caught:
            self.signals(rows, **databases)
        return [fault.message for fault in caught.value.faults]

    def fault(self, rows: str, **databases: str) -> str:
        """Return the message of the only fault that rows of signals have."""
        (message,) = self.messages(rows, **databases)
        return message

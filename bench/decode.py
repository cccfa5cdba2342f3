"""Frames in memory to standard samples, beside what others make of the same frames: ``python -m bench.decode``.

Each line is one way to decode the very same traffic, measured in the same run, as the median of five. Peers
get fewer frames where they would take minutes; their rate per frame does not depend on the number. Peers
decode only; Commonwheel also converts units, checks checksums and counters, and judges quality.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cantools
import numpy as np

from bench._traffic import CARS, seconds, tile, traffic
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.description import read_description
from commonwheel.wire.codec import Decoder, compile_database
from commonwheel.wire.database import Database, load_database, write_dbc
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from commonwheel.wire.tables import Tables

BLOCK = 50_000
PARTS = (
    ("checksums", "check", -1),
    ("counters", "counter", None),
    ("derived signals", "deriveds", 0),
    ("deadlines", "timeout_ns", 0),
    ("signals", "signals", 0),
)
"""What is taken off, and the column of the messages' table that says so."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.decode")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    for car, (_, bus) in CARS.items():
        frames, source = traffic(car)
        frames = tile(frames, 100_000 if quick else 1_000_000)
        measure(car, bus, frames, source, quick=quick)
        costs(car, bus, frames)


def measure(car: str, bus: str, frames: Frames, source: str, *, quick: bool) -> None:
    """Decode one car's frames in every way and print rates and ratios."""
    vehicle = load_vehicle(car)
    buses = {int(number): bus for number in np.unique(frames.bus)}
    samples = VehicleDecoder(vehicle, buses=buses, clock=frames.clock).decode(frames)
    print(f"{car}, {source}: {len(frames):,} frames, {len(samples) / len(frames):.2f} samples per frame")
    n = len(frames)
    ours = n / seconds(lambda: VehicleDecoder(vehicle, buses=buses, clock=frames.clock).decode(frames))
    print(f"  {'commonwheel: standard samples':42} {ours / 1e6:8.2f} M frames/s")
    database = database_of(car, bus)
    tables, _ = compile_database(database)
    plain = n / seconds(lambda: Decoder(tables, clock=Clock.ORDER).decode(frames))
    print(f"  {'commonwheel: database values only':42} {plain / 1e6:8.2f} M frames/s")
    memory = n / seconds(lambda: [column.copy() for column in (frames.t_ns, frames.id, frames.size, frames.data)])
    print(f"  {'copying the frames':42} {memory / 1e6:8.2f} M frames/s")
    few = frames[: 5_000 if quick else 50_000]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{bus}.dbc"
        write_dbc(database, path)
        peers = {
            "cantools decode_message": with_cantools(few, path),
            "opendbc CANParser": with_opendbc(few, path),
            "asammdf extract_bus_logging": with_asammdf(frames, path),
        }
    for name, rate in peers.items():
        print(f"  {name:42} {rate / 1e6:8.3f} M frames/s   commonwheel is {ours / rate:7.1f} times as fast")


def costs(car: str, bus: str, frames: Frames) -> None:
    """Take one thing after another off the tables, and print what a frame then costs on one core."""
    vehicle = load_vehicle(car)
    bus_map = {int(number): vehicle.bus_index(bus) for number in np.unique(frames.bus)}
    blocks = [frames[at : at + BLOCK] for at in range(0, len(frames), BLOCK)]
    tables = vehicle.tables
    before = per_frame(tables, bus_map, blocks)
    print(f"  {'one core, all':42} {before:8.1f} ns a frame")
    for what, column, value in PARTS:
        messages = tables.messages.copy()
        messages[column] = np.zeros((), messages.dtype[column]) if value is None else value
        tables = replace(tables, messages=messages)
        after = per_frame(tables, bus_map, blocks)
        print(f"  {'  of these ' + what:42} {before - after:8.1f}")
        before = after
    unknown = per_frame(replace(tables, standard=np.full_like(tables.standard, -1)), bus_map, blocks)
    print(f"  {'  of these knowing the message, its age':42} {before - unknown:8.1f}")
    print(f"  {'  of these reading the frame, no id known':42} {unknown:8.1f}")


def per_frame(tables: Tables, bus_map: dict[int, int], blocks: list[Frames]) -> float:
    """Return the nanoseconds that a frame takes; blocks are too small for a second thread."""

    def work() -> None:
        decoder = Decoder(tables, bus_map, clock=blocks[0].clock)
        for block in blocks:
            decoder.decode(block)

    return seconds(work) / sum(map(len, blocks)) * 1e9


def database_of(car: str, bus: str) -> Database:
    """Return all messages of one bus as one database."""
    messages = {}
    for node in read_description(car).databases[bus]:
        loaded = load_database(node.file.parent / str(node.value))
        messages |= {message.id: message for message in loaded.messages}
    return Database(Path(f"{bus}.dbc"), tuple(messages.values()))


def payloads(frames: Frames) -> list[tuple[int, bytes, int]]:
    """Return (id, payload, bus 0) of each frame."""
    columns = zip(frames.id.tolist(), frames.size.tolist(), frames.data, strict=True)
    return [(can_id, bytes(data[:size]), 0) for can_id, size, data in columns]


def with_cantools(frames: Frames, path: Path) -> float:
    """Decode frame by frame with cantools."""
    database: Any = cantools.database.load_file(path, strict=False)
    known = {message.frame_id for message in database.messages}
    rows = [(can_id, payload) for can_id, payload, _ in payloads(frames) if can_id in known]

    def work() -> None:
        for can_id, payload in rows:
            database.decode_message(can_id, payload, allow_truncated=True, decode_choices=False)

    return len(rows) / seconds(work)


def with_opendbc(frames: Frames, path: Path) -> float:
    """Feed the frames to opendbc's parser in batches of 10 ms."""
    import opendbc.can.dbc as dbc_module
    from opendbc.can.parser import CANParser

    text = path.read_text()
    target = Path(dbc_module.DBC_PATH) / f"commonwheel_bench_{path.stem}.dbc"
    target.write_text(text)
    try:
        ids = sorted({int(i) for i in frames.id})
        known = set(dbc_module.DBC(target.stem).msgs)
        expected: Any = [(i, float("nan")) for i in ids if i in known]  # no frequency to hold them to
        parser = CANParser(target.stem, expected, 0)
    finally:
        target.unlink()
    rows = payloads(frames)
    slots = ((frames.t_ns - frames.t_ns[0]) // 10_000_000).tolist()
    batches: dict[int, list[tuple[int, bytes, int]]] = {}
    for slot, row in zip(slots, rows, strict=True):
        batches.setdefault(slot, []).append(row)
    packets = [(slot * 10_000_000, batch) for slot, batch in sorted(batches.items())]

    def work() -> None:
        for packet in packets:
            parser.update([packet])

    return len(frames) / seconds(work)


def with_asammdf(frames: Frames, path: Path) -> float:
    """Extract an in-memory bus logging with asammdf."""
    from asammdf import MDF, Signal
    from asammdf.blocks.source_utils import Source
    from asammdf.blocks.v4_constants import BUS_TYPE_CAN, FLAG_CG_BUS_EVENT, FLAG_CG_PLAIN_BUS_EVENT, SOURCE_BUS

    width = frames.width
    fields = [
        ("CAN_DataFrame.BusChannel", "u1"),
        ("CAN_DataFrame.ID", "<u4"),
        ("CAN_DataFrame.IDE", "u1"),
        ("CAN_DataFrame.DLC", "u1"),
        ("CAN_DataFrame.DataLength", "u1"),
        ("CAN_DataFrame.DataBytes", f"({width},)u1"),
    ]
    record = np.zeros(len(frames), fields)
    record["CAN_DataFrame.BusChannel"] = 1
    record["CAN_DataFrame.ID"] = frames.id
    record["CAN_DataFrame.DLC"] = record["CAN_DataFrame.DataLength"] = frames.size
    record["CAN_DataFrame.DataBytes"] = frames.data
    stamps = (frames.t_ns - frames.t_ns[0]) / 1e9
    source = Source("CAN", "CAN", "", SOURCE_BUS, BUS_TYPE_CAN)
    mdf = MDF(version="4.11")
    mdf.append(Signal(record, stamps, name="CAN_DataFrame", source=source), acq_source=source, common_timebase=True)
    group: Any = mdf.groups[-1].channel_group
    group.flags |= FLAG_CG_BUS_EVENT | FLAG_CG_PLAIN_BUS_EVENT
    with tempfile.TemporaryDirectory() as folder:
        saved = mdf.save(Path(folder) / "log.mf4", overwrite=True)
        mdf.close()
        with MDF(saved) as logged:
            rate = len(frames) / seconds(lambda: logged.extract_bus_logging({"CAN": [(str(path), 0)]}), runs=3)
    return rate


if __name__ == "__main__":
    main()

"""Logs of CAN traffic: every common format to ``Frames``, every line accounted for."""

from __future__ import annotations

from commonwheel.wire.logs.reader import LogReader, open_log, read_log
from commonwheel.wire.logs.report import BackwardSteps, LineKind, LogFormat, LogReport, Problem
from commonwheel.wire.logs.write import write_candump, write_gvret_csv, write_trc

__all__ = [
    "BackwardSteps",
    "LineKind",
    "LogFormat",
    "LogReader",
    "LogReport",
    "Problem",
    "open_log",
    "read_log",
    "write_candump",
    "write_gvret_csv",
    "write_trc",
]

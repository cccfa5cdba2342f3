"""CAN databases: what a file says of a bus, read tolerantly, written exactly.

``load_database`` reads DBC, KCD, SYM and ARXML; what a file needed to be read is kept beside the result.
"""

from commonwheel.wire.database.dbc_write import dbc_text, write_dbc
from commonwheel.wire.database.kinds import FINDINGS, KINDS, Kind
from commonwheel.wire.database.layout import outside, overlaps, signal_bits
from commonwheel.wire.database.load import load_database
from commonwheel.wire.database.model import Database, Message, Multiplexed, Repair, Signal

__all__ = [
    "FINDINGS",
    "KINDS",
    "Database",
    "Kind",
    "Message",
    "Multiplexed",
    "Repair",
    "Signal",
    "dbc_text",
    "load_database",
    "outside",
    "overlaps",
    "signal_bits",
    "write_dbc",
]

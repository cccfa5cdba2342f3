"""Lines of the log: their form, what is held back, and that nobody waits for them."""

from __future__ import annotations

import io
import json
import logging
import os
import warnings

import pytest

from commonwheel.gateway.logs import JsonFormatter, LogFormat, LogLevel, Logs, Repeats, TextFormatter, fields


def _record(message: str, *arguments: object, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("commonwheel.x", level, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    return record


def test_json_is_one_object_per_line_with_the_fields() -> None:
    record = _record("bus %s\nis down", "ev", level=logging.WARNING, car="leaf", tries=3, odd={1, 2})
    record.created = 1_800_000_000.25
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "commonwheel.x",
        "message": "bus ev\nis down",
        "car": "leaf",
        "tries": 3,
        "odd": [1, 2],
    }


def test_a_trace_stays_within_its_json_line() -> None:
    record = _record("failed")
    try:
        int("no")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    line = JsonFormatter().format(record)
    assert "ValueError: invalid literal" in json.loads(line)["trace"]
    assert TextFormatter().format(record).splitlines()[-1].startswith("ValueError: ")


def test_text_from_outside_cannot_make_a_line_of_its_own() -> None:
    line = TextFormatter().format(_record("refused %s", "x\n2027-01-01 ERROR forged", car="leaf", empty=""))
    assert "\n" not in line
    assert line.endswith("refused x\\n2027-01-01 ERROR forged (car=leaf)")


def test_fields_never_clash_with_what_a_record_has() -> None:
    told = fields(name="x", message="y", car="leaf", args=1)
    logging.getLogger("commonwheel.test").info("works", extra=told)
    assert told == {"name_": "x", "message_": "y", "car": "leaf", "args_": 1}


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_text_is_said_once_in_a_while_and_counted() -> None:
    clock = _Clock()
    repeats = Repeats(60, 5, clock)
    said = []
    for second in range(130):
        clock.now = float(second)
        record = _record("bus %s is down", "ev")
        if repeats.filter(record):
            said.append((second, vars(record).get("held_back", 0)))
    assert said == [(0, 0), (60, 59), (120, 59)]


def test_different_texts_of_one_kind_are_bounded_and_other_kinds_are_not_touched() -> None:
    clock = _Clock()
    repeats = Repeats(60, 5, clock)
    assert sum(repeats.filter(_record("garbage from %s", number)) for number in range(1000)) == 5
    assert repeats.filter(_record("bus is down"))
    assert repeats.filter(_record("garbage from %s", 3, level=logging.ERROR))
    clock.now = 61.0
    record = _record("garbage from %s", 1)
    assert repeats.filter(record)
    assert vars(record)["held_back"] == 995


def test_fields_tell_texts_apart() -> None:
    repeats = Repeats(60, 5, _Clock())
    assert repeats.filter(_record("actuation.confirmed", number=1))
    assert repeats.filter(_record("actuation.confirmed", number=2))
    assert not repeats.filter(_record("actuation.confirmed", number=2))


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats(1e9, 10**9, _Clock())
    for number in range(20_000):
        repeats.filter(_record(f"kind {number}"))
    assert len(repeats._texts) < 5000
    assert len(repeats._kinds) < 5000


def test_a_service_s_log_has_this_package_s_lines_and_the_warnings_of_others() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    with Logs(LogFormat.JSON, LogLevel.INFO.number, stream):
        logging.getLogger("commonwheel.test").info("mine", extra=fields(car="leaf"))
        logging.getLogger("commonwheel.test").debug("too little")
        logging.getLogger("can.test").info("other")
        logging.getLogger("can.test").warning("other's warning")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("a warning of Python's", stacklevel=1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines[:2]] == ["mine", "other's warning"]
    assert "a warning of Python's" in lines[2]["message"]
    assert lines[0]["car"] == "leaf"
    assert logging.getLogger().handlers == before


def test_a_reader_of_the_log_that_stops_reading_stops_nobody() -> None:
    """More than a pipe holds is logged while nobody reads it: it is dropped and counted."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as pipe, os.fdopen(writing, "w", encoding="utf-8") as stream:
        logs = Logs(LogFormat.TEXT, logging.INFO, stream)
        logger = logging.getLogger("commonwheel.flood")
        for number in range(15_000):
            logger.info(f"{'x' * 200} {number}")  # noqa: G004 - each is a kind of its own, so none is held back
        logs.close(seconds=0.01)
        assert logs.lost > 0
        # The thread that writes ends when the pipe is emptied; the stream can only be closed then.
        os.set_blocking(reading, False)
        while logs._writer._thread.is_alive():
            pipe.read(65536)
            logs._writer._thread.join(0.01)


def test_a_stream_that_is_closed_costs_lines_and_nothing_else() -> None:
    stream = io.StringIO()
    logs = Logs(LogFormat.TEXT, logging.INFO, stream)
    stream.close()
    logging.getLogger("commonwheel.test").info("into nothing")
    logs.close()
    assert logs.lost == 1


@pytest.mark.parametrize("level", LogLevel)
def test_every_level_is_one_of_logging_s(level: LogLevel) -> None:
    assert logging.getLevelName(level.number) == level.name

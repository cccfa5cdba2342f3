"""The app's end of the pipes to its host."""

from __future__ import annotations

import os

import pytest

from commonwheel.apps import channel as channels
from commonwheel.apps.channel import Channel, HostGone
from commonwheel.apps.messages import FromApp, Ping, Said, Stop, Unpacker, pack


@pytest.fixture(params=["polled", "pumped"])
def is_polled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "pumped":
        monkeypatch.setattr(channels, "select", object())
    return request.param == "polled"


def test_messages_go_both_ways_until_the_host_is_gone(is_polled: bool) -> None:  # noqa: FBT001 - a fixture
    inlet, host_out = os.pipe()
    host_in, outlet = os.pipe()
    channel = Channel(inlet, outlet)
    assert isinstance(channel._source, channels._Polled) is is_polled
    assert channel.take(0.0) is None
    os.write(host_out, pack(Ping(1)) + pack(Ping(2))[:5])
    assert channel.take() == (Ping(1), b"")
    assert channel.take(0.001) is None
    os.write(host_out, pack(Ping(2))[5:] + pack(Stop()))
    assert [channel.take(), channel.take()] == [(Ping(2), b""), (Stop(), b"")]
    channel.send(Said(1, "info", "one"), Said(2, "info", "two"))
    assert [message for message, _ in Unpacker(FromApp, 1000).feed(os.read(host_in, 1000))] == [
        Said(1, "info", "one"),
        Said(2, "info", "two"),
    ]
    os.close(host_out)
    for _ in range(2):
        with pytest.raises(HostGone):
            channel.take()
    os.close(host_in)
    with pytest.raises(HostGone):
        channel.send(Said(3, "info", "three"))
    channel.close()

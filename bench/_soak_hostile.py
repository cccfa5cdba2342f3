"""Clients that no server wishes for: one that stops reading, one that floods, garbage, and connections that vanish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
from typing import TYPE_CHECKING, Any

from grpc import RpcError, aio
from websockets.asyncio.client import connect

from bench._soak_readers import HOST, call
from commonwheel.broker.rpc.interface import message

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: VISSv3\r\n\r\n"
)


def garbage(rng: random.Random) -> bytes:
    """Return something that no server should like."""
    noise = rng.randbytes(rng.randrange(1, 2000))
    frame = rng.randbytes(9)
    return rng.choice((
        noise,
        _PREFACE,
        _PREFACE[: rng.randrange(len(_PREFACE))],
        _PREFACE + noise,
        _PREFACE + b"\0\0\0\4\0\0\0\0\0" + frame + noise,
        b"\x16\x03\x01" + noise,
        b"GET /" + noise + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + noise,
        _UPGRADE + bytes([0x80 | rng.randrange(16), 0x80 | rng.randrange(128)]) + noise,
        _UPGRADE + b"\x81\xff" + b"\x7f" + b"\xff" * 7 + noise,
        _UPGRADE + b"\x81\x05hello",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000,
    ))  # fmt: skip


async def send_garbage(ports: Sequence[int], every_s: float, stop: asyncio.Event, counts: Counter[str]) -> None:
    """Send garbage to each port in turn, wait a moment for an answer, and go."""
    rng = random.Random(1)  # noqa: S311 - the same garbage each time
    while not stop.is_set():
        for port in ports:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    reader, writer = await asyncio.open_connection(HOST, port)
                    try:
                        writer.write(garbage(rng))
                        counts["garbage sent"] += 1
                        await reader.read(1000)
                    finally:
                        writer.transport.abort()
        await asyncio.sleep(every_s)


async def drop_connections(ports: Sequence[int], total: int, seconds: float, counts: Counter[str]) -> None:
    """Open connections and drop them, *total* in so many seconds: some reset, some closed, some half a handshake."""
    loop = asyncio.get_running_loop()
    for number in range(total):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.settimeout(0)
            await loop.sock_connect(one, (HOST, ports[number % len(ports)]))
            counts["connections dropped"] += 1
            if number % 3 == 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif number % 3 == 1:
                one.send(os.urandom(3))
        await asyncio.sleep(seconds / total)


async def stop_reading_grpc(port: int, paths: Sequence[str], token: str, stop: asyncio.Event) -> None:
    """Subscribe to a lot and never read it."""
    request: Any = message("kuksa.val.v2.SubscribeRequest")()
    request.signal_paths.extend(paths)
    request.buffer_size = 1000
    async with aio.insecure_channel(f"{HOST}:{port}", options=[("grpc.http2.lookahead_bytes", 1024)]) as channel:
        stream = call(channel, "Subscribe", stream=True)(request, metadata=[("authorization", f"Bearer {token}")])
        await stream.read()
        await stop.wait()
        stream.cancel()


async def stop_reading_viss(port: int, path: str, token: str, stop: asyncio.Event) -> None:
    """Subscribe to a branch and never read it."""
    headers = {"Authorization": f"Bearer {token}"}
    protocol: Any = "VISSv3"
    change = {"variant": "timebased", "parameter": {"period": "50"}}
    wanted = {"action": "subscribe", "path": path, "filter": change, "requestId": "1"}
    async with connect(f"ws://{HOST}:{port}", subprotocols=[protocol], additional_headers=headers, max_queue=1) as web:
        await web.send(json.dumps(wanted))
        await stop.wait()
        web.transport.abort()


async def flood(port: int, path: str, token: str, stop: asyncio.Event, counts: Counter[str]) -> None:
    """Ask for one value as often as can be, many calls at once."""
    request: Any = message("kuksa.val.v2.GetValueRequest")()
    request.signal_id.path = path
    async with aio.insecure_channel(f"{HOST}:{port}") as channel:
        method = call(channel, "GetValue")

        async def ask() -> None:
            while not stop.is_set():
                try:
                    await method(request, metadata=[("authorization", f"Bearer {token}")])
                    counts["flood answered"] += 1
                except RpcError as error:
                    counts[f"flood refused {error.code().name}"] += 1  # type: ignore[attr-defined]
                    await asyncio.sleep(0.001)

        await asyncio.gather(*(ask() for _ in range(8)))

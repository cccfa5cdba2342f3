"""The server's side of ``bench.kuksa``, in a process of its own: ``python -m bench._kuksa broker|relay``.

``broker`` is the gRPC server as it is served. ``relay`` is bare grpc.aio: what one client streams in goes out to all
that listen, as the same bytes, with no thought given to it. Both print their port and run until their input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

import grpc
from grpc import aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RELAY = "bench.Relay"


class Relay:
    """Hands on bytes."""

    def __init__(self) -> None:
        self._queues: dict[bytes, set[asyncio.Queue[bytes]]] = defaultdict(set)

    async def publish(self, requests: AsyncIterator[bytes], context: aio.ServicerContext) -> None:
        """Take messages in; the first names the group they are for, and is answered as a claim is."""
        group: bytes | None = None
        async for data in requests:
            if group is None:
                group = data
                await context.write(b"")
            else:
                for queue in self._queues[group]:
                    queue.put_nowait(data)

    async def listen(self, group: bytes, context: aio.ServicerContext) -> None:
        """Give a group's messages out, and one at once, as a subscription does."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues[group].add(queue)
        try:
            await context.write(b"")
            while True:
                await context.write(await queue.get())
        finally:
            self._queues[group].discard(queue)

    async def get(self, _request: bytes, _context: aio.ServicerContext) -> bytes:
        """Answer what a value takes."""
        return bytes(30)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the calls."""
        return grpc.method_handlers_generic_handler(
            RELAY,
            {
                "Publish": grpc.stream_stream_rpc_method_handler(self.publish),
                "Listen": grpc.unary_stream_rpc_method_handler(self.listen),
                "Get": grpc.unary_unary_rpc_method_handler(self.get),
            },
        )


async def serve(kind: str) -> None:
    """Serve until standard input ends."""
    if kind == "broker":
        from commonwheel.broker import Broker
        from commonwheel.broker.access import Access, Limits
        from commonwheel.broker.rpc.server import RpcServer
        from commonwheel.broker.serving import Endpoint
        from commonwheel.catalog import load_catalog

        limits = Limits(streams=1000, requests_per_second=1e9)
        server = RpcServer(Broker(load_catalog()), Endpoint(), Access(limits=limits))
        port = (await server.start()).port
    else:
        server = aio.server()
        server.add_generic_rpc_handlers((Relay().handlers(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0.0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))

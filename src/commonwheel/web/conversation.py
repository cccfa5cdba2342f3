"""One page's conversation, whatever carries it: messages in by ``hear``, texts out by ``say``, updates by ``pace``.

All work on views is done in the lane's threads, one piece after another for each page, so that the event loop, which
serves others too, never waits for it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.web.cards import cards, welcome
from commonwheel.web.feed import Feed, told
from commonwheel.web.protocol import (
    Answer,
    Ask,
    Close,
    Denied,
    Drawn,
    Ended,
    Hello,
    Open,
    Refused,
    Tell,
    Visible,
    decode,
    encode,
)
from commonwheel.web.views import Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from commonwheel.broker.access import Access
    from commonwheel.broker.limits import Client
    from commonwheel.web.protocol import FromPage
    from commonwheel.web.registry import Registry
    from commonwheel.web.scene import Scene

__all__ = ["Conversation", "Over", "Stage"]

_RECHECK_S = 60.0
"""How often the end of rights is looked at again: the clock on the wall may be set."""
_IDLE_S = 0.05
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Over(Exception):  # noqa: N818 - an end, not an error
    """The conversation ends; the page has been told why."""


class Stage:
    """What all conversations of a dashboard share."""

    def __init__(self, scene: Scene, access: Access, registry: Registry, lane: Executor, run: str) -> None:
        """Keep them.

        Args:
            scene: what there is to see.
            access: who may come in.
            registry: what pages can ask for.
            lane: threads for the views' work.
            run: another text after each start of the server.
        """
        self.scene, self.access, self.registry, self.lane, self.run = scene, access, registry, lane, run


class Conversation:
    """One page."""

    def __init__(self, stage: Stage, peer: str, say: Callable[[str], Awaitable[None]]) -> None:
        """Begin; the page has not said who it is.

        Args:
            stage: what all share.
            peer: the page's address.
            say: sends a text.
        """
        self._stage = stage
        self._peer = peer
        self._say = say
        self._turn = asyncio.Lock()
        self._viewer: Viewer | None = None
        self._client: Client | None = None
        self._feed: Feed | None = None
        self._free = asyncio.Event()
        self._free.set()
        self._seen = asyncio.Event()
        self._seen.set()
        self._waiting_since: float | None = None
        self.messages = 0

    @property
    def feed(self) -> Feed | None:
        """What it looks at; None before it was let in."""
        return self._feed

    @property
    def silent_s(self) -> float:
        """How long the page has not said that it drew what it was sent; 0 while nothing is due from it."""
        since = self._waiting_since
        return 0.0 if since is None or not self._seen.is_set() else time.monotonic() - since

    async def hear(self, text: str | bytes) -> None:
        """Handle one message.

        Raises:
            Over: the conversation ends.
        """
        self.messages += 1
        try:
            message = decode(text)
            if self._client is not None:
                self._client.request()
        except BrokerError as error:
            await self._end(error)
        else:
            await self._handle(message)

    async def _handle(self, message: FromPage) -> None:
        if isinstance(message, Hello):
            await self._enter(message)
            return
        feed = self._feed
        if feed is None:
            await self._end(BrokerError(Reason.INVALID, "a page says hello first"))
            return
        if isinstance(message, Drawn):
            if message.n == feed.updates:
                self._waiting_since = None
                self._free.set()
        elif isinstance(message, Visible):
            self._see(visible=message.visible)
        elif isinstance(message, Open):
            await self._say(await self._work(feed.open, message.id, message.view, message.params))
        elif isinstance(message, Tell):
            failed = await self._work(feed.tell, message.id, message.params)
            if failed is not None:
                await self._say(failed)
        elif isinstance(message, Close):
            await self._work(feed.close, message.id)
        else:
            await self._say(await self._work(self._answer, message))

    def _see(self, *, visible: bool) -> None:
        if visible:
            self._seen.set()
            if self._waiting_since is not None:
                self._waiting_since = time.monotonic()
        else:
            self._seen.clear()

    async def _enter(self, hello: Hello) -> None:
        if self._viewer is not None:
            await self._end(BrokerError(Reason.INVALID, "a page says hello once"))
            return
        try:
            rights, client = self._stage.access.enter(hello.token or None, self._peer)
            viewer = Viewer(self._stage.scene, rights)
            found = await self._work(cards, viewer)
        except BrokerError as error:
            await self._say(encode(Refused(error.reason.value, str(error))))
            raise Over from error
        self._viewer, self._client = viewer, client
        self._feed = Feed(viewer, self._stage.registry)
        await self._say(encode(welcome(viewer, found, self._stage.run, authorized=self._authorized)))

    @property
    def _authorized(self) -> bool:
        return self._stage.access.authority is not None

    def _answer(self, message: Ask) -> str:
        try:
            return encode(Answer(message.id, self._call(message)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page is told, and nobody else suffers
            return encode(Denied(message.id, *told(error, f"the call {message.call:.40}")))

    def _call(self, message: Ask) -> object:
        call = self._stage.registry.calls.get(message.call)
        if call is None or self._viewer is None:
            raise BrokerError(Reason.INVALID, f"there is nothing called {message.call!r:.80} to be done")
        self._viewer.rights.require_valid()
        return call(self._viewer, message.params)

    async def _work(self, do: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do a piece of work in the lane, when the pieces before are done."""
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._stage.lane, lambda: do(*args, **kwargs))

    async def pace(self) -> None:
        """Send updates until the conversation is over, or this is cancelled.

        Raises:
            Over: the rights have ended.
        """
        while True:
            feed = self._feed
            if feed is None:
                await asyncio.sleep(_IDLE_S)
                continue
            await self._alive(self._free)
            await self._alive(self._seen)
            await asyncio.sleep(max(0.001, feed.wait_s()))
            await self._check_rights()
            if not len(feed):
                continue
            failed, update = await self._work(feed.take)
            for text in failed:
                await self._say(text)
            if update is not None:
                self._free.clear()
                self._waiting_since = time.monotonic()
                await self._say(update)

    async def _alive(self, event: asyncio.Event) -> None:
        """Wait for something, and look now and then whether the rights have ended."""
        while not event.is_set():
            await self._check_rights()
            try:
                async with asyncio.timeout(self._recheck_s()):
                    await event.wait()
            except TimeoutError:
                continue

    def _recheck_s(self) -> float:
        expires = self._viewer.rights.expires_ns if self._viewer is not None else None
        if expires is None:
            return _RECHECK_S
        return min(_RECHECK_S, max(0.01, (expires - time.time_ns()) / 1e9))

    async def _check_rights(self) -> None:
        if self._viewer is not None and self._viewer.rights.expired():
            await self._end(BrokerError(Reason.EXPIRED, f"the token of {self._viewer.rights.client} has expired"))

    async def _end(self, error: BrokerError) -> None:
        await self._say(encode(Ended(error.reason.value, str(error))))
        raise Over from error

    async def close(self) -> None:
        """Close every view, when the work under way is done."""
        if self._feed is not None:
            await self._work(self._feed.close_all)

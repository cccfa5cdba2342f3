"""One client on a WebSocket: its requests, its subscriptions, and what waits to be sent to it."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.messages import error_event, error_reply, event, event_head, reply, to_json_text
from commonwheel.broker.viss.outbox import Outbox
from commonwheel.broker.viss.requests import Get, Set, Subscribe, Unsubscribe, read_head, read_request
from commonwheel.broker.viss.service import refusal

if TYPE_CHECKING:
    import asyncio

    from commonwheel.broker.limits import Client, Hold
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.viss.feeds import Feed, Feeds
    from commonwheel.broker.viss.requests import Head, Request
    from commonwheel.broker.viss.service import Service

__all__ = ["Session", "Subscriber"]

_LONG_MESSAGE = 16 * 1024
"""Characters from which a message counts as more than one request: reading it takes as long."""
_RECHECK_S = 60.0
"""How often the end of rights is looked at again: the clock on the wall may be set."""


class Session:
    """One WebSocket's conversation, whatever carries it: texts in by ``handle``, texts out of ``outbox``."""

    def __init__(self, service: Service, feeds: Feeds, version: Version, peer: str, token: str | None = None) -> None:
        """Begin a conversation.

        Args:
            service: what answers.
            feeds: where events come from.
            version: what the client speaks.
            peer: its address.
            token: what it showed when it connected: counts for the requests that bring none of their own.
        """
        self.outbox = Outbox()
        self.version = version
        self.requests = 0
        self.sending_since: float | None = None
        """When what is being sent was begun, by the monotonic clock; None while nothing is. Whoever sends sets it."""
        self._service = service
        self._feeds = feeds
        self._peer = peer
        self._token = token
        self._count = itertools.count(1)
        self._subscriptions: dict[str, Subscriber] = {}

    @property
    def subscriptions(self) -> int:
        """How many live."""
        return len(self._subscriptions)

    def handle(self, text: str) -> None:
        """Answer a message; whatever it is, there is one answer."""
        self.requests += 1
        head = read_head(text, self.version)
        try:
            self._answer(head, len(text))
        except VissError as error:
            extra = self._error_members(head)
            self.outbox.answer(error_reply(head.action, head.request_id, error, self.version, extra))

    def refuse(self, error: VissError) -> None:
        """Answer something that is no message at all."""
        self.requests += 1
        self.outbox.answer(error_reply(None, None, error, self.version))

    def _error_members(self, head: Head) -> str:
        """Version 2 repeats which subscription was not there."""
        named = head.members.get("subscriptionId") if head.members else None
        if self.version is Version.V2 and head.action == "unsubscribe" and isinstance(named, str):
            return f'"subscriptionId":{to_json_text(named)}'
        return ""

    def _answer(self, head: Head, size: int) -> None:
        token = head.token or self._token
        try:
            if size > _LONG_MESSAGE:
                self._service.count(self._peer, size / _LONG_MESSAGE)
            request = self._read(head)
            rights, client = self._service.enter(request, token, self._peer)
            self._perform(head, request, rights, client)
        except BrokerError as error:
            raise refusal(error, token) from error

    def _read(self, head: Head) -> Request:
        try:
            if head.error is not None:
                raise head.error
            return read_request(head.action or "", head.members or {}, self.version)
        except VissError:
            self._service.count(self._peer)  # of no client in particular: it is not known who it is
            raise

    def _perform(self, head: Head, request: Request, rights: Rights, client: Client) -> None:
        fragment = ""
        if isinstance(request, Get):
            fragment = self._service.get(request, rights, self.version)
        elif isinstance(request, Set):
            self._service.set(request, rights, self.version)
        elif isinstance(request, Unsubscribe):
            self._unsubscribe(request)
            if self.version is Version.V2:
                fragment = f'"subscriptionId":{to_json_text(request.subscription)}'
        else:
            self._subscribe(head, request, rights, client)
            return
        self.outbox.answer(reply(head.action or "", head.request_id, fragment, self.version))

    def _subscribe(self, head: Head, request: Subscribe, rights: Rights, client: Client) -> None:
        place = self._service.place(Get(request.path, request.filters), rights, self.version)
        shape = self._service.shape(place, self.version)
        identity = str(next(self._count))
        subscriber = Subscriber(self, self._feeds, identity, rights)
        with contextlib.ExitStack() as undo:
            hold = undo.enter_context(client.subscription())
            feed = self._feeds.join(place, shape, request.filters.other, subscriber)
            undo.pop_all()
        self._subscriptions[identity] = subscriber
        self.outbox.answer(reply("subscribe", head.request_id, f'"subscriptionId":"{identity}"', self.version))
        subscriber.begin(feed, hold)

    def _unsubscribe(self, request: Unsubscribe) -> None:
        subscriber = self._subscriptions.get(request.subscription)
        if subscriber is None:
            raise VissError(Fault.UNKNOWN_SUBSCRIPTION)
        subscriber.close()

    def forget(self, identity: str) -> None:
        """Strike out a subscription that has ended."""
        self._subscriptions.pop(identity, None)

    def close(self) -> None:
        """End all its subscriptions."""
        for subscriber in tuple(self._subscriptions.values()):
            subscriber.close()


class Subscriber:
    """One subscription of a session: takes the events of a feed until it is closed or its rights end."""

    def __init__(self, session: Session, feeds: Feeds, identity: str, rights: Rights) -> None:
        self._session = session
        self._feeds = feeds
        self._identity = identity
        self._rights = rights
        self._head = event_head(identity)
        self._early: list[tuple[str, int, str]] | None = []
        """Events that came before the client knows of the subscription; None when it does."""
        self._dropped = 0
        self._feed: Feed | None = None
        self._hold: Hold | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, feed: Feed, hold: Hold) -> None:
        """Begin to send, now that the client knows of it."""
        self._feed = feed
        self._hold = hold
        early, self._early = self._early or [], None
        for data, now_ns, now in early:
            self.event(data, now_ns, now)
        self._watch_rights()

    def _watch_rights(self) -> None:
        expires = self._rights.expires_ns
        if expires is None or self._feed is None:
            return
        left = (expires - time.time_ns()) / 1e9
        if left <= 0:
            self._expire()
        else:
            self._timer = self._feeds.loop.call_later(min(left + 0.001, _RECHECK_S), self._watch_rights)

    def _expire(self) -> None:
        self.ended(VissError(Fault.TOKEN_EXPIRED, f"the token of {self._rights.client}"))

    def event(self, data: str, now_ns: int, now: str) -> None:
        """Take the data of an event."""
        if self._early is not None:
            self._early.append((data, now_ns, now))
            return
        expires = self._rights.expires_ns
        if expires is not None and now_ns >= expires:
            self._expire()
            return
        dropped, self._dropped = self._dropped, 0
        self._session.outbox.event(self, data, now, dropped)

    def compose(self, data: str, now: str, lost: int) -> str:
        """Return an event as it is sent."""
        return event(self._head, data, now, lost)

    def lost(self, count: int) -> None:
        """Take note of updates that were lost before they came to be events; the next one says so."""
        self._dropped += count

    def failed(self, error: VissError) -> None:
        """Send an event that says why nothing comes for now."""
        if self._feed is not None:
            self._session.outbox.answer(error_event(self._head, error, self._session.version))

    def ended(self, error: VissError) -> None:
        """Send the event that says why there will be no more."""
        if self._feed is not None:
            self._session.outbox.answer(error_event(self._head, error, self._session.version))
            self.close()

    def close(self) -> None:
        """End it."""
        feed, self._feed = self._feed, None
        if feed is None:
            return
        self._feeds.leave(feed, self)
        if self._timer is not None:
            self._timer.cancel()
        if self._hold is not None:
            self._hold.close()
        self._session.forget(self._identity)

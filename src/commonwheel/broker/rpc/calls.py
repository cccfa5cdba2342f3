"""What happens around every call: the client is let in or not, counted, served, and told what went wrong.

Implementations are objects with a coroutine for each unary call and an asynchronous generator for each call that
streams out. They raise ``BrokerError``; one table here says which gRPC status that is. Anything else they raise is
logged, and the client learns only that it was not its fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import grpc
from grpc import aio

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.interface import Method, Proto, methods, parse
from commonwheel.broker.tls import name_in_auth_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine

    from commonwheel.broker.access import Access, Client
    from commonwheel.broker.rights import Rights

    Context = aio.ServicerContext[bytes, bytes]
    Unary = Callable[[object, "Call"], Coroutine[None, None, Proto]]
    Streaming = Callable[[object, "Call"], AsyncGenerator[Proto]]

__all__ = ["STATUS", "Call", "Gate", "handlers"]

log = logging.getLogger(__name__)

STATUS = {
    Reason.UNKNOWN_SIGNAL: grpc.StatusCode.NOT_FOUND,
    Reason.BAD_PATTERN: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.WRONG_TYPE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.OUT_OF_RANGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_ALLOWED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_ACTUATOR: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NO_PROVIDER: grpc.StatusCode.UNAVAILABLE,
    Reason.ALREADY_CLAIMED: grpc.StatusCode.ALREADY_EXISTS,
    Reason.NOT_CLAIMED: grpc.StatusCode.ABORTED,
    Reason.PROVIDER_FAILED: grpc.StatusCode.DATA_LOSS,
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.EXPIRED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Reason.LIMIT: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NO_VALUE: grpc.StatusCode.NOT_FOUND,
    Reason.CLOSED: grpc.StatusCode.ABORTED,
    Reason.STOPPING: grpc.StatusCode.UNAVAILABLE,
}
"""The status of each reason."""


_FIRST_MESSAGE_S = 0.5
_MOST_DETAILS = 500
"""Characters of what a client is told: it takes 8 kB of metadata, and one character may take 12 bytes of them."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and what may be told beside the answer."""

    rights: Rights
    account: Client
    """What it asks and holds open."""
    context: Context

    @property
    def client(self) -> str:
        """Who it is."""
        return self.rights.client

    def trail(self, key: str, text: str) -> None:
        """Tell something in the trailing metadata; *key* in small letters."""
        self.context.set_trailing_metadata(((key, text),))


class Gate:
    """Lets clients in, and counts them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.requests = 0
        """Calls since the beginning."""
        self.refused = 0
        """Calls that ended with an error that we told."""
        self.streams = 0
        """Calls under way that stream."""

    def enter(self, context: Context) -> Call:
        """Let a client in.

        Raises:
            BrokerError: UNAUTHENTICATED, EXPIRED or LIMIT.
        """
        self.requests += 1
        rights, account = self._access.enter(_token(context), context.peer(), _certified(context))
        return Call(rights, account, context)

    async def refuse(self, context: Context, error: BrokerError, request: bytes | AsyncIterator[bytes] = b"") -> None:
        """End a call with what its client has to know; does not return.

        A client that streams gets a moment to send its first message: gRPC's own client says INTERNAL in place of our
        status when it finds the call over before it has sent anything.
        """
        self.refused += 1
        if not isinstance(request, bytes):
            with contextlib.suppress(TimeoutError, StopAsyncIteration, aio.BaseError):
                await asyncio.wait_for(anext(request), _FIRST_MESSAGE_S)
        reason = (("commonwheel-reason", error.reason.name),)  # several reasons share a status
        await context.abort(STATUS[error.reason], _shortened(str(error)), reason)

    async def fail(self, context: Context, method: Method, error: Exception) -> None:
        """End a call that failed for no fault of its client; does not return."""
        log.error("%s/%s failed", method.service, method.name, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, "an error of the server, which is in its log")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_DETAILS else f"{text[: _MOST_DETAILS - 1]}…"


def _token(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            word, _, token = value.partition(" ")
            return token.strip() if word.lower() == "bearer" else None
    return None


def _certified(context: Context) -> str | None:
    """Return the name in a client's certificate; None where it has none."""
    return name_in_auth_context(context.auth_context() or {})


def handlers(service: str, implementation: object, gate: Gate) -> grpc.GenericRpcHandler:
    """Return the handlers of a service's calls, each served by the method of its name (``GetValue``: ``get_value``).

    An implementation's ``raw`` names the methods that take their requests as bytes. Any method may answer with
    bytes.

    Args:
        service: full name, ``kuksa.val.v2.VAL``.
        implementation: an object with a method for each call.
        gate: lets clients in.
    """
    raw = cast("Collection[str]", getattr(implementation, "raw", ()))
    made = {
        method.name: _handler(method, getattr(implementation, method.attribute), gate, raw=method.attribute in raw)
        for method in methods(service)
    }
    return grpc.method_handlers_generic_handler(service, made)


def _handler(method: Method, serve: object, gate: Gate, *, raw: bool) -> grpc.RpcMethodHandler[bytes, bytes]:
    if method.streams_out == inspect.iscoroutinefunction(serve):
        message = f"{method.name} is to be served by {'a generator' if method.streams_out else 'a coroutine'}"
        raise TypeError(message)
    kind: Proto = None if raw else method.request
    behaviour = (
        _streaming(method, cast("Streaming", serve), gate, kind)
        if method.streams_out
        else _unary(method, cast("Unary", serve), gate, kind)
    )
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[method.streams_in, method.streams_out]
    return cast("grpc.RpcMethodHandler[bytes, bytes]", make(behaviour, None, _to_bytes))  # type: ignore[arg-type]


def _to_bytes(answer: Proto) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


async def _enter(gate: Gate, context: Context, request: bytes | AsyncIterator[bytes]) -> Call:
    try:
        return gate.enter(context)
    except BrokerError as error:
        await gate.refuse(context, error, request)
        raise  # not reached: to refuse raises


def _unary(method: Method, serve: Unary, gate: Gate, kind: Proto) -> object:
    async def call(request: bytes | AsyncIterator[bytes], context: Context) -> Proto:
        try:
            client = await _enter(gate, context, request)
            with client.account.stream() if method.streams_in else contextlib.nullcontext():
                return await serve(_read(method, request, kind), client)
        except BrokerError as error:
            await gate.refuse(context, error)
        except (aio.AbortError, aio.BaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a clean answer and the log the traceback
            await gate.fail(context, method, error)

    return call


def _streaming(method: Method, serve: Streaming, gate: Gate, kind: Proto) -> object:
    async def call(request: bytes | AsyncIterator[bytes], context: Context) -> None:
        gate.streams += 1
        try:
            client = await _enter(gate, context, request)
            with client.account.stream():
                async with contextlib.aclosing(serve(_read(method, request, kind), client)) as answers:
                    async for answer in answers:
                        await _write(context, answer)
        except BrokerError as error:
            await gate.refuse(context, error)
        except (aio.AbortError, aio.BaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a clean answer and the log the traceback
            await gate.fail(context, method, error)
        finally:
            gate.streams -= 1

    return call


async def _write(context: Context, answer: Proto) -> None:
    """Send one answer of a stream; for a client that has gone the call ends as cancelled, which is no error here."""
    try:
        await context.write(answer)
    except aio.BaseError as error:
        raise asyncio.CancelledError from error


def _read(method: Method, request: bytes | AsyncIterator[bytes], kind: Proto) -> object:
    if kind is None:
        return request
    if method.streams_in:
        return _each(cast("AsyncIterator[bytes]", request), kind)
    return parse(kind, cast("bytes", request))


async def _each(requests: AsyncIterator[bytes], kind: Proto) -> AsyncIterator[Proto]:
    async for data in requests:
        yield parse(kind, data)

"""What begins when it is awaited, or with ``async with``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from types import TracebackType

__all__ = ["Beginning"]


class _Closes(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


class Beginning(Generic[T]):
    """``thing = await beginning``, or ``async with beginning as thing``, which closes it."""

    def __init__(self, work: Coroutine[object, object, T]) -> None:
        self._work = work
        self._begun: T | None = None

    def __await__(self) -> Generator[object, object, T]:
        return self._work.__await__()

    async def __aenter__(self) -> T:
        self._begun = await self._work
        return self._begun

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun is not None:
            await self._begun.close()

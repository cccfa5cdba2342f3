"""What a client may do: actions on signals, from the scopes of its token.

A scope is ``<action>[:<path pattern>]``, as KUKSA's: ``read``, ``actuate`` (reads too), ``provide`` (reads too),
``create``. Rights are immutable; they end at a time.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Action", "Rights"]


class Action(enum.Enum):
    """What may be done to a signal."""

    READ = "read"
    ACTUATE = "actuate"
    PROVIDE = "provide"
    CREATE = "create"


def _any(_path: str) -> bool:
    return True


_EVERYTHING: Mapping[Action, Callable[[str], bool]] = dict.fromkeys(Action, _any)


@dataclass(frozen=True, slots=True, eq=False)
class Rights:
    """What one client may do."""

    client: str
    """Who it is: the token's subject, a certificate's name, or an address."""
    tests: Mapping[Action, Callable[[str], bool]]
    """For each action, whether a path is covered; an action that is not there is not allowed."""
    expires_ns: int | None = None
    """Nanoseconds UTC; None never."""

    @classmethod
    def everything(cls, client: str = "local") -> Rights:
        """Return rights to everything, for ever: where no authorization is asked for."""
        return cls(client, _EVERYTHING)

    def expired(self, now_ns: int | None = None) -> bool:
        """Whether they have ended."""
        return self.expires_ns is not None and (time.time_ns() if now_ns is None else now_ns) >= self.expires_ns

    def allow(self, action: Action, path: str) -> bool:
        """Whether an action on a signal is covered (whether or not the rights have ended)."""
        test = self.tests.get(action)
        return test is not None and test(path)

    def require(self, action: Action, path: str) -> None:
        """Raise unless an action on a signal is allowed now.

        Raises:
            BrokerError: EXPIRED or FORBIDDEN.
        """
        self.require_valid()
        if not self.allow(action, path):
            message = f"{self.client} may not {action.value} {path}"
            raise BrokerError(Reason.FORBIDDEN, message)

    def require_valid(self) -> None:
        """Raise a BrokerError (EXPIRED) if they have ended."""
        if self.expired():
            raise BrokerError(Reason.EXPIRED, f"the token of {self.client} has expired; get a new one")

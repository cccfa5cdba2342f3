"""What a client may do: actions on signals, from the scopes of its token. Rights are immutable; they end at a time."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.actuation import MOST_PRIORITY
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.scopes import Action, Scope, coverage, everything

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable

    Masks = weakref.WeakKeyDictionary[SignalTable, dict[Action, npt.NDArray[np.bool_]]]

__all__ = ["Action", "Rights"]

_SAID = 3
"""Paths that an error names; the rest it counts."""


def _no_masks() -> Masks:
    return weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Rights:
    """What one client may do."""

    client: str
    """Who it is: the token's subject, a certificate's name, or an address."""
    tests: Mapping[Action, Callable[[str], bool]]
    """For each action, whether a path is covered; an action that is not there is not allowed."""
    expires_ns: int | None = None
    """Nanoseconds UTC; None never."""
    priority: int = 0
    """The highest with which it may ask actuators that several ask."""
    _masks: Masks = field(default_factory=_no_masks, repr=False)

    @classmethod
    def everything(cls, client: str = "local") -> Rights:
        """Return rights to everything, for ever: where no authorization is asked for."""
        return cls(client, everything(), priority=MOST_PRIORITY)

    @classmethod
    def of(cls, client: str, scopes: Sequence[Scope], expires_ns: int | None = None, *, priority: int = 0) -> Rights:
        """Return the rights that scopes give, and the highest priority that it may ask with."""
        return cls(client, coverage(scopes), expires_ns, priority)

    def expired(self, now_ns: int | None = None) -> bool:
        """Whether they have ended."""
        return self.expires_ns is not None and (time.time_ns() if now_ns is None else now_ns) >= self.expires_ns

    def allow(self, action: Action, path: str) -> bool:
        """Whether an action on a signal is covered (whether or not the rights have ended)."""
        test = self.tests.get(action)
        return test is not None and test(path)

    def mask(self, table: SignalTable, action: Action) -> npt.NDArray[np.bool_]:
        """Return which signals of a table an action is covered for, shape (len(table),); read-only, kept.

        Whether the rights have ended is not in it.
        """
        masks = self._masks.setdefault(table, {})
        found = masks.get(action)
        if found is None:
            test = self.tests.get(action, _nothing)
            found = np.fromiter((test(signal.path) for signal in table.signals), np.bool_, len(table))
            found.flags.writeable = False
            masks[action] = found
        return found

    def require(self, action: Action, path: str) -> None:
        """Raise unless an action on a signal is allowed now.

        Raises:
            BrokerError: EXPIRED or FORBIDDEN.
        """
        self.require_valid()
        if not self.allow(action, path):
            message = f"{self.client} may not {action.value} {path}"
            raise BrokerError(Reason.FORBIDDEN, message)

    def require_all(self, action: Action, table: SignalTable, numbers: Sequence[int] | npt.NDArray[np.int32]) -> None:
        """Raise unless an action on all these signals of a table is allowed now; quick for hundreds of them.

        Raises:
            BrokerError: EXPIRED, or FORBIDDEN; names the first signals that are not covered.
        """
        self.require_valid()
        chosen = np.asarray(numbers, np.intp)
        covered = self.mask(table, action)[chosen]
        if covered.all():
            return
        missing: list[int] = chosen[~covered].tolist()
        named = ", ".join(table[number].path for number in missing[:_SAID])
        more = f" and {len(missing) - _SAID} more" if len(missing) > _SAID else ""
        message = f"{self.client} may not {action.value} {named}{more}"
        raise BrokerError(Reason.FORBIDDEN, message, signal=missing[0])

    def require_priority(self, priority: int) -> None:
        """Raise a BrokerError (FORBIDDEN) for a higher priority than it may ask with."""
        if priority > self.priority:
            message = f"{self.client} may ask with a priority of {self.priority} at most, not {priority}"
            raise BrokerError(Reason.FORBIDDEN, message)

    def require_valid(self) -> None:
        """Raise a BrokerError (EXPIRED) if they have ended."""
        if self.expired():
            raise BrokerError(Reason.EXPIRED, f"the token of {self.client} has expired; get a new one")


def _nothing(_path: str) -> bool:
    return False

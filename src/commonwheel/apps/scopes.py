"""What an app declares as scopes of a token: what it may do at a server is what its manifest says, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.broker.rights import Rights
from commonwheel.broker.scopes import Action, Scope

if TYPE_CHECKING:
    from commonwheel.apps.manifest import Manifest

__all__ = ["rights_of", "scopes_of"]


def scopes_of(manifest: Manifest) -> str:
    """Return the scopes of a token for an app, with spaces between, as tokens carry them.

    Whoever may actuate or provide a signal may read it too, so what is in several of the manifest's parts needs no
    scope to read.
    """
    return " ".join(map(str, _scopes(manifest)))


def rights_of(manifest: Manifest) -> Rights:
    """Return an app's rights at a broker in this process; its name is the client's."""
    return Rights.of(manifest.name, _scopes(manifest), priority=max(manifest.priorities.values(), default=0))


def _scopes(manifest: Manifest) -> list[Scope]:
    more = [
        *(Scope(Action.PROVIDE, path) for path in dict.fromkeys(manifest.provides)),
        *(Scope(Action.ACTUATE, path) for path in dict.fromkeys(manifest.requests)),
    ]
    covered = {scope.pattern for scope in more}
    read = dict.fromkeys([*manifest.requires, *manifest.may_use, *manifest.keeps])
    return [Scope(Action.READ, path) for path in read if path not in covered] + more

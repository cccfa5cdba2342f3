"""What the tree says of signals and branches, and what this server can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.broker.viss.texts import number_text

if TYPE_CHECKING:
    from commonwheel.broker.viss.filters import Metadata
    from commonwheel.catalog import Branch, Catalog, Leaf

__all__ = ["Tree", "capabilities", "server_tree"]

_FILTERS = ("timebased", "change", "paths", "range", "curvelog", "history")


class Tree:
    """The metadata of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._children: dict[str, list[str]] = {}
        for path in (*catalog.branches, *catalog.leaves):
            parent, _, name = path.rpartition(".")
            if parent:
                self._children.setdefault(parent, []).append(name)

    def __contains__(self, path: object) -> bool:
        return path in self._catalog.leaves or path in self._catalog.branches

    def of(self, path: str, wanted: Metadata) -> dict[str, object]:
        """Return the metadata of a node that is there, and of those below it as deep as wanted."""
        return self._node(path, wanted, wanted.depth)

    def _node(self, path: str, wanted: Metadata, depth: int) -> dict[str, object]:
        leaf = self._catalog.leaves.get(path)
        members = _leaf(leaf) if leaf is not None else _branch(self._catalog.branches.get(path))
        if wanted.keys:
            members = {key: members[key] for key in wanted.keys if key in members}
        if leaf is None and depth != 1:
            members["children"] = {
                name: self._node(f"{path}.{name}", wanted, max(depth - 1, 0)) for name in self._children.get(path, ())
            }
        return members


def _branch(branch: Branch | None) -> dict[str, object]:
    found: dict[str, object] = {"type": "branch"}
    if branch is not None:
        found |= _given(description=branch.description, comment=branch.comment, deprecation=branch.deprecation)
    return found


def _leaf(leaf: Leaf) -> dict[str, object]:
    return {
        "type": leaf.kind.value,
        "datatype": leaf.datatype,
        **_given(
            unit=leaf.unit,
            min=_value(leaf.minimum),
            max=_value(leaf.maximum),
            allowed=[_value(each) for each in leaf.allowed],
            default=_value(leaf.default),
            pattern=leaf.pattern,
            arraysize=_value(leaf.arraysize),
            description=leaf.description,
            comment=leaf.comment,
            deprecation=leaf.deprecation,
        ),
    }


def _given(**members: object) -> dict[str, object]:
    return {key: value for key, value in members.items() if value not in (None, "", [])}


def _value(value: object) -> str | list[object] | None:
    """Return a value as a text, as every value of VISS is one."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]  # type: ignore[reportUnknownVariableType]
    return str(value)


def capabilities(*, secure: bool, authorized: bool) -> dict[str, object]:
    """Return what the server can do, in version 2's words.

    Args:
        secure: it speaks TLS.
        authorized: it asks for tokens.
    """
    return {
        "filter": [*_FILTERS, "static_metadata", "dynamic_metadata"],
        **({"access_ctrl": ["short_term"]} if authorized else {}),
        "transport_protocol": ["https", "wss"] if secure else ["http", "ws"],
    }


def server_tree(*, secure: bool, authorized: bool, port: int) -> dict[str, str | list[str]]:
    """Return the values of the tree by which a version 3 server says what it can do.

    Args:
        secure: it speaks TLS.
        authorized: it asks for tokens.
        port: where it listens.
    """
    security = [*(["TLSv1.2"] if secure else []), *(["access-control"] if authorized else [])]
    return {
        "Server.Support.Protocol": ["HTTPS", "WSS"] if secure else ["HTTP", "WS"],
        **({"Server.Support.Security": security} if security else {}),
        "Server.Support.Filter": [*_FILTERS, "metadata"],
        "Server.Config.Protocol.Http.Primary.PortNum": str(port),
        "Server.Config.Protocol.Websocket.Primary.PortNum": str(port),
    }

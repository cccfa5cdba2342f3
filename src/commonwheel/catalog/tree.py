"""The catalog: the standard's signals by path, from the shipped tree or from one of the user's own."""

from __future__ import annotations

import functools
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from commonwheel.catalog.patterns import compile_pattern
from commonwheel.catalog.reader import read_tree
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commonwheel.catalog.leaf import Branch, Leaf

__all__ = ["SHIPPED", "Catalog", "load_catalog"]

SHIPPED = Path(__file__).with_name("data") / "commonwheel.json"
"""The tree that comes with the package."""


class Catalog:
    """A tree of signals; immutable once built."""

    def __init__(self, leaves: Mapping[str, Leaf], branches: Mapping[str, Branch], source: str) -> None:
        """Take leaves and branches by path; *source* is what errors call the tree."""
        self.leaves: Mapping[str, Leaf] = MappingProxyType(dict(leaves))
        """Every signal, by path, in the tree's order."""
        self.branches: Mapping[str, Branch] = MappingProxyType(dict(branches))
        """Every branch, by path, in the tree's order."""
        self.source = source

    def get(self, path: str) -> Leaf | None:
        """Return the signal of this path, or None."""
        return self.leaves.get(path)

    def __getitem__(self, path: str) -> Leaf:
        """Return the signal of this path.

        Raises:
            CatalogError: there is none; says which paths are close.
        """
        leaf = self.leaves.get(path)
        if leaf is None:
            raise CatalogError(self.explain(path))
        return leaf

    def __contains__(self, path: object) -> bool:
        return path in self.leaves

    def __iter__(self) -> Iterator[str]:
        return iter(self.leaves)

    def __len__(self) -> int:
        return len(self.leaves)

    def __repr__(self) -> str:
        return f"<Catalog {self.source} {self.version}: {len(self)} signals>"

    def match(self, pattern: str) -> tuple[Leaf, ...]:
        """Return the signals that a pattern (``Vehicle.Cabin.Door.**.IsOpen``) selects, in order.

        Raises:
            CatalogError: the pattern is not one.
        """
        matches = compile_pattern(pattern)
        return tuple(leaf for path, leaf in self.leaves.items() if matches(path))

    def suggest(self, path: str, count: int = 3) -> tuple[str, ...]:
        """Return the paths closest to one that does not exist, the closest first."""
        name = path.rpartition(".")[2]
        same = [known for known in self.leaves if known.rpartition(".")[2] == name]
        near = get_close_matches(path, same, count, 0.5) or get_close_matches(path, self.leaves, count, 0.75)
        return tuple(near)

    def explain(self, path: str) -> str:
        """Return why a path is no signal here, and which signals are close to it."""
        if path in self.branches:
            return f"{path!r} is a branch, not a signal; '{path}.**' selects everything below it"
        near = self.suggest(path)
        hint = f"did you mean {' or '.join(repr(known) for known in near)}?" if near else "no path is close to it"
        return f"{path!r} is not in the catalog {self.source}; {hint}"

    @functools.cached_property
    def version(self) -> str:
        """Version of VSS that the tree states of itself, with its label: ``6.0.0-commonwheel``."""
        root = next(iter(self.branches), "Vehicle")
        numbers = [self._version_part(root, part) for part in ("Major", "Minor", "Patch")]
        label = self._version_part(root, "Label")
        version = ".".join(numbers) if all(numbers) else "unknown"
        return f"{version}-{label}" if label else version

    def _version_part(self, root: str, part: str) -> str:
        leaf = self.leaves.get(f"{root}.VersionVSS.{part}")
        return "" if leaf is None or leaf.default is None else str(leaf.default)


def load_catalog(path: Path | None = None) -> Catalog:
    """Load a tree exported by vss-tools, or the shipped one when no path is given.

    Raises:
        CatalogError: the file cannot be read or is not such a tree; states every fault.
    """
    if path is None:
        return _shipped()
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path}: the catalog cannot be read ({error.strerror or error})"
        raise CatalogError(message) from error
    return Catalog(*read_tree(data, str(path)), path.name)


@functools.cache
def _shipped() -> Catalog:
    return Catalog(*read_tree(SHIPPED.read_bytes(), SHIPPED.name), SHIPPED.name)

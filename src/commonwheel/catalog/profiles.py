"""Profiles: named sets of signals that a kind of car has to offer, the unit in which members agree.

The shipped ones are ``data/profiles.yaml``; members may keep files of their own in the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from commonwheel.catalog.tree import Catalog

__all__ = ["SHIPPED_PROFILES", "Profile", "ProfileSignal", "load_profiles"]

SHIPPED_PROFILES = Path(__file__).with_name("data") / "profiles.yaml"
"""The profiles that come with the package."""


@dataclass(frozen=True, slots=True)
class ProfileSignal:
    """One signal of a profile."""

    path: str
    reason: str
    """Why the profile has it."""
    required: bool = True
    """False for a signal that is good to have."""
    confirms: tuple[str, ...] = ()
    """The requests that this signal proves."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of signals."""

    name: str
    summary: str
    signals: tuple[ProfileSignal, ...]

    @property
    def required(self) -> tuple[ProfileSignal, ...]:
        """The signals that a car must offer to meet the profile."""
        return tuple(signal for signal in self.signals if signal.required)


class _Profile(msgspec.Struct, forbid_unknown_fields=True):
    summary: str
    required: dict[str, str] = {}
    optional: dict[str, str] = {}
    confirms: dict[str, tuple[str, ...]] = {}


def load_profiles(path: Path | None = None, catalog: Catalog | None = None) -> dict[str, Profile]:
    """Load profiles by name, from a file or the shipped ones when no path is given.

    Args:
        path: a YAML file in the form of the shipped one.
        catalog: where given, every signal must be in it.

    Raises:
        CatalogError: the file cannot be read, has another form, or names signals the catalog lacks
            (all of them are stated).
    """
    file = path or SHIPPED_PROFILES
    try:
        raw = msgspec.yaml.decode(file.read_bytes(), type=dict[str, _Profile])
    except OSError as error:
        message = f"{file}: the profiles cannot be read ({error.strerror or error})"
        raise CatalogError(message) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"{file}: these are no profiles: {error}"
        raise CatalogError(message) from error
    faults = [fault for name, profile in raw.items() for fault in _faults(name, profile, catalog)]
    if faults:
        raise CatalogError("\n".join(f"{file}: {fault}" for fault in faults))
    return {name: _build(name, profile) for name, profile in raw.items()}


def _build(name: str, raw: _Profile) -> Profile:
    rows = [(path, reason, True) for path, reason in raw.required.items()]
    rows += [(path, reason, False) for path, reason in raw.optional.items()]
    signals = [ProfileSignal(*row, raw.confirms.get(row[0], ())) for row in rows]
    return Profile(name, raw.summary, tuple(signals))


def _faults(name: str, raw: _Profile, catalog: Catalog | None) -> list[str]:
    paths = raw.required | raw.optional
    faults = [f"{path} is both required and optional" for path in raw.required if path in raw.optional]
    confirming = [path for row in raw.confirms.items() for path in (row[0], *row[1])]
    faults += [f"{path} is under 'confirms' and not in the profile" for path in confirming if path not in paths]
    if catalog is not None:
        faults += [catalog.explain(path) for path in paths if path not in catalog]
    return [f"profile {name}: {fault}" for fault in faults]

"""An app's settings: the manifest's own, and what its user has in their place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.apps.manifest import Manifest, Setting

__all__ = ["settings_of"]

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def settings_of(manifest: Manifest, given: Mapping[str, object]) -> dict[str, float | str | bool]:
    """Return all settings of an app, by name.

    Args:
        manifest: the app's.
        given: what its user wants; texts are read as the setting's kind: a number, ``true`` or ``false``, or text.

    Raises:
        AppError: there is no such setting, or it cannot be this.
    """
    unknown = sorted(given.keys() - manifest.settings.keys())
    if unknown:
        known = f"it has {', '.join(manifest.settings)}" if manifest.settings else "it has none"
        message = f"the app '{manifest.name}' has no setting '{unknown[0]}'; {known}"
        raise AppError(message)
    settings = {name: setting.default for name, setting in manifest.settings.items()}
    return settings | {name: _read(name, manifest.settings[name], value) for name, value in given.items()}


def _read(name: str, setting: Setting, value: object) -> float | str | bool:
    if isinstance(setting.default, bool):
        found = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
        if isinstance(found, bool):
            return found
        raise _wrong(name, "true or false", value)
    if isinstance(setting.default, str):
        if isinstance(value, str):
            return value
        raise _wrong(name, "text", value)
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _wrong(name, f"a number{f' ({setting.unit})' if setting.unit else ''}", value)
    return number


def _wrong(name: str, right: str, value: object) -> AppError:
    message = f"the setting '{name}' is {right}, not {value!r:.60}"
    return AppError(message)

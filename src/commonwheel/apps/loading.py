"""From a name to an app: one that is shipped, one of an installed package, or a file. Loaded afresh each time.

What an app's module keeps (its globals) belongs to one run: two cars with the same app share nothing.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import re
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.app import App
from commonwheel.apps.manifest import Manifest
from commonwheel.apps.sink import failure_of
from commonwheel.errors import AppError, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["GROUP", "LIBRARY", "app_names", "load_app", "locate"]

LIBRARY = Path(__file__).with_name("library")
"""Where the shipped apps are."""
GROUP = "commonwheel.apps"
"""Entry points of this group are the apps of installed packages: ``trip = "package.module"``."""

_count = itertools.count(1)
_loaded: deque[str] = deque()
_MOST_LOADED = 100
"""Modules of apps that stay in ``sys.modules``, where type hints are looked up; an older run goes on without that."""
_LARGEST = 1 << 20
"""Bytes of an app's file."""
_UNKNOWN = re.compile(r"App\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_CALLED = re.compile(r"App\.(start|stop)\(\) missing 1 required positional argument")


def app_names() -> dict[str, str]:
    """Return every app that can be had by name, with where it comes from: a file, or a package's module."""
    shipped = {
        file.stem.replace("_", "-"): str(file) for file in sorted(LIBRARY.glob("*.py")) if not file.name.startswith("_")
    }
    return {**_installed(), **shipped}


def _installed() -> Mapping[str, str]:
    return {entry.name: entry.value for entry in importlib.metadata.entry_points(group=GROUP)}


def locate(name: str | Path) -> Path:
    """Return the file of an app.

    Args:
        name: a shipped app's, an installed one's, or a path.

    Raises:
        AppError: there is none; says which there are.
    """
    text = str(name)
    path = Path(text)
    if path.suffix == ".py" or len(path.parts) > 1:
        if not path.is_file():
            message = (
                f"{path}: there is no such file; 'commonwheel app new' makes one, 'commonwheel app list' tells names"
            )
            raise AppError(message)
        return path
    shipped = LIBRARY / f"{text.replace('-', '_')}.py"
    if shipped.is_file() and not text.startswith("_"):
        return shipped
    module = _installed().get(text, "").partition(":")[0].strip()
    if module:
        return _file_of(text, module)
    from commonwheel.vehicles.yamltree import suggest

    known = app_names()
    message = f"there is no app '{text}'{suggest(text, known)}; there are {', '.join(known)}, or name its file (x.py)"
    raise AppError(message)


def _file_of(name: str, module: str) -> Path:
    """Return the file of a module of an installed package.

    Raises:
        AppError: it cannot be found.
    """
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:  # a package above it may raise whatever it likes
        message = f"the installed app '{name}' ({module}) cannot be loaded: {type(error).__name__}: {error}"
        raise AppError(message) from error
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        message = f"the installed app '{name}' names the module {module}, which is not there; install it again"
        raise AppError(message)
    return Path(spec.origin)


def load_app(name: str | Path) -> App:
    """Return an app, loaded for one run. Whether its manifest holds is for ``checks.check`` to say.

    Args:
        name: a shipped app's, an installed one's, or a path.

    Raises:
        AppError: there is none, its file cannot be run, or declares no app; says where in it.
    """
    path = locate(name)
    module = _run(path)
    found = {id(value): value for value in vars(module).values() if isinstance(value, App)}
    apps = [app for app in found.values() if app.file == str(path.absolute())] or list(found.values())
    if len(apps) == 1:
        return apps[0]
    sys.modules.pop(module.__name__, None)
    if not apps:
        message = 'it declares no app; it has to say app = App("name", "1.0", "what it does", requires={...})'
        raise AppError([Fault(path, 0, message)])
    raise AppError([Fault(path, app.line, "a file declares one app; this is one of several") for app in apps])


def _run(path: Path) -> ModuleType:
    """Return the module that a file makes, run for the first time.

    Raises:
        AppError: it cannot be run.
    """
    if path.stat().st_size > _LARGEST:
        raise AppError([Fault(path, 0, f"an app's file has at most {_LARGEST >> 20} MiB")])
    name = f"{_package(path)}_run{next(_count)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    if spec is None or spec.loader is None:
        raise AppError([Fault(path, 0, "an app is a Python file, whose name ends in .py")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    _loaded.append(name)
    while len(_loaded) > _MOST_LOADED:
        sys.modules.pop(_loaded.popleft(), None)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        failure = failure_of(error, str(path.absolute()), "", 0)
        message = _misused(error) or f"it cannot be loaded: {failure.error}"
        raise AppError([Fault(path, failure.line, message)]) from error
    return module


def _misused(error: BaseException) -> str:
    """Return what is wrong where the kit is called with what it does not take; nothing for any other error."""
    text = str(error) if isinstance(error, TypeError) else ""
    if moment := _CALLED.search(text):
        return f"@app.{moment[1]} stands alone, without parentheses"
    if not (found := _UNKNOWN.search(text)):
        return ""
    from commonwheel.vehicles.yamltree import suggest

    known = list(Manifest.__struct_fields__)
    return f"App(...) takes no '{found[1]}'{suggest(found[1], known)}; it takes {', '.join(known)}"


def _package(path: Path) -> str:
    """Return the package that a file is in, with a dot behind it, where that is known: it may import beside itself."""
    folder = str(path.resolve().parent)
    for name, module in list(sys.modules.items()):
        if folder in (str(Path(place).resolve()) for place in getattr(module, "__path__", None) or ()):
            return f"{name}."
    return "commonwheel_app"

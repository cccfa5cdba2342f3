"""Build hook: compile the kernels into the wheel, or into the source tree of an editable installation.

``COMMONWHEEL_TARGET`` names another machine's wheel platform to build for (see ``native/build.py``).
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType

_NATIVE = Path("src", "commonwheel", "native")


def _builder(root: str) -> ModuleType:
    """Load ``native/build.py`` by path: the package is not installed yet."""
    spec = importlib.util.spec_from_file_location("_commonwheel_native_build", Path(root) / _NATIVE / "build.py")
    if spec is None or spec.loader is None:
        message = f"{_NATIVE / 'build.py'} is missing; the source distribution is incomplete, fetch it again"
        raise FileNotFoundError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class KernelHook(BuildHookInterface[Any]):
    """Compiles the kernels and names the wheel after the machine they are for."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for the compiler in a wheel only where the machine has none."""
        return ["ziglang>=0.14"] if _builder(self.root).needs_zig(os.environ.get("COMMONWHEEL_TARGET")) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the library into the wheel (or beside its sources when editable)."""
        builder = _builder(self.root)
        target = os.environ.get("COMMONWHEEL_TARGET") or None
        build_data["pure_python"] = False
        if version == "editable":
            builder.compile_library(Path(self.root, _NATIVE))
            return
        self._scratch = tempfile.TemporaryDirectory(prefix="commonwheel-wheel-")
        library = builder.compile_library(Path(self._scratch.name), target=target)
        build_data["force_include"][str(library)] = f"commonwheel/native/{library.name}"
        build_data["tag"] = f"py3-none-{target or builder.local_target()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove the scratch folder once the wheel is written."""
        if version != "editable":
            self._scratch.cleanup()

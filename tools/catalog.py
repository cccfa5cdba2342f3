"""Writes what is made from the standard's vspec files: ``python tools/catalog.py [--check]``.

vss-tools reads ``src/commonwheel/catalog/vspec`` and exports the tree; this script puts the JSON into a
form that depends on nothing but the tree (sorted keys, one value a line), and the lists of the overlay
and of the profiles into ``docs/catalog.md``, between its marks. ``--check`` writes nothing and exits
with 1 when a file is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from commonwheel.catalog import Catalog
from commonwheel.catalog.profiles import load_profiles
from commonwheel.catalog.reader import read_tree

ROOT = Path(__file__).resolve().parents[1]
VSPEC = ROOT / "src" / "commonwheel" / "catalog" / "vspec"
SHIPPED = ROOT / "src" / "commonwheel" / "catalog" / "data" / "commonwheel.json"
PAGE = ROOT / "docs" / "catalog.md"
MARKS = ("overlay", "refines")
"""Attributes of our own that vss-tools hands through."""


def generate(vspec: Path = VSPEC) -> bytes:
    """Return the JSON of the standard with its overlay.

    Raises:
        RuntimeError: vss-tools is missing or refuses the files; holds what it said.
    """
    tool = shutil.which("vspec", path=str(Path(sys.executable).parent)) or shutil.which("vspec")
    if tool is None:
        message = "the command 'vspec' is missing; pip install vss-tools"
        raise RuntimeError(message)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "tree.json"
        command = [tool, "export", "json", "--strict", "--vspec", vspec / "standard.vspec", "--output", output]
        command += ["--include-dirs", vspec, "--units", vspec / "units.yaml", "--quantities", vspec / "quantities.yaml"]
        for overlay in sorted((vspec / "overlay").glob("*.vspec")):
            command += ["--overlays", overlay]
        for mark in MARKS:
            command += ["--extended-attributes", mark]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode or not output.exists():
            raise RuntimeError(run.stdout + run.stderr)
        tree = json.loads(output.read_bytes())
    return (json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def with_lists(page: str, catalog: Catalog) -> str:
    """Return the page with the lists between its marks written anew."""
    for name, text in {"overlay": _overlay(VSPEC), "profiles": _profiles(catalog)}.items():
        mark = re.compile(rf"(<!-- list: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = mark.sub(lambda match, text=text: f"{match[1]}\n{text}\n{match[2]}", page)
    return page


def _overlay(vspec: Path) -> str:
    """List the overlay's signals as its files state them, instances in short."""
    instances: dict[str, str] = {}
    rows = ["| signal | what | why |", "|---|---|---|"]
    for file in sorted(vspec.glob("standard/*.vspec")) + sorted(vspec.glob("overlay/*.vspec")):
        nodes: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
        instances |= {path: _instances(node["instances"]) for path, node in nodes.items() if "instances" in node}
        for path, node in nodes.items():
            if node["type"] == "branch" or not node.get("overlay"):
                continue
            what = ", ".join([node["datatype"], *filter(None, [node.get("unit")]), node["type"]])
            refined = f" (VSS 6.0: {node['refines']})" if "refines" in node else ""
            rows.append(f"| `{_expanded(path, instances)}` | {what}{refined} | {node['comment'].strip()} |")
    return "\n".join(rows) + "\n"


def _instances(stated: object) -> str:
    """Return what stands for the instances in a path: ``Row1..2``, ``{Left,Right}``, or both with a dot."""
    if isinstance(stated, str):
        return re.sub(r"\[(\d+),(\d+)\]", r"\1..\2", stated)
    if isinstance(stated, list) and any(isinstance(item, list) or "[" in item for item in stated):
        return ".".join(_instances(item) for item in stated)
    return "{" + ",".join(stated) + "}" if isinstance(stated, list) else str(stated)


def _expanded(path: str, instances: dict[str, str]) -> str:
    levels = path.split(".")
    shown = ""
    for i, level in enumerate(levels):
        branch = ".".join(levels[: i + 1])
        shown += f".{level}" + (f".{instances[branch]}" if branch in instances and branch != path else "")
    return shown.removeprefix(".")


def _profiles(catalog: Catalog) -> str:
    parts: list[str] = []
    for profile in load_profiles(catalog=catalog).values():
        parts.append(
            f"### {profile.name}\n\n{profile.summary}\n\n| signal | unit | required | why |\n|---|---|---|---|"
        )
        for signal in profile.signals:
            unit = catalog[signal.path].unit or ""
            parts.append(f"| `{signal.path}` | {unit} | {'yes' if signal.required else ''} | {signal.reason} |")
        parts.append("")
    return "\n".join(parts)


def _outputs() -> dict[Path, bytes]:
    data = generate()
    catalog = Catalog(*read_tree(data, SHIPPED.name), SHIPPED.name)
    return {SHIPPED: data, PAGE: with_lists(PAGE.read_text(encoding="utf-8"), catalog).encode()}


def main() -> int:
    """Write the files, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write what is made from the standard's vspec files.")
    parser.add_argument("--check", action="store_true", help="only say whether the files are up to date")
    arguments = parser.parse_args()
    try:
        outputs = _outputs()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    stale = [path for path, data in outputs.items() if not path.exists() or path.read_bytes() != data]
    for path in stale:
        if arguments.check:
            print(f"{path.name} is out of date; run python tools/catalog.py")
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(outputs[path])
        print(f"{path.name} written: {len(outputs[path]):,} bytes")
    if not stale:
        print("everything is up to date")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the shipped catalog from its vspec files: ``python tools/catalog.py [--check]``.

vss-tools reads ``src/commonwheel/catalog/vspec`` and exports the tree; this script puts the JSON into a
form that depends on nothing but the tree (sorted keys, one value a line). ``--check`` writes nothing and
exits with 1 when the shipped file is out of date.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CATALOG = Path(__file__).parents[1] / "src" / "commonwheel" / "catalog"
VSPEC = CATALOG / "vspec"
SHIPPED = CATALOG / "data" / "commonwheel.json"
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


def main() -> int:
    """Write the shipped catalog, or check it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the shipped catalog from its vspec files.")
    parser.add_argument("--check", action="store_true", help="only say whether the shipped file is up to date")
    arguments = parser.parse_args()
    try:
        data = generate()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    current = SHIPPED.read_bytes() if SHIPPED.exists() else b""
    if data == current:
        print(f"{SHIPPED.name} is up to date")
        return 0
    if arguments.check:
        print(f"{SHIPPED.name} is out of date; run python tools/catalog.py")
        return 1
    SHIPPED.parent.mkdir(exist_ok=True)
    SHIPPED.write_bytes(data)
    print(f"{SHIPPED.name} written: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

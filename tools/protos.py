"""Compiles the .proto files of the gRPC interfaces: ``python -m tools.protos [--check]``.

Writes one FileDescriptorSet, with everything that the files import and without their comments, beside them.
``--check`` writes nothing and exits with 1 when it is out of date.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

PROTOS = Path(__file__).resolve().parents[1] / "src" / "commonwheel" / "broker" / "rpc" / "protos"
SHIPPED = PROTOS / "interfaces.binpb"


def generate(folder: Path = PROTOS) -> bytes:
    """Return the descriptors of every .proto file of a folder.

    Raises:
        RuntimeError: a file is wrong; protoc has said on stderr what.
    """
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.binpb"
        common = str(files("grpc_tools") / "_proto")
        sources = [path.name for path in sorted(folder.glob("*.proto"))]
        command = ["protoc", f"-I{folder}", f"-I{common}", "--include_imports", f"--descriptor_set_out={out}", *sources]
        if protoc.main(command):
            message = f"protoc refuses the files of {folder}"
            raise RuntimeError(message)
        return out.read_bytes()


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(prog="python -m tools.protos", description="Compile the gRPC interfaces.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is out of date")
    made = generate()
    if parser.parse_args().check:
        if not SHIPPED.is_file() or SHIPPED.read_bytes() != made:
            sys.exit(f"{SHIPPED.name} is out of date; run 'python -m tools.protos'")
        return
    SHIPPED.write_bytes(made)
    print(f"{SHIPPED.name}: {len(made)} bytes")


if __name__ == "__main__":
    main()

"""Run what the documents show: the fenced blocks of README.md and docs/, in order, page by page.

Each page runs in a scratch folder ``checkout`` that holds a copy of the repository's files, with the
folder of recorded logs beside it as ``../shared``: a path reads as it does for a reader who stands in a
checkout, and nothing a page writes lands there.

A block is run for its language: ``bash`` and ``sh`` as a script, ``console`` line by line behind ``$``,
``python`` in one namespace for the page, and as a doctest where it shows ``>>>``. Other languages are
only shown. An HTML comment in front of a block changes that::

    <!-- docs: skip (why) -->    not run
    <!-- docs: exit 1 -->        has to end with this status
    <!-- docs: real -->          reads recorded logs; skipped where there are none
    <!-- docs: output -->        a console block's output has to be as shown ('...' stands for anything)
    <!-- docs: server -->        one command, which goes on while the blocks behind it run: they wait until it has
                                 printed what is shown, or a line 'ready' where nothing is shown
    <!-- docs: stop -->          the servers so far are stopped before this block is run

At the end of a page its servers are stopped (SIGTERM), which has to leave them with status 0.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_SHELL = frozenset({"bash", "sh", "console"})
_PYTHON = frozenset({"python", "pycon"})
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n`]*$")
_MARK = re.compile(r"^ *<!-- docs: (?P<text>.*?) -->$")
_MATCH = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_TIMEOUT_S = 600
_READY_S = 60
_STOP_S = 20
_FLAGS = frozenset({"real", "output", "server", "stop"})


@dataclass(frozen=True, slots=True)
class Marks:
    """How a block has to be run."""

    skip: str = ""
    """Why it is not run; empty when it is."""
    status: int = 0
    """Exit status it has to end with."""
    real: bool = False
    output: bool = False
    server: bool = False
    stop: bool = False

    @classmethod
    def parse(cls, text: str) -> Marks:
        """Read a comment such as ``real, exit 1``."""
        if text.startswith("skip"):
            return cls(skip=text.removeprefix("skip").strip() or "marked")
        words = [word.strip() for word in text.split(",")]
        status = next((int(word.removeprefix("exit ")) for word in words if re.fullmatch(r"exit \d+", word)), 0)
        unknown = [word for word in words if word not in _FLAGS and not re.fullmatch(r"exit \d+", word)]
        if unknown:
            message = f"unknown mark '{unknown[0]}'; use skip, exit N, real, output, server or stop"
            raise ValueError(message)
        real, output, server, stop = (flag in words for flag in ("real", "output", "server", "stop"))
        return cls(status=status, real=real, output=output, server=server, stop=stop)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    line: int
    """Of its first line of code, from 1."""
    language: str
    code: str
    marks: Marks


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found: list[Block] = []
    marks, opened, start, code = Marks(), None, 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if opened is not None:
            if line.strip() == "```":
                found.append(Block(start, opened["language"], textwrap.dedent("\n".join(code)) + "\n", marks))
                marks, opened = Marks(), None
            else:
                code.append(line)
        elif fence := _FENCE.match(line):
            opened, start, code = fence, number + 1, []
        elif mark := _MARK.match(line):
            marks = Marks.parse(mark["text"])
        elif line.strip():
            marks = Marks()
    return found


def console(code: str) -> tuple[str, str]:
    """Split a console block into the script behind its prompts and the output it shows."""
    script, output, continued = list[str](), list[str](), False
    for line in code.splitlines():
        if line.startswith("$ ") or continued:
            script.append(line.removeprefix("$ "))
            continued = line.endswith("\\")
        else:
            output.append(line)
    return "\n".join(script) + "\n", "\n".join(output) + "\n"


def _as_shown(shown: str, printed: str) -> bool:
    return doctest.OutputChecker().check_output(shown, printed, _MATCH)


class Server:
    """A command of a page that goes on while later blocks run."""

    def __init__(self, script: str, cwd: Path, environment: dict[str, str]) -> None:
        # A file, so that it never waits for somebody to read.
        self._printed = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it is closed when the server is stopped
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f"exec {script}"],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        self._printed.seek(0)
        return self._printed.read()

    def wait_ready(self, shown: str) -> str:
        """Wait until it has printed what is shown, and return what is wrong, or nothing."""
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            printed = self.printed
            if shown.strip() and _as_shown(shown, printed):
                return ""
            if not shown.strip() and re.search(r"^ready$", printed, re.MULTILINE):
                return ""
            if self._process.poll() is not None:
                return f"ended with status {self._process.returncode}:\n{printed}"
            time.sleep(0.05)
        return f"shown:\n{shown or 'ready'}\nprinted after {_READY_S} s:\n{self.printed}"

    def stop(self) -> str:
        """Stop it, and return what is wrong with how it ended, or nothing."""
        early = self._process.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            status = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            status = None
        printed = self.printed
        self._printed.close()
        if status == 0 and not early:
            return ""
        how = f"did not end within {_STOP_S} s" if status is None else f"ended with status {status}"
        return f"the server {how}{' by itself' if early else ''}:\n{printed}"


class Page:
    """One page being run in its scratch folder."""

    def __init__(self, path: Path, cwd: Path, *, real: bool) -> None:
        self.path = path
        self.cwd = cwd
        self.real = real
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.servers: list[Server] = []

    def run(self) -> int:
        """Run every block, print how each one went, and return the number of those that failed."""
        try:
            failed = self._run()
        finally:
            faults = self._stop()
        for fault in faults:
            print(f"{self.path.relative_to(_ROOT)}: FAILED\n{textwrap.indent(fault, '    ')}", flush=True)
        return failed + len(faults)

    def _stop(self) -> list[str]:
        """Stop the servers, and return what is wrong with how they ended."""
        faults = [server.stop() for server in reversed(self.servers)]
        self.servers.clear()
        return [fault for fault in faults if fault]

    def _run(self) -> int:
        failed = 0
        for block in blocks(self.path.read_text(encoding="utf-8")):
            if block.language not in _SHELL | _PYTHON:
                continue
            where = f"{self.path.relative_to(_ROOT)}:{block.line}: {block.language}"
            if reason := block.marks.skip or ("no recorded logs here" if block.marks.real and not self.real else ""):
                print(f"{where}: skipped {reason}")
                continue
            began = time.perf_counter()
            fault = "\n".join(self._stop()) if block.marks.stop else ""
            fault = fault or (self._shell(block) if block.language in _SHELL else self._python(block))
            failed += bool(fault)
            verdict = f"FAILED\n{textwrap.indent(fault, '    ')}" if fault else "ok"
            print(f"{where}: {time.perf_counter() - began:.1f} s, {verdict}", flush=True)
        return failed

    def _shell(self, block: Block) -> str:
        """Run a script and return what is wrong, or nothing."""
        script, shown = console(block.code) if block.language == "console" else (block.code, "")
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }
        if block.marks.server:
            return self._serve(Server(script, self.cwd, environment), shown)
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=self.cwd,
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return f"still running after {_TIMEOUT_S} s"
        if done.returncode != block.marks.status:
            return f"ended with status {done.returncode}, not {block.marks.status}:\n{done.stdout}"
        if block.marks.output and not _as_shown(shown, done.stdout):
            return f"shown:\n{shown}\nprinted:\n{done.stdout}"
        return ""

    def _serve(self, server: Server, shown: str) -> str:
        """Let a server go on when it is ready; return what is wrong, or nothing."""
        fault = server.wait_ready(shown)
        if fault:
            server.stop()
        else:
            self.servers.append(server)
        return fault

    def _python(self, block: Block) -> str:
        """Run or check Python and return what is wrong, or nothing."""
        printed = io.StringIO()
        with contextlib.chdir(self.cwd), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if ">>>" in block.code:
                name, line = str(self.path), block.line - 1
                test = doctest.DocTestParser().get_doctest(block.code, self.namespace, name, name, line)
                runner = doctest.DocTestRunner(optionflags=_MATCH, verbose=False)
                failed = runner.run(test, out=printed.write, clear_globs=False).failed > 0
                self.namespace.update(test.globs)
                return printed.getvalue() if failed else ""
            source = "\n" * (block.line - 1) + block.code
            try:
                exec(compile(source, str(self.path), "exec"), self.namespace)  # noqa: S102 - that is this tool's purpose
            except Exception:  # noqa: BLE001 - whatever a page does wrong is reported with its line
                return f"{printed.getvalue()}{traceback.format_exc(limit=-4)}"
        return ""


def copy_checkout(to: Path) -> None:
    """Copy the repository's files, as they are now, into *to*."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, listed):
        if (_ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(_ROOT / name, to / name)


def run_page(path: Path) -> int:
    """Run one page in a scratch folder of its own and return the number of blocks that failed."""
    shared = Path(os.environ.get("COMMONWHEEL_SHARED", _ROOT.parent / "shared" / "data"))
    with tempfile.TemporaryDirectory(prefix="commonwheel-docs-") as scratch:
        checkout = Path(scratch, "checkout")
        copy_checkout(checkout)
        if shared.is_dir():
            Path(scratch, "shared").mkdir()
            Path(scratch, "shared", "data").symlink_to(shared.resolve())
        return Page(path, checkout, real=shared.is_dir()).run()


def main() -> None:
    """Run the pages named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description="Run what the documents show.")
    parser.add_argument("pages", nargs="*", type=Path, help="default: README.md and docs/**/*.md")
    options = parser.parse_args()
    # Whoever ends this tool ends the servers of its page as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    pages = [page.resolve() for page in options.pages]
    pages = pages or [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
    failed = sum(run_page(page) for page in pages)
    print(f"{len(pages)} pages, {failed} blocks failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

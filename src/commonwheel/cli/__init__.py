"""The command line: ``commonwheel <verb>``, one file per verb.

A verb's module has ``configure(parser)`` and ``run(args) -> int`` and imports what is heavy inside
``run``; only the verb that is asked for is imported at all. Exit status: 0 fine, 1 found problems,
2 cannot run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from commonwheel import __version__
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FINE", "PROBLEMS", "UNUSABLE", "VERBS", "main"]

FINE, PROBLEMS, UNUSABLE = 0, 1, 2
INTERRUPTED = 130

VERBS: Mapping[str, str] = {
    "demo": "three makers' virtual cars, alive side by side, with one set of apps",
    "tour": "one drive through three makers' wires, and back into one standard",
    "decode": "turn a CAN log into standard signals",
    "identify": "tell which described car made a log",
    "cars": "list the described cars and what they offer",
    "compare": "which signals which cars offer, and how alike the cars are",
    "check": "compile descriptions and print every fault at once",
    "new": "scaffold a description from a CAN database",
    "app": "write, check, run and test apps that run on every car",
    "run": "run cars live: gateway, broker and the interfaces to it",
    "arm": "let a car that is served act, or no longer: the explicit step",
    "requests": "what such a car was asked, what was allowed, sent and measured, side by side",
    "twin": "drive a simulated car: write a log of it, or send its frames on buses",
    "record": "write a live car's frames or samples to files",
    "plot": "draw signals of a log over time",
    "prove": "drive apps that act on simulated cars, and hold what comes of it to limits",
    "token": "make keys, tokens and certificates for development",
    "mapping": "import and export KUKSA's dbc2vss/vss2dbc mappings",
}
"""Every verb, in the order of the help, with what it does."""


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS)) + 2
    listed = "\n".join(f"  {verb:<{width}}{summary}" for verb, summary in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="commonwheel",
        usage="commonwheel <verb> [options]",
        description="Describe a car once; every function, tool and service runs on it.",
        epilog=f"verbs:\n{listed}\n\n'commonwheel <verb> --help' says more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=True,
    )
    parser.add_argument("--version", action="version", version=f"commonwheel {__version__}")
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = " ".join(["commonwheel", *arguments[:1]])
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except CommonwheelError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as 'head' does
        _drop_output()
        return 128 + getattr(signal, "SIGPIPE", 13)
    except OSError as error:  # logs and results have errors of their own: it is most likely what we print to
        _drop_output()
        print(f"{name}: {error.filename or 'the output cannot be written'}: {error.strerror or error}", file=sys.stderr)
        return UNUSABLE
    return status


def _drop_output() -> None:
    """Send what is still buffered nowhere: Python would try to write it once more at its end."""
    with contextlib.suppress(OSError):  # no file at all, when called from a program
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        top = _parser()
        top.parse_args(arguments)
        top.print_help()
        return UNUSABLE if not arguments else FINE
    verb = arguments[0]
    if verb not in VERBS:
        import difflib

        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        print(f"commonwheel: '{verb}' is not a verb{hint}; verbs are {', '.join(VERBS)}", file=sys.stderr)
        return UNUSABLE
    module = importlib.import_module(f"commonwheel.cli.{verb}")
    parser = argparse.ArgumentParser(
        prog=f"commonwheel {verb}",
        description=(module.__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    return int(module.run(parser.parse_args(arguments[1:])))

"""How the command line shows things: rich on a terminal, plain text when piped, JSON when asked.

Nothing here is imported before a verb runs, and rich only when a terminal is there to show it on.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = ["has_window", "note", "number", "open_in_browser", "print_json", "progress", "table", "terminal"]


def terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def has_window() -> bool:
    """Whether a person is there to see a window open: on a terminal, beside a screen of this machine's own."""
    if not terminal() or os.environ.get("CI"):
        return False
    if sys.platform in {"win32", "darwin"}:
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_in_browser(address: str) -> None:
    """Open an address in the person's browser, where there is one; callers print the address in any case."""
    import webbrowser

    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Print a value as JSON: indented on a terminal, one line when piped. Numbers that JSON lacks become null."""
    import msgspec

    text = msgspec.json.encode(value, enc_hook=_plain)
    print(json.dumps(json.loads(text), indent=2, ensure_ascii=False) if terminal() else text.decode())


def _plain(value: Any) -> Any:  # noqa: ANN401 - a hook of msgspec
    import numpy as np

    if isinstance(value, np.generic):
        scalar: Any = cast("Any", value)
        return scalar.item()
    if isinstance(value, np.ndarray):
        array: Any = cast("Any", value)
        return array.tolist()
    return str(value)


def note(text: str) -> None:
    """Say something to the person, on standard error, so that piped output stays clean."""
    print(text, file=sys.stderr)


def number(value: float | None, digits: int = 6) -> str:
    """Return a number for people: no needless zeros; '-' for none."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "-"
    value += 0.0  # no minus before zero
    return f"{value:.{digits}g}" if abs(value) < 1e6 else f"{value:,.0f}"  # noqa: PLR2004 - where digits stop helping


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", right: Sequence[int] = ()) -> None:
    """Print a table.

    Args:
        columns: headings.
        rows: cells as text.
        title: printed above.
        right: indices of the columns whose cells stand to the right (numbers).
    """
    if terminal():
        from rich.console import Console
        from rich.table import Table

        shown = Table(title=title or None, title_justify="left", header_style="bold")
        for i, column in enumerate(columns):
            shown.add_column(column, justify="right" if i in right else "left", overflow="fold")
        for row in rows:
            shown.add_row(*map(_escape, row))
        Console().print(shown)
        return
    if title:
        print(title)
    widths = [max(len(str(cell)) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yields a function that takes how much is done so far."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)

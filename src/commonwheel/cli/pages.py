"""The reference pages of cars as files: what ``commonwheel cars --html`` and ``--pages`` write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.report.reference import Reference

__all__ = ["write_pages"]


def write_pages(args: argparse.Namespace) -> int:
    """Write one car's page, or those of all; returns the exit status.

    Raises:
        OutputError: they cannot be written, or it is not said which is wanted.
        DescriptionError: there is no such car, or it has faults.
    """
    from commonwheel.report.page import write

    _check(args)
    written: list[Path] = []
    for path, text in _one(args) if args.html else _all(args):
        write(path, text)
        written.append(path)
    if args.json:
        show.print_json({"written": [str(path) for path in written]})
    else:
        print(*written, sep="\n")
    return FINE


def _check(args: argparse.Namespace) -> None:
    """See whether what is asked for makes sense and can be written, before any work is done."""
    from commonwheel.errors import OutputError
    from commonwheel.report.page import check_target

    if args.html and args.pages:
        message = "--html writes one car's page, --pages those of all: give one of them"
    elif args.html and not args.car:
        message = "--html writes one car's page: name the car, or write all with --pages FOLDER"
    elif args.pages and args.car:
        message = f"--pages writes every car: leave {args.car} out, or write its page alone with --html FILE"
    else:
        if args.html:
            check_target(args.html)
            return
        try:
            args.pages.mkdir(exist_ok=True)
        except OSError as error:
            message = f"the folder {args.pages} cannot be made: {error.strerror or error}"
            raise OutputError(message) from error
        return
    raise OutputError(message)


def _one(args: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    from commonwheel.cli.cars import folders_of
    from commonwheel.control.capabilities import with_acting
    from commonwheel.report.reference import reference_of

    folders = folders_of(args)
    yield args.html, _text(args, with_acting(reference_of(args.car, folders), folders, args.car))


def _all(args: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    from commonwheel.cli.cars import described, folders_of
    from commonwheel.control.capabilities import with_acting
    from commonwheel.report.reference import reference_of
    from commonwheel.report.reference_page import index_page
    from commonwheel.report.reference_text import file_name, index_text

    names = [car.name for car in described(args) if ":" not in car.name]
    folders = folders_of(args)
    references = [with_acting(reference_of(name, folders), folders) for name in names]
    suffix = ".md" if args.markdown else ".html"
    for reference in references:
        yield args.pages / file_name(reference.car.name, suffix), _text(args, reference, "index.html")
    if args.markdown:
        yield args.pages / "README.md", index_text(references)
    else:
        yield args.pages / "index.html", index_page(references)


def _text(args: argparse.Namespace, reference: Reference, index: str = "") -> str:
    from commonwheel.report.reference_page import reference_page
    from commonwheel.report.reference_text import reference_text

    return reference_text(reference) if args.markdown else reference_page(reference, index)

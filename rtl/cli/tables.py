"""`python -m rtl tables`: the measurements as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from ntt.terminal import show
from rtl.characterize.results import DEFAULT_RESULTS, load
from rtl.errors import OutputError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("tables", help="print measurements as Markdown tables")
    parser.add_argument(
        "--input", "-i", type=Path, default=DEFAULT_RESULTS,
        help=f"results file (default {DEFAULT_RESULTS})",
    )  # fmt: skip
    parser.add_argument(
        "--page", type=Path, help="update the tables of this page and its pictures instead"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the tables, or update a page."""
    if not options.input.exists():
        raise OutputError(f"there is no file {options.input}: name one with `--input`")
    entries = load(options.input)
    try:
        if options.page:
            from rtl.documents.page import update_page

            update_page(options.page, entries)
        else:
            from rtl.documents.measurement_tables import tables

            show(*tables(entries).split("\n"))
    except (LookupError, TypeError) as error:
        raise OutputError(
            f"{options.input} holds a measurement that no table can show: {error!r}"
        ) from error
    return 0

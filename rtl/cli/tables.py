"""`python -m rtl tables`: the measurements as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from rtl.characterize.results import DEFAULT_RESULTS, load


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
    entries = load(options.input)
    if options.page:
        from rtl.documents.page import update_page

        update_page(options.page, entries)
    else:
        from rtl.documents.measurement_tables import tables

        print(tables(entries))
    return 0

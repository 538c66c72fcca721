"""`python -m rtl characterize`: blocks measured by synthesis, placement and routing."""

from __future__ import annotations

import argparse
from pathlib import Path

from ntt.terminal import show
from rtl.characterize.results import DEFAULT_RESULTS
from rtl.cli.progress import progress
from rtl.files import check_writable


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "characterize", help="measure blocks by synthesis, placement and routing; writes JSON"
    )
    parser.add_argument(
        "--blocks", nargs="+", choices=("modmul", "butterfly", "ntt", "machine"),
        default=["modmul"], help="sets of blocks (default modmul)",
    )  # fmt: skip
    parser.add_argument("--only", default="", help="only blocks whose name contains this text")
    parser.add_argument(
        "--targets", nargs="+", choices=("ecp5", "xc7", "xcup", "cells"), default=["ecp5"],
        help="FPGAs, or the standard cells of --liberty (default ecp5)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1, 2, 3],
        help="of placement, on ecp5 (default 1 2 3)",
    )  # fmt: skip
    parser.add_argument(
        "--placer", choices=("heap", "static"), default="heap",
        help="of nextpnr (default heap); static suits units of four and eight butterflies",
    )  # fmt: skip
    parser.add_argument(
        "--router", choices=("router1", "router2"), default="router1",
        help="of nextpnr (default router1); router2 is faster and reaches a lower clock",
    )  # fmt: skip
    parser.add_argument(
        "--liberty", nargs="+", type=Path, default=[], help="files of one cell library"
    )
    parser.add_argument(
        "--power", action="store_true",
        help="on cells, also clock and leakage by OpenSTA, and energy from simulated toggles",
    )  # fmt: skip
    parser.add_argument(
        "--output", "-o", type=Path, default=DEFAULT_RESULTS,
        help=f"results file (default {DEFAULT_RESULTS})",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="measure known blocks again")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the blocks that the results file does not have yet, and add them to it."""
    from rtl.characterize.blocks import BLOCK_SETS
    from rtl.characterize.ecp5.place_and_route import Flow
    from rtl.characterize.jobs import Job, run_jobs
    from rtl.errors import OptionError

    check_writable(options.output)
    flow = Flow(options.placer, options.router)
    jobs = [
        Job(block, target, tuple(options.seeds), tuple(options.liberty), flow, options.power)
        for name in options.blocks
        for block in BLOCK_SETS[name]()
        if options.only in block.name
        for target in options.targets
    ]
    if not jobs:
        raise OptionError(
            f"no block of {', '.join(options.blocks)} has {options.only!r} in its name"
        )
    with progress("starting") as say:
        measured = run_jobs(jobs, options.output, say, again=options.again)
    known = len(jobs) - measured
    show(f"{measured} measured, {known} known before: {options.output}")
    return 0

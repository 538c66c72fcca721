"""`python -m rtl simulate`: a simulated block against its exact answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from ntt.terminal import show
from rtl.cli.block_options import add_block_options, block_of
from rtl.cli.progress import progress


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "simulate", help="simulate a block and compare its answers with those of ntt"
    )
    add_block_options(parser)
    parser.add_argument("--count", type=int, default=10, help="random cases (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the random cases (default 1)")
    parser.add_argument("--vectors", type=Path, help="JSON file of given cases")
    parser.add_argument("--waveform", type=Path, help="write a VCD waveform to this file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare every case bit for bit, and print how many agree."""
    from rtl.simulation import checks

    block = block_of(options)
    with progress(f"building and running {options.block}"):
        line = checks.check(
            block,
            options.count,
            options.seed,
            vectors=options.vectors,
            waveform=options.waveform,
        )
    show(line)
    return 0

"""`python -m rtl generate`: a block as Verilog."""

from __future__ import annotations

import argparse
from pathlib import Path

from ntt.terminal import show
from rtl.cli.block_options import add_block_options, block_of
from rtl.cli.progress import progress


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "generate", help="write a block's Verilog, memory images and datasheet"
    )
    add_block_options(parser)
    parser.add_argument("--output", "-o", type=Path, required=True, help="a new folder")
    parser.add_argument("--name", help="name of the Verilog module (default: the block's)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the folder and print the paths of its files."""
    from rtl.generator.output_folder import write_folder

    block = block_of(options)
    with progress(f"generating {options.block}"):
        paths = write_folder(block, options.name or options.block, options.output)
    show(*map(str, paths))
    return 0

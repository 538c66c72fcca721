"""`python -m rtl`: generate, simulate, run, characterize, tables.

A command imports the hardware tools when it runs, so that a missing tool is an error in one line.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import ntt
from ntt.terminal import CommandParser, run_command
from rtl.cli import characterize, generate, run, simulate, tables
from rtl.errors import HardwareError, ToolError
from rtl.tools import INSTALL_ADVICE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, as `ntt.terminal.run_command` says."""
    return run_command(lambda: _run(arguments), HardwareError, ntt.ArithmeticLayerError)


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ModuleNotFoundError as error:
        if error.name not in ("amaranth", "pyosys"):
            raise
        words = f"package {error.name} is not installed: {INSTALL_ADVICE}"
        raise ToolError(words) from error
    return status


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="python -m rtl",
        description="The accelerator's hardware: generated as Verilog, simulated against ntt, "
        "measured by synthesis, placement and routing.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (generate, simulate, run, characterize, tables):
        command.add_parser(commands)
    return parser

"""`python -m rtl`: generate, simulate, run, characterize, tables.

A command imports the hardware tools when it runs, so that a missing tool is an error in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import ntt
from rtl.cli import characterize, generate, run, simulate, tables
from rtl.errors import HardwareError
from rtl.tools import INSTALL_ADVICE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 2, and one line on stderr, for bad input."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (HardwareError, ntt.ArithmeticLayerError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name not in ("amaranth", "pyosys"):
            raise
        words = f"package {error.name} is not installed: {INSTALL_ADVICE}"
        print(f"ToolError: {words}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rtl",
        description="The accelerator's hardware: generated as Verilog, simulated against ntt, "
        "measured by synthesis, placement and routing.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (generate, simulate, run, characterize, tables):
        command.add_parser(commands)
    return parser

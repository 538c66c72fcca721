"""`python -m rtl run`: a program of limb instructions on simulated units."""

from __future__ import annotations

import argparse
from pathlib import Path

from ntt.terminal import show
from rtl.cli.progress import progress


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "run", help="run a program of limb instructions on simulated units, bit for bit"
    )
    parser.add_argument(
        "file", type=Path, help="a program with its data, from `python -m benchmarks export`"
    )
    parser.add_argument("--butterflies", type=int, default=8, help="of the NTT unit (default 8)")
    parser.add_argument("--lanes", type=int, default=8, help="of the other units (default 8)")
    parser.add_argument(
        "--reduction", default="word", help="montgomery or word (default word)"
    )
    parser.add_argument("--buffers", type=int, default=2, help="1 or 2 (default 2)")
    parser.add_argument(
        "--twiddles", default="generated", help="stored or generated (default generated)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the program, compare its outputs bit for bit, and print the cycles of each unit."""
    from accel_model.isa import program_file
    from rtl.errors import ProgramDataError
    from rtl.generator.catalogue import BlockOptions
    from rtl.programs.runner import check_outputs, run_lines, run_program, units_for

    try:
        program, data = program_file.load(options.file), program_file.load_data(options.file)
    except (ValueError, OSError) as error:
        raise ProgramDataError(str(error)) from error
    geometry = BlockOptions(
        butterflies=options.butterflies,
        reduction=options.reduction,
        buffers=options.buffers,
        twiddles=options.twiddles,
    )
    with (
        progress(f"building and running {len(program)} instructions"),
        units_for(program, geometry, options.lanes) as units,
    ):
        done = run_program(program, data, units)
    agreed = check_outputs(done.outputs, data)
    show(*run_lines(done), f"{agreed} residues agree with the expected ones, bit for bit")
    return 0

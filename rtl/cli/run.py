"""`python -m rtl run`: a program of limb instructions on simulated units, or on a whole machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntt.terminal import show
from rtl.cli.progress import progress

if TYPE_CHECKING:
    from accel_model.isa import Data, Program

_UNITS: dict[str, tuple[Any, str]] = {
    "butterflies": (8, "of the NTT unit"),
    "lanes": (8, "of the other units"),
    "reduction": ("word", "montgomery or word"),
    "buffers": (2, "1 or 2"),
    "twiddles": ("generated", "stored or generated"),
}
"""Options of simulated units, which a machine does not have: default and meaning."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "run", help="run a program of limb instructions on simulated units, bit for bit"
    )
    parser.add_argument(
        "file", type=Path, help="a program with its data, from `python -m benchmarks export`"
    )
    parser.add_argument(
        "--machine",
        metavar="NAME|FILE",
        help="compile the program and run it on this whole machine (small, large, or a .toml file)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="with --machine: also add the run to this file of results",
    )
    for name, (default, words) in _UNITS.items():
        parser.add_argument(f"--{name}", type=type(default), help=f"{words} (default {default})")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the program, compare its outputs bit for bit, and print the cycles of each unit."""
    from accel_model.isa import program_file
    from rtl.characterize import results
    from rtl.errors import OptionError, ProgramDataError
    from rtl.files import check_writable
    from rtl.generator.catalogue import BlockOptions
    from rtl.programs.runner import check_outputs, run_lines, run_program, units_for

    given = {name: getattr(options, name) for name in _UNITS}
    if options.machine is not None and any(value is not None for value in given.values()):
        name = next(name for name, value in given.items() if value is not None)
        raise OptionError(f"--{name} is not used with --machine: the machine's file has its sizes")
    if options.json is not None:
        if options.machine is None:
            raise OptionError("--json is used with --machine only: name a machine, or leave it out")
        check_writable(options.json)  # an error now rather than after the run
        results.load(options.json)
    _refuse_trace(options.file)
    try:
        program, data = program_file.load(options.file), program_file.load_data(options.file)
    except (ValueError, OSError) as error:
        raise ProgramDataError(str(error)) from error
    if options.machine is not None:
        return _run_machine(options, program, data)
    chosen = {
        name: default if given[name] is None else given[name]
        for name, (default, _) in _UNITS.items()
    }
    lanes = chosen.pop("lanes")
    with (
        progress(f"building and running {len(program)} instructions"),
        units_for(program, BlockOptions(**chosen), lanes) as units,
    ):
        done = run_program(program, data, units)
    agreed = check_outputs(done.outputs, data)
    show(*run_lines(done), f"{agreed} residues agree with the expected ones, bit for bit")
    return 0


def _refuse_trace(path: Path) -> None:
    """Raise `ProgramDataError` for a file that begins as traces do."""
    from rtl.errors import ProgramDataError

    if path.is_file():
        with path.open("rb") as file:
            begin = file.read(64)
        if begin.startswith(b"{"):
            raise ProgramDataError(
                f"{path}: a trace has no residues: `python -m benchmarks export -o FILE.npz` "
                "writes a program with its data"
            )


def _run_machine(options: argparse.Namespace, program: Program, data: Data) -> int:
    """Run the program on a whole machine; its bits and its cycles must be those expected."""
    from accel_model.isa import AcceleratorError
    from rtl.accelerator.cosimulation import cosimulate
    from rtl.accelerator.machine_file import load_machine
    from rtl.characterize import results
    from rtl.errors import ProgramDataError
    from rtl.programs.runner import check_outputs

    try:
        machine = load_machine(options.machine, program)
        with progress(f"building the machine and running {len(program)} instructions"):
            done = cosimulate(program, data, machine)
    except AcceleratorError as error:
        raise ProgramDataError(str(error)) from error
    agreed = check_outputs(done.outputs, data)
    done.check_cycles()
    if options.json is not None:
        command = f"python -m rtl run {options.file.name} --machine {options.machine}"
        entry = done.record(options.file.stem) | {"command": command, **results.provenance()}
        results.add(options.json, entry)
    show(*done.lines(), f"{agreed} residues agree with the expected ones, bit for bit")
    return 0

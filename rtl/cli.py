"""The command line of the hardware generator."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ntt
from rtl.errors import HardwareError

DEFAULT_RESULTS = Path("rtl/results/measurements.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. Bad input is told in one line, with status 2."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (HardwareError, ntt.ArithmeticLayerError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name not in ("amaranth", "pyosys"):
            raise
        print(
            f"ToolError: package {error.name} is not installed: install the hardware tools with "
            "`pip install 'he-accel[rtl]'`",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rtl",
        description="The accelerator's hardware: generated as Verilog, simulated against ntt/, "
        "measured with real synthesis.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    generate = commands.add_parser("generate", help="write Verilog, memory images and a page")
    _block_options(generate)
    generate.add_argument("--output", "-o", type=Path, required=True, help="a new folder")
    generate.add_argument("--name", help="module name (default: the block's)")
    generate.set_defaults(command=_generate)

    simulate = commands.add_parser("simulate", help="compare a simulated block with ntt/")
    _block_options(simulate)
    simulate.add_argument("--count", type=int, default=10, help="random vectors (default 10)")
    simulate.add_argument("--seed", type=int, default=1)
    simulate.add_argument("--vectors", type=Path, help="JSON file of given cases")
    simulate.add_argument("--waveform", type=Path, help="write a VCD waveform")
    simulate.set_defaults(command=_simulate)

    program = commands.add_parser(
        "run", help="run a program of limb instructions on simulated units, bit for bit"
    )
    program.add_argument(
        "file", type=Path, help="a program with its data, by `python -m benchmarks export`"
    )
    program.add_argument("--butterflies", type=int, default=8, help="of the NTT unit (default 8)")
    program.add_argument("--lanes", type=int, default=8, help="of the other units (default 8)")
    program.add_argument("--reduction", default="word", help="montgomery or word (default word)")
    program.add_argument("--buffers", type=int, default=2, help="1 or 2 (default 2)")
    program.add_argument("--twiddles", default="generated", help="stored or generated (default)")
    program.set_defaults(command=_run)

    characterize = commands.add_parser("characterize", help="measure blocks; writes JSON")
    characterize.add_argument(
        "--blocks", nargs="+", choices=("modmul", "butterfly", "ntt"), default=["modmul"],
        help="which sets of blocks",
    )  # fmt: skip
    characterize.add_argument("--only", default="", help="only blocks whose name contains this")
    characterize.add_argument(
        "--targets", nargs="+", choices=("ecp5", "xc7", "xcup", "cells"), default=["ecp5"]
    )
    characterize.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    characterize.add_argument(
        "--placer", choices=("heap", "static"), default="heap",
        help="of nextpnr (default heap); the second suits units of eight butterflies",
    )  # fmt: skip
    characterize.add_argument(
        "--router", choices=("router1", "router2"), default="router1",
        help="of nextpnr (default router1); the second ends sooner, at a lower clock",
    )  # fmt: skip
    characterize.add_argument(
        "--liberty", nargs="+", type=Path, default=[], help="files of one cell library"
    )
    characterize.add_argument("--output", "-o", type=Path, default=DEFAULT_RESULTS)
    characterize.add_argument("--again", action="store_true", help="also what is measured already")
    characterize.set_defaults(command=_characterize)

    tables = commands.add_parser("tables", help="measurements as Markdown tables")
    tables.add_argument("--input", "-i", type=Path, default=DEFAULT_RESULTS)
    tables.add_argument("--page", type=Path, help="bring a page and its pictures up to date")
    tables.set_defaults(command=_tables)
    return parser


def _block_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "block", choices=("modmul", "butterfly", "ntt", "pointwise", "automorphism")
    )
    parser.add_argument("--width", type=int, default=50, help="bits of a residue (default 50)")
    parser.add_argument("--reduction", default="word", help="barrett, montgomery or word")
    parser.add_argument(
        "--word-bits", type=int, help="word of the word-level reduction (default log2 2N)"
    )
    parser.add_argument("--tile", default="18x18", help="plain, 18x18, 24x17 or 26x17")
    parser.add_argument("--N", type=int, default=1024, help="ring degree (default 1024)")
    parser.add_argument("--butterflies", type=int, default=1, help="butterflies, or lanes")
    parser.add_argument("--buffers", type=int, default=1, help="2: overlap streams and transforms")
    parser.add_argument("--twiddles", default="stored", help="stored or generated")
    parser.add_argument("--moduli", type=int, nargs="+", default=[], help="the primes")
    parser.add_argument("--moduli-count", type=int, default=1, help="or how many to find")


def _block(options: argparse.Namespace) -> Any:
    from rtl.generator import catalogue

    return catalogue.make(
        options.block,
        catalogue.Options(
            width=options.width,
            reduction=options.reduction,
            tile=options.tile,
            word_bits=options.word_bits,
            N=options.N,
            butterflies=options.butterflies,
            buffers=options.buffers,
            twiddles=options.twiddles,
            moduli=tuple(options.moduli),
            moduli_count=options.moduli_count,
        ),
    )


@contextmanager
def _progress(text: str) -> Iterator[Any]:
    """A spinner with the elapsed time, or lines where there is no terminal; calling what it
    yields changes the text."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        print(text, file=sys.stderr)
        yield lambda words: print(words, file=sys.stderr, flush=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(text)
        yield lambda words: progress.update(task, description=words)


def _generate(options: argparse.Namespace) -> int:
    from rtl.generator.generate import generate

    block = _block(options)
    with _progress(f"generating {options.block}"):
        paths = generate(block, options.name or options.block, options.output)
    for path in paths:
        print(path)
    return 0


def _simulate(options: argparse.Namespace) -> int:
    from rtl.simulation import checks

    block = _block(options)
    with _progress(f"building and running {options.block}"):
        line = checks.check(
            block,
            options.count,
            options.seed,
            vectors=options.vectors,
            waveform=options.waveform,
        )
    print(line)
    return 0


def _run(options: argparse.Namespace) -> int:
    from accel_model.isa import program_file
    from rtl.generator.catalogue import Options
    from rtl.programs.runner import (
        ProgramDataError,
        check_outputs,
        run_lines,
        run_program,
        units_for,
    )

    try:
        program, data = program_file.load(options.file), program_file.load_data(options.file)
    except (ValueError, OSError) as error:
        raise ProgramDataError(str(error)) from error
    geometry = Options(
        butterflies=options.butterflies,
        reduction=options.reduction,
        buffers=options.buffers,
        twiddles=options.twiddles,
    )
    with (
        _progress(f"building and running {len(program)} instructions"),
        units_for(program, geometry, options.lanes) as units,
    ):
        done = run_program(program, data, units)
    agreed = check_outputs(done.outputs, data)
    print(*run_lines(done), sep="\n")
    print(f"{agreed} residues agree with those expected, bit for bit")
    return 0


def _characterize(options: argparse.Namespace) -> int:
    from rtl.characterize.blocks import BLOCK_SETS
    from rtl.characterize.ecp5 import Flow
    from rtl.characterize.run import Job, run
    from rtl.errors import OptionError

    flow = Flow(options.placer, options.router)
    jobs = [
        Job(block, target, tuple(options.seeds), tuple(options.liberty), flow)
        for name in options.blocks
        for block in BLOCK_SETS[name]()
        if options.only in block.name
        for target in options.targets
    ]
    if not jobs:
        raise OptionError(
            f"no block of {', '.join(options.blocks)} has {options.only!r} in its name"
        )
    with _progress("starting") as say:
        measured = run(jobs, options.output, say, again=options.again)
    print(f"{measured} of {len(jobs)} measured, the others were known: {options.output}")
    return 0


def _tables(options: argparse.Namespace) -> int:
    from rtl.characterize.report import tables
    from rtl.characterize.results import load

    entries = load(options.input)
    if options.page:
        from rtl.documents.documents import update

        update(options.page, entries)
    else:
        print(tables(entries))
    return 0

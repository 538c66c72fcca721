"""`python -m accel_model sweep`: one computation on variations of a machine."""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from accel_model.cli.output_files import picture_file, result_file
from accel_model.cli.workload import read_variants
from accel_model.errors import MachineFileError
from accel_model.estimation.sweep import Point, standard_axes, sweep
from accel_model.machine.description import SWITCHES, Machine
from accel_model.machine.machine_file import load_machine
from he.format.files import replaced_file
from ntt.terminal import CountLines, say

_MORE = ("clusters", "memory.reserve_limbs")
"""Axes that a machine file need not state: the units of every kind, and slots kept free."""


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], machines: str
) -> None:
    """Add the command to the command line; machines: what `--machine` can be, for the help."""
    parser = commands.add_parser(
        "sweep",
        help="one computation on variations of a machine: a Pareto front, as CSV and picture",
        description="Estimates every combination of the values, and marks optimal combinations: "
        "no other is better in one respect and worse in none. Without --set: half, the same and "
        "double of butterflies, lanes, memory and bandwidth.",
    )
    parser.add_argument(
        "file",
        type=Path,
        nargs="+",
        help="a trace or a program; several traces of one computation, recorded with different "
        "--dnum or --ring-degree, add the columns dnum and N, and of batches the column images",
    )
    parser.add_argument("--machine", required=True, help=machines)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=V,V,..",
        help="a figure and its values, for example ntt.butterflies=4,8,16; word.bits also scales "
        "the energy and area of multipliers and adders; clusters is the number of units of every "
        f"kind; {', '.join(SWITCHES)} are 0 or 1",
    )
    parser.add_argument(
        "--csv", type=result_file, metavar="FILE", help="write the table to FILE, do not print it"
    )
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="draw the front to FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Sweep, write the table and the picture."""
    machine = load_machine(arguments.machine)
    axes = _axes(arguments.set, machine) if arguments.set else standard_axes(machine)
    variants = read_variants(arguments.file)
    count = len(variants) * math.prod(map(len, axes.values()))
    lines = CountLines("variations", count)
    points = sweep(variants, machine, axes, report=say, advance=lines.advance)
    rows = table(points)
    if arguments.csv:
        with replaced_file(arguments.csv, make_folders=True) as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    else:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
    if arguments.plot:
        from accel_model.estimation import plots

        plots.save(plots.pareto_figure(points, machine), arguments.plot)
    return 0


def table(points: Sequence[Point]) -> list[list[object]]:
    """A header, and a row for each point: values, time, area, energy, and 1 if it is optimal."""
    unit = points[0].result.area.unit
    rows: list[list[object]] = [
        [*points[0].values, "time_s", f"area_{unit}", "energy_j", "optimal"]
    ]
    for point in points:
        result = point.result
        costs = result.time_s, result.area.total, result.energy.total_j
        rows.append([*point.values.values(), *costs, int(point.optimal)])
    return rows


def _axes(words: Sequence[str], machine: Machine) -> dict[str, list[float]]:
    axes: dict[str, list[float]] = {}
    for word in words:
        name, _, values = word.partition("=")
        if name in axes:
            raise MachineFileError(f"--set {word}: {name} is set twice: give its values at once")
        try:
            axes[name] = [float(value) for value in values.split(",")]
        except ValueError as error:
            raise MachineFileError(f"--set {word}: NAME=V,V,.. is needed: {error}") from error
        known = [*machine.figures, *SWITCHES, *_MORE]
        if name not in known:
            raise MachineFileError(
                f"--set {word}: {machine.name} has no {name}; it has "
                f"{', '.join(dict.fromkeys(known))}"
            )
    return axes

"""The `cost` command."""

from __future__ import annotations

import argparse
import itertools

import nn
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from benchmarks.commands.options import (
    DEFAULT_MACHINES,
    add_machine_option,
    add_network_options,
    add_output_options,
    on_machines,
)
from benchmarks.commands.results_file import write_rows
from benchmarks.comparison.options import OPTIONS
from benchmarks.operations.hardware_cost import HardwareCost, hardware_cost, word_bits
from nn.cli.options import Subparsers, add_planning_options, load_network, make_plan
from ntt.terminal import show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "cost",
        help="what a network costs on modelled accelerators: time, energy, traffic, memory; no run",
        description="Plans the network, takes the trace that a run would leave, and estimates it "
        "on each machine, with primes that fit its words. Nothing is encrypted.",
    )
    add_network_options(parser, (1,), "encrypted images of a run")
    add_machine_option(parser)
    parser.add_argument(
        "--options",
        action="store_true",
        help="each machine also with packed limbs, seeds on chip and factored operands",
    )
    add_output_options(parser, picture=False)
    add_planning_options(parser)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Plan, estimate, print a line for each machine, write the file."""
    machines = [load_machine(name) for name in arguments.machine or DEFAULT_MACHINES]
    network = load_network(arguments.network)
    variants = [{}, OPTIONS["all three"]] if arguments.options else [{}]
    show(f"{'machine':<22}{'images':>7}{'time, us':>18}{'energy, uJ':>18}{'traffic, MB':>14}"
         f"{'on chip, MB':>13}{'outside, MB':>13}  bound by")  # fmt: skip
    plans: dict[int | None, nn.InferencePlan] = {}

    def costs(machine: Machine) -> list[HardwareCost]:
        bits = arguments.word_bits or word_bits(machine)
        if bits not in plans:
            plans[bits] = make_plan(arguments, network, word_bits=bits)
        rows = []
        for values, images in itertools.product(variants, arguments.images):
            varied = machine.with_values(**values)
            rows.append(hardware_cost(network, varied, plan=plans[bits], images=images))
            show(_line(rows[-1]))
        return rows

    found = on_machines(machines, bool(arguments.machine), costs)
    if arguments.json:
        write_rows(list(itertools.chain(*found)), arguments.command_line, arguments.json)
    return 0


def _line(cost: HardwareCost) -> str:
    name = " ".join((cost.machine, *(["all options"] if cost.options else [])))
    return (
        f"{name:<22}{cost.images:>7}{cost.time_s * 1e6:>18,.1f}{cost.energy_j * 1e6:>18,.1f}"
        f"{cost.traffic_bytes / 1e6:>14,.2f}{cost.on_chip_bytes / 1e6:>13,.2f}"
        f"{cost.external_memory_bytes / 1e6:>13,.2f}  {cost.bottleneck} [{cost.tag}]"
    )

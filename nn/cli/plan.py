"""``python -m nn plan``: the costs of an encrypted run, before any key exists."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from he.format.files import replaced_file
from nn.cli.describe import plan_as_json
from nn.cli.options import Subparsers, command_parser, make_plan, network_of
from nn.packed.plan_picture import svg_picture, text_picture


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "plan",
        "print the plan of an encrypted run: parameters, levels, keys, predicted precision",
        "No key is made.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--levels",
        action="store_true",
        help="print the way through the levels: for each stage the bits of the modulus that is "
        "left, rotations, megabytes of weights and predicted milliseconds on one thread",
    )
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="write the way through the levels as a picture"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    plan = make_plan(arguments, network_of(arguments))
    if arguments.json:
        print(json.dumps(plan_as_json(plan), indent=2))
    else:
        print(text_picture(plan) if arguments.levels else plan.report())
    if arguments.svg is not None:
        with replaced_file(arguments.svg, make_folders=True) as file:
            file.write(svg_picture(plan))
    return 0

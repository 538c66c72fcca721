"""``python -m nn plan``: the costs of an encrypted run, before any key exists."""

from __future__ import annotations

import argparse
import json

from nn.cli.describe import plan_as_json
from nn.cli.options import Subparsers, command_parser, load_network, make_plan


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "plan",
        "print the plan of an encrypted run: parameters, levels, keys, predicted precision",
        "No key is made.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    plan = make_plan(arguments, load_network(arguments.network))
    print(json.dumps(plan_as_json(plan), indent=2) if arguments.json else plan.report())
    return 0

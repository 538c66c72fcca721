"""`python -m accel_model validate`: the model beside simulated and published figures."""

from __future__ import annotations

import argparse

from accel_model.validation.check import check_lines
from accel_model.validation.operation_counts import count_lines, explained, simfhe_run
from accel_model.validation.published_machines import (
    area_lines,
    exact_machines,
    other_machines,
    unmodelled_lines,
)
from accel_model.validation.simulated_units import simulated_cycles
from ntt.terminal import CountBar, show


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "validate", help="the model beside the simulated hardware and published machines"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every check; 1 unless the simulated cycles and the exact machines agree."""
    del arguments
    found = []
    groups = (simulated_cycles, exact_machines, other_machines, simfhe_run, explained)
    with CountBar("validate", len(groups)) as bar:
        for checks in groups:
            found.append(checks())
            bar.advance()
    simulated, exact, others, *counted = found
    counts = [check for checks in counted for check in checks]
    show(*check_lines("(1) cycles of our own simulated units", simulated))
    show(*check_lines("(2) machines reproduced exactly", exact))
    show(*check_lines("(3) other machines", others), *unmodelled_lines())
    show("    areas, as published or modelled", *area_lines())
    show(*check_lines("(4) operation counts beside SimFHE's", counts), *count_lines())
    return 0 if all(check.holds for check in simulated + exact) else 1

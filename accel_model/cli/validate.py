"""`python -m accel_model validate`: the model beside simulated and published figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from accel_model.validation.check import Check, check_lines
from accel_model.validation.operation_counts import count_lines, explained, simfhe_run
from accel_model.validation.published_machines import (
    area_lines,
    exact_machines,
    other_machines,
    unmodelled_lines,
    unreproduced_lines,
)
from accel_model.validation.simulated_units import simulated_cycles
from ntt.terminal import CountBar, show


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "validate", help="the model beside the simulated hardware and published machines"
    )
    parser.set_defaults(run=run)


def verdict_lines(
    simulated: Sequence[Check],
    exact: Sequence[Check],
    others: Sequence[Check],
    wrong: Sequence[Check],
) -> Iterator[str]:
    """What the figures together say: what holds, how far the rest is off, what is not validated."""
    yield "verdict"
    failed = f", except {', '.join(check.subject for check in wrong)}" if wrong else ""
    yield (
        f"  {'DOES NOT HOLD' if wrong else 'holds'}: {len(simulated)} cycle counts of our own "
        f"units and {len(exact)} published figures are modelled with error 0{failed}"
    )
    worst = max(others, key=lambda check: abs(check.error))
    close = sum(abs(check.error) < 1e-9 for check in others)
    yield (
        f"  {close} of {len(others)} published times of another machine are equal; the largest "
        f"error is {worst.error:+.0%} ({worst.subject})"
    )
    yield "  not validated: whole bootstraps and networks of other machines, energy, wires"


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
    show(*check_lines("(3) another machine's transforms", others))
    show("    not validated", *unreproduced_lines(), *unmodelled_lines())
    show("    areas, as published or modelled", *area_lines())
    show(*check_lines("(4) operation counts beside SimFHE's", counts), *count_lines())
    wrong = [check for check in simulated + exact if not check.holds]
    show(*verdict_lines(simulated, exact, others, wrong))
    return 1 if wrong else 0

"""`python -m benchmarks estimation`: the time of an estimate, as programs grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import nn
from accel_model.estimation.estimate import estimate
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from benchmarks.operations.tracing import blank_images, traced_run

Result = TypeVar("Result")


@dataclass(frozen=True)
class EstimationRow:
    """One size on one machine; times are processor seconds, the smallest of `repeats`."""

    workload: str
    images: int
    machine: str
    operations: int
    instructions: int
    steps: int
    lower_s: float
    estimate_s: float
    us_per_instruction: float
    repeats: int


def run(
    network: nn.Network,
    plan: nn.InferencePlan,
    images: Sequence[int],
    machines: Sequence[Machine],
    repeats: int,
    report: Callable[[EstimationRow], None],
) -> list[EstimationRow]:
    """Trace batches of so many encrypted images, and time their lowering and estimation."""
    client = nn.Client(plan)
    keys = client.evaluation_keys()
    rows = []
    for count in images:
        trace = traced_run(network, plan, client, keys, blank_images(network, count)).trace()
        lower_s, program = _smallest(partial(lower, trace), repeats)
        for machine in machines:
            estimate_s, result = _smallest(partial(estimate, program, machine), repeats)
            row = EstimationRow(
                workload=network.name,
                images=count,
                machine=machine.name,
                operations=len(trace.operations),
                instructions=result.instructions,
                steps=result.steps,
                lower_s=lower_s,
                estimate_s=estimate_s,
                us_per_instruction=(lower_s + estimate_s) / result.instructions * 1e6,
                repeats=repeats,
            )
            report(row)
            rows.append(row)
    return rows


def _smallest(call: Callable[[], Result], repeats: int) -> tuple[float, Result]:
    """The smallest processor time of a call in seconds, and what the call returned."""
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        result = call()
        seconds.append(time.process_time() - begin)
    return min(seconds), result

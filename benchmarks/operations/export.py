"""An encrypted run, or some of its operations, as a program with the arrays that it needs."""

from __future__ import annotations

import numpy as np

import nn
from accel_model.errors import ExecutionError
from accel_model.execution.executor import execute
from accel_model.isa import Program
from accel_model.isa.section import OPERANDS, RESULTS, cut
from accel_model.lowering.operations import lower
from benchmarks.operations.tracing import blank_images, traced_run

Data = dict[tuple[str, str], np.ndarray]


def traced_program(network: nn.Network, plan: nn.InferencePlan) -> tuple[Program, Data]:
    """The program of a run on one blank image, and every array that it reads or leaves."""
    client = nn.Client(plan)
    keys = client.evaluation_keys()
    tracer = traced_run(network, plan, client, keys, blank_images(network, 1))
    return lower(tracer.trace()), dict(tracer.arrays)


def part_of(program: Program, data: Data, first: int, last: int) -> tuple[Program, Data]:
    """Operations `first` to `last` as a program, with its operands and results.

    NumPy's executor computes both. Raises `ExecutionError` where its outputs have other bits than
    the outputs of the run in `data`.
    """
    outputs = execute(program, data)
    if any(not np.array_equal(array, data["output", name]) for name, array in outputs.items()):
        raise ExecutionError("an output of NumPy's executor has other bits than that of the run")
    section = cut(program, first, last)
    data = dict(data)
    if section.operands:
        before = cut(program, 0, first - 1)
        left = execute(before.program, data)[RESULTS]
        place = dict(zip(before.results, left, strict=True))
        data["input", OPERANDS] = np.stack([place[value] for value in section.operands])
    results = execute(section.program, data)
    return section.program, data | {("output", name): array for name, array in results.items()}

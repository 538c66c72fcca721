"""A software run beside accelerators that run its trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accel_model.estimation.estimate import Estimate, estimate
from accel_model.estimation.parts import Part
from accel_model.estimation.report import estimate_as_json
from accel_model.estimation.sweep import Point, Variant, standard_axes, sweep
from accel_model.execution.executor import execute
from accel_model.isa import Program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from benchmarks.comparison.options import OptionRow, option_rows
from benchmarks.comparison.software import SoftwareRun, WorkloadFailure
from benchmarks.peers.library import own_version


@dataclass(frozen=True)
class Accelerator:
    """A machine with the estimate of the program, and those of its variations and its options."""

    machine: Machine
    result: Estimate
    points: tuple[Point, ...] = ()
    options: tuple[OptionRow, ...] = ()

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine.name


@dataclass(frozen=True)
class Peer:
    """Another library's time for the same operation, or for a network of its own.

    ours_s: this library's time in the same run.
    """

    library: str
    version: str
    what: str
    median_s: float
    ours_s: float
    parameters: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Line:
    """One line of the comparison: a layer or a kind of operation.

    software_s: None where the software has no such step. comparable: whether a speed-up may be
    made of it. parts: by machine; None where the machine
    has no such step.
    """

    name: str
    software_s: float | None
    comparable: bool
    parts: dict[str, Part | None]

    def speed_up(self, machine: str) -> float | None:
        """The software's time over the machine's; None unless both have a time that counts."""
        part = self.parts[machine]
        if part is None or not self.software_s or not part.time_s or not self.comparable:
            return None
        return self.software_s / part.time_s


@dataclass(frozen=True)
class Comparison:
    """A software run, its program, the machines and the peers."""

    software: SoftwareRun
    program: Program
    accelerators: tuple[Accelerator, ...]
    peers: tuple[Peer, ...] = ()

    def speed_up(self, accelerator: Accelerator) -> float | None:
        """The software's median time over the machine's; None for a disturbed software run."""
        if self.software.disturbed:
            return None
        return self.software.median_s / accelerator.result.time_s

    def layers(self) -> list[Line]:
        """The layers in the order of the program; empty for a single operation."""
        if not self.software.layers_s:
            return []
        return self._lines(self.software.layers_s, [a.result.layers for a in self.accelerators])

    def operations(self) -> list[Line]:
        """The kinds of homomorphic operations."""
        groups = [accelerator.result.operations for accelerator in self.accelerators]
        return self._lines(self.software.operations_s, groups)

    def _lines(
        self, software: dict[str, float], groups: Sequence[Sequence[Part]]
    ) -> list[Line]:
        by_name = [{part.name: part for part in parts} for parts in groups]
        names = dict.fromkeys([*software, *(name for parts in by_name for name in parts)])
        machines = [accelerator.name for accelerator in self.accelerators]
        return [
            Line(
                name,
                software.get(name),
                not self.software.disturbed and self.software.committed_s is None,
                {
                    machine: parts.get(name)
                    for machine, parts in zip(machines, by_name, strict=True)
                },
            )
            for name in names
        ]

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        software = self.software
        return {
            "workload": software.name,
            "title": software.title,
            "parameters": software.parameters(),
            "instructions": len(self.program),
            "software": {
                "library": "he-accel",
                "version": own_version(),
                "threads": software.threads,
                "median_s": software.median_s,
                "smallest_s": min(software.samples_s),
                "largest_s": max(software.samples_s),
                "repeats": len(software.samples_s),
                "images": software.images,
                "disturbed": list(software.disturbed),
                "watched": software.disturbance.words() if software.disturbance else "",
                "committed": software.committed_words,
                "tag": "measured",
                "layers_s": software.layers_s,
                "operations_s": software.operations_s,
                "check": software.check,
            },
            "machines": [
                {
                    "speed_up": self.speed_up(a),
                    "options": [
                        {"name": row.name, "reason": row.reason}
                        | ({} if row.generated_s is None else {"generated_s": row.generated_s})
                        if row.result is None
                        else {
                            "name": row.name,
                            "time_s": row.result.time_s,
                            "energy_j": row.result.energy.total_j,
                            "area": row.result.area.total,
                        }
                        for row in a.options
                    ],
                    **estimate_as_json(a.result, a.machine),
                }
                for a in self.accelerators
            ],
            "peers": [vars(peer) for peer in self.peers],
            "sweeps": {
                a.name: [
                    {
                        **point.values,
                        "time_s": point.result.time_s,
                        "area": point.result.area.total,
                        "energy_j": point.result.energy.total_j,
                        "optimal": point.optimal,
                    }
                    for point in a.points
                ]
                for a in self.accelerators
                if a.points
            },
        }


def executed_program(software: SoftwareRun) -> Program:
    """The program of the run's trace, executed in NumPy on the run's ciphertexts and keys.

    Raises `WorkloadFailure` where an output has other bits than the run's.
    """
    program = lower(software.trace)
    outputs = execute(program, software.arrays)
    for position, expected in enumerate(software.outputs):
        if not np.array_equal(outputs[str(position)], expected):
            raise WorkloadFailure(
                f"{software.name}: output {position} of the program has other bits than the "
                "software's output"
            )
    return program


def sweep_size(machine: Machine) -> int:
    """The number of estimates that `accelerate` makes to sweep the machine."""
    size = 1
    for values in standard_axes(machine).values():
        size *= len(values)
    return size


def accelerate(
    program: Program,
    machine: Machine,
    *,
    narrow: Program | None = None,
    sweeping: bool,
    report: Callable[[str], None],
    advance: Callable[[int], None],
) -> Accelerator:
    """The estimate on the machine; with `sweeping`, also on its variations (`standard_axes`).

    narrow: the program of the same images with primes of at most 28 bits.
    """
    result = estimate(program, machine)
    points: list[Point] = []
    if sweeping:
        points = sweep(
            [Variant({}, program)],
            machine,
            standard_axes(machine),
            report=report,
            advance=advance,
        )
    options = tuple(option_rows(program, machine, narrow))
    return Accelerator(machine, result, tuple(points), options)

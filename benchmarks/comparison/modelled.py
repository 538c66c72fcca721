"""A network whose weights are too large for a comparison: its plan's trace on the machines.

Neither keys nor encryption: the trace is the one that a server would leave (`plan.trace`), tests
hold it to be so, and no run in software stands beside the machines, except a committed time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import nn
from accel_model.estimation.grounds import ground_words
from accel_model.estimation.report import estimate_as_json
from accel_model.isa import Program
from accel_model.validation.published_machines import PublishedTime, published_networks
from benchmarks.comparison.committed import CommittedSoftware
from benchmarks.comparison.compare import Accelerator
from benchmarks.comparison.network_run import counted
from benchmarks.comparison.text import amount, area_value, busiest, columns, ratio

LARGEST_WEIGHT_BYTES = 1 << 32
"""Networks of more encoded weights are not run: they would take minutes and most of a machine."""


@dataclass(frozen=True)
class ModelledNetwork:
    """A plan, the program of its trace, and the machines that run it.

    committed: the software's time of an image. images: encrypted images of the trace.
    """

    plan: nn.InferencePlan
    program: Program
    accelerators: tuple[Accelerator, ...]
    committed: CommittedSoftware | None = None
    images: int = 1

    @property
    def published(self) -> list[PublishedTime]:
        """The times of encrypted networks on other machines."""
        return published_networks()

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        plan, params = self.plan, self.plan.params
        return {
            "workload": plan.network,
            "run": "none: the trace is the plan's",
            "parameters": {
                "N": params.N,
                "q_bits": [q.bit_length() for q in params.q],
                "log2_QP": round(params.log_qp, 1),
                "levels": params.max_level,
                "security_estimate_bits": params.security_estimate,
            },
            "images": self.images,
            "bootstraps": plan.bootstraps,
            "key_bytes": plan.evaluation_key_bytes,
            "weight_bytes": plan.weight_bytes,
            "instructions": len(self.program),
            "software": None if self.committed is None else asdict(self.committed),
            "machines": [estimate_as_json(a.result, a.machine) for a in self.accelerators],
            "published": [asdict(time) for time in self.published],
        }


def modelled_lines(found: ModelledNetwork) -> Iterator[str]:
    """The machines side by side, layer by layer, and the published times beside them."""
    plan, params, machines = found.plan, found.plan.params, found.accelerators
    yield (
        f"{plan.network}: {counted(found.images)}; N = {params.N}, log2(QP) = {params.log_qp:.0f}, "
        f"{params.max_level} levels, {plan.bootstraps} bootstraps, {params.security_estimate}-bit "
        "security"
    )
    yield (
        f"program: {len(found.program)} instructions on limbs, from the plan's trace; no keys were "
        "made and nothing was run, in software or in NumPy"
    )
    if found.committed is not None:
        time = amount(found.committed.median_s, "s")
        yield f"software time of an image {time} {found.committed.words()}"
    for accelerator in machines:
        yield f"{accelerator.name}: {accelerator.machine.title}"
    yield ""
    yield columns("", [a.name for a in machines])
    yield columns("time", [f"{amount(a.result.time_s, 's')} [{a.result.tag}]" for a in machines])
    if found.committed is not None:
        software = found.committed.median_s * found.images
        yield columns("  speed-up", [ratio(software / a.result.time_s) for a in machines])
    yield columns("  ideal bound", [amount(a.result.ideal_s, "s") for a in machines])
    yield columns("  busiest unit", [busiest(a) for a in machines])
    energies = [a.result.energy for a in machines]
    yield columns("energy", [f"{amount(e.total_j, 'J')} [{e.tag}]" for e in energies])
    yield columns("area", [f"{area_value(a)} [{a.result.area.tag}]" for a in machines])
    for accelerator in machines:
        yield f"{accelerator.name} rests on: {ground_words(accelerator.result.grounds)}"
    yield ""
    yield columns("layer: time, energy", [a.name for a in machines])
    for parts in zip(*(a.result.layers for a in machines), strict=True):
        cells = [
            f"{amount(part.time_s, 's'):>10}{amount(part.energy.total_j, 'J'):>12}"
            for part in parts
        ]
        yield columns(f"  {parts[0].name}", cells)
    yield ""
    yield "times stated for other machines and their own networks; the model reproduces none:"
    for row in found.published:
        yield (
            f"  {row.network} on {row.machine}: {amount(row.time_s, 's')} [{row.tag}; "
            f"{row.origin}]"
        )
    for reason in dict.fromkeys(row.reason for row in found.published):
        yield f"  ({reason})"

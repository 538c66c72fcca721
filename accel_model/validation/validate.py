"""The model held to the simulated hardware, and to published machines."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_model.estimate.energy import area_of, scaled_area
from accel_model.estimate.estimate import timings
from accel_model.machine import calibration
from accel_model.machine.description import Machine, load_machine, machine_names
from accel_model.machine.errors import CalibrationError
from accel_model.machine.units import (
    AutomorphismTiming,
    NTTTiming,
    PlainNTTTiming,
    generated_pointwise,
)

PUBLISHED = Path(__file__).parent / "published.toml"
SIMULATED = "verilator"


@dataclass(frozen=True)
class Check:
    """One figure beside the model's. `must_equal`: whether a difference is a failure."""

    subject: str
    reference: float
    modelled: float
    origin: str
    must_equal: bool = True
    reason: str = ""

    @property
    def holds(self) -> bool:
        return not self.must_equal or self.reference == self.modelled

    @property
    def error(self) -> float:
        """Relative."""
        return self.modelled / self.reference - 1


def simulated_cycles() -> list[Check]:
    """The model's cycles beside those of every simulated configuration.

    Raises `CalibrationError` unless all three kinds of units were simulated.
    """
    rows = [entry for entry in calibration.entries() if entry["target"] == SIMULATED]
    kinds = {row["block"]["kind"] for row in rows}
    missing = {"ntt", "pointwise", "automorphism"} - kinds
    if missing:
        raise CalibrationError(
            f"no simulated cycles of {', '.join(sorted(missing))}: record them with "
            "`python -m rtl.characterize.cycles rtl/results/cycles.json`"
        )
    checks = []
    for row in rows:
        measured = row["measured"]
        subject = "-".join(str(value) for value in row["block"].values())
        for field, cycles in modelled_cycles(row).items():
            origin = calibration.provenance(row, field)
            checks.append(Check(f"{subject} {field}", measured[field], cycles, origin))
    return checks


def modelled_cycles(entry: calibration.Entry) -> dict[str, int]:
    """What the model says of a simulated block, field by field of its measurement."""
    block, facts = entry["block"], entry.get("facts", {})
    if block["kind"] == "ntt":
        transform = NTTTiming(
            block["N"],
            block["butterflies"],
            block["buffers"],
            block["twiddles"],
            facts["butterfly_latency_cycles"],
            facts["multiplier_latency_cycles"],
        )
        return {
            f"{direction}_{name}": getattr(transform, name)
            for direction in ("forward", "inverse")
            for name in ("transform_cycles", "latency_cycles", "interval_cycles")
        }
    if block["kind"] == "pointwise":
        limb = generated_pointwise(
            entry["measured"]["points"],
            block["lanes"],
            facts["multiplier_latency_cycles"],
            facts["multipliers_per_lane"],
            facts["adder_latency_cycles"],
        )
        return {
            "latency_cycles": limb.latency_cycles,
            "limb_interval_cycles": limb.interval_cycles,
            "modulus_change_cycles": max(limb.interval_cycles, limb.modulus_change_cycles),
        }
    image = AutomorphismTiming(block["N"], block["lanes"], block["buffers"])
    return {"latency_cycles": image.latency_cycles, "interval_cycles": image.interval_cycles}


def published() -> dict[str, Any]:
    """The published figures."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))


def exact_machines() -> list[Check]:
    """Rates and cycles that follow from a machine's parameters, to the last digit."""
    content = published()
    checks = []
    for group in content["exact"]:
        machine = load_machine(group["machine"])
        ones = [1] * len(group["N"])
        transforms = group.get("transforms", ones)
        own = [machine.whole("ntt.butterflies")] * len(ones)
        columns = (group["N"], transforms, group.get("butterflies", own), group["value"])
        for N, count, butterflies, value in zip(*columns, strict=True):
            unit, _, _ = timings(N, machine.with_values(ntt__butterflies=butterflies))
            cycles = count * unit.interval_cycles
            # Rates are rounded half up to a whole operation.
            modelled = int(machine["clock.hz"] / cycles + 0.5) if group.get("rate") else cycles
            subject = f"{machine.name} {group['what']} N={N}"
            checks.append(Check(subject, value, modelled, _origin(group)))
    for group in content["exact_unit"]:
        for N, value in zip(group["N"], group["value"], strict=True):
            plain = PlainNTTTiming(
                N, group["butterflies"], group["overhead_cycles"], group["stage_overhead_cycles"]
            )
            subject = f"{group['name']} {group['what']} N={N}"
            checks.append(Check(subject, value, plain.interval_cycles, _origin(group)))
    return checks


def other_machines() -> list[Check]:
    """Machines that the parameters do not settle: published, modelled, and why they differ."""
    content = published()
    checks = []
    for group in content["table"]:
        machine = load_machine(group["machine"])
        lanes = machine["ntt.count"] * machine["ntt.butterflies"]
        for N, value, limbs in zip(group["N"], group["value"], group["limbs"], strict=True):
            modelled = limbs * N / lanes / machine["clock.hz"] * 1e9
            subject = f"{machine.name} {group['what']} N={N}"
            checks.append(Check(subject, value, modelled, _origin(group), False, group["reason"]))
    work = content["work"]
    for group in content["bootstrap"]:
        machine = load_machine(group["machine"])
        bounds = {
            "products": work["products"] / products_per_s(machine, work["N"]),
            "bytes": work["bytes"] / machine["external.bytes_per_s"],
        }
        origin = f"{_origin(group)}; counts: {_origin(work)}"
        for name, seconds in bounds.items():
            subject = f"{machine.name} bootstrap, ms; for the {name} of another one alone"
            checks.append(
                Check(subject, group["published_ms"], seconds * 1e3, origin, False,
                      group[f"{name}_reason"])
            )  # fmt: skip
    return checks


def products_per_s(machine: Machine, N: int) -> float:
    """The most modular products that a machine's units make a second. A pipelined transform has
    log2(N) stages of half a butterfly a lane."""
    butterflies = machine["ntt.count"] * machine["ntt.butterflies"]
    if machine.words["ntt.timing"] == "pipelined":
        butterflies *= (N.bit_length() - 1) / 2
    lanes = machine["pointwise.count"] * machine["pointwise.lanes"]
    return (butterflies + lanes) * machine["clock.hz"]


def unmodelled_lines() -> Iterator[str]:
    """Published figures that nothing here models, and why."""
    for group in published()["unmodelled"]:
        values = group["value"] if isinstance(group["value"], list) else [group["value"]]
        yield (
            f"  not modelled  {group['machine']} {group['what']}: "
            f"{', '.join(f'{value:g}' for value in values)}  ({_origin(group)}; {group['reason']})"
        )


def area_lines() -> Iterator[str]:
    """The area of every machine of silicon, and what it would be at 7 nm."""
    for name in machine_names():
        machine = load_machine(name)
        area, scaled = area_of(machine), scaled_area(machine)
        if area.unit == "mm2":
            line = f"  {name}: {area.total:.4g} mm2 [{area.tag}]"
            if scaled is not None:
                line += (
                    f", at {scaled.nm:g} nm {scaled.value:.4g} mm2, from {scaled.least:.4g} to "
                    f"{scaled.most:.4g} ({scaled.origin})"
                )
            elif machine.get("node.nm") and machine["node.nm"] != 7:
                line += f", at {machine['node.nm']:g} nm: no factor to 7 nm is known here"
            yield line


def _origin(group: Mapping[str, Any]) -> str:
    return f"{group['origin']} [{group['tag']}]"

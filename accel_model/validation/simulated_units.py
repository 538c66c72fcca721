"""The model's cycles of our own units beside those of the simulated hardware."""

from __future__ import annotations

from accel_model.errors import CalibrationError
from accel_model.machine import calibration
from accel_model.machine.units import AutomorphismTiming, NTTTiming, generated_pointwise
from accel_model.validation.check import Check

SIMULATED = "verilator"
"""The target of simulated entries of the results files."""


def simulated_cycles() -> list[Check]:
    """The model's cycles beside the cycles of every simulated configuration.

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
    """The model's cycles of a simulated block, by the names of the fields of its measurement."""
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

"""The model held to the simulated hardware, and to published machines."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_model import calibration
from accel_model.machine_errors import CalibrationError
from accel_model.units import AutomorphismTiming, NTTTiming, PlainNTTTiming, generated_pointwise

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
    checks = []
    for group in published()["exact"]:
        columns = (group[name] for name in ("N", "butterflies", "transforms", "value"))
        for N, butterflies, transforms, value in zip(*columns, strict=True):
            unit = PlainNTTTiming(
                N,
                butterflies,
                group.get("overhead_cycles", 0),
                group.get("stage_overhead_cycles", 0),
            )
            cycles = transforms * unit.interval_cycles
            # Rates are rounded half up to a whole operation.
            modelled = int(group["hz"] / cycles + 0.5) if "hz" in group else cycles
            origin = f"{group['origin']} [{group['tag']}]"
            checks.append(Check(f"{group['machine']} {group['what']} N={N}", value, modelled,
                                origin))  # fmt: skip
    return checks


def other_machines() -> list[Check]:
    """Machines that the parameters do not settle: published, modelled, and why they differ."""
    content = published()
    checks = []
    for group in content["table"]:
        for N, value, limbs in zip(group["N"], group["value"], group["limbs"], strict=True):
            modelled = limbs * N / group["lanes"] / group["hz"] * 1e9
            subject = f"{group['machine']} {group['what']} N={N}"
            origin = f"{group['origin']} [{group['tag']}]"
            checks.append(Check(subject, value, modelled, origin, False, group["reason"]))
    work = content["bootstrap"]
    for group in content["bound"]:
        seconds = max(
            work["products"] / group["products_per_s"], work["bytes"] / group["bytes_per_s"]
        )
        subject = f"{group['machine']} bootstrap, ms"
        origin = (
            f"{group['origin']} [{group['tag']}]; the machine's rates of products and bytes "
            f"[assumed]; counts: {work['origin']} [published]"
        )
        checks.append(
            Check(subject, group["published_ms"], seconds * 1e3, origin, False, group["reason"])
        )
    return checks

"""The model beside the published figures of other machines."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_model.estimation.costs import timings
from accel_model.estimation.energy import area_of, scaled_area
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine, machine_names
from accel_model.machine.units import PlainNTTTiming
from accel_model.validation.check import Check

PUBLISHED = Path(__file__).parent / "published.toml"


def published() -> dict[str, Any]:
    """The content of `published.toml`."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))


def exact_machines() -> list[Check]:
    """Published rates and cycles that the parameters of a machine give to the last digit."""
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
    """Published times of transforms beside the model's, with the reason of a difference."""
    content = published()
    checks = []
    for group in content["table"]:
        machine = load_machine(group["machine"])
        lanes = machine["ntt.count"] * machine["ntt.butterflies"]
        for N, value, limbs in zip(group["N"], group["value"], group["limbs"], strict=True):
            modelled = limbs * N / lanes / machine["clock.hz"] * 1e9
            subject = f"{machine.name} {group['what']} N={N}"
            checks.append(Check(subject, value, modelled, _origin(group), False, group["reason"]))
    return checks


def unreproduced_lines() -> Iterator[str]:
    """Published bootstraps that the model does not reproduce, beside two bounds of our own one.

    The bounds are the times that the products and the bytes of this library's bootstrap take on
    units of the machine's size. They are no validation: the machines run other bootstraps.
    """
    content = published()
    work = content["work"]
    for group in content["bootstrap"]:
        machine = load_machine(group["machine"])
        products = work["products"] / products_per_s(machine, work["N"])
        moved = work["bytes"] / machine["external.bytes_per_s"]
        yield (
            f"  not reproduced  {machine.name} bootstrap: {group['published_ms']:g} ms "
            f"({_origin(group)}); our own bootstrap's products take {products * 1e3:.3g} ms there, "
            f"its bytes {moved * 1e3:.3g} ms: {group['products_reason']}; {group['bytes_reason']}"
        )


def products_per_s(machine: Machine, N: int) -> float:
    """The modular products a second of units that never wait.

    A pipelined transform has log2(N) stages of half a butterfly a lane.
    """
    butterflies = machine["ntt.count"] * machine["ntt.butterflies"]
    if machine.words["ntt.timing"] == "pipelined":
        butterflies *= (N.bit_length() - 1) / 2
    lanes = machine["pointwise.count"] * machine["pointwise.lanes"]
    return (butterflies + lanes) * machine["clock.hz"]


def unmodelled_lines() -> Iterator[str]:
    """Published figures that the model has no counterpart for, and why."""
    for group in published()["unmodelled"]:
        values = group["value"] if isinstance(group["value"], list) else [group["value"]]
        yield (
            f"  not modelled  {group['machine']} {group['what']}: "
            f"{', '.join(f'{value:g}' for value in values)}  ({_origin(group)}; {group['reason']})"
        )


@dataclass(frozen=True)
class PublishedTime:
    """The seconds of a network on a machine, as its paper or another source states them."""

    machine: str
    network: str
    time_s: float
    tag: str
    origin: str
    reason: str


def published_networks() -> list[PublishedTime]:
    """Published times of encrypted networks on accelerators, which the model does not reproduce."""
    return [
        PublishedTime(
            machine, group["network"], value / 1e3, group["tag"], group["origin"], group["reason"]
        )
        for group in published()["unmodelled"]
        if "network" in group
        for machine, value in zip(group["machine"].split(", "), group["value"], strict=True)
    ]


def area_lines() -> Iterator[str]:
    """The area of every machine whose area is in mm2, and that area at 7 nm."""
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
                line += f", at {machine['node.nm']:g} nm; a factor to 7 nm is not known here"
            yield line


def _origin(group: Mapping[str, Any]) -> str:
    return f"{group['origin']} [{group['tag']}]"

"""Estimates as text and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from accel_model.estimation.estimate import Estimate
from accel_model.estimation.grounds import ground_words
from accel_model.machine.description import Machine


def estimate_lines(result: Estimate, machine: Machine) -> Iterator[str]:
    """One estimate in lines of text, with the origin of every figure of the machine."""
    yield f"{machine.name}: {machine.title}"
    yield (
        f"  time {result.time_s * 1e3:.3f} ms [{result.tag}], ideal {result.ideal_s * 1e3:.3f} ms, "
        f"bound by {result.bottleneck}; {result.instructions} instructions, {result.steps} steps"
    )
    energy, area = result.energy, result.area
    yield (
        f"  energy {energy.total_j * 1e3:.3f} mJ [{energy.tag}]: arithmetic "
        f"{energy.arithmetic_j * 1e3:.3f}, memories of units {energy.local_j * 1e3:.3f}, on chip "
        f"{energy.memory_j * 1e3:.3f}, external {energy.external_j * 1e3:.3f}, leakage "
        f"{energy.leakage_j * 1e3:.3f}"
    )
    yield f"  area {area.total:.4g} {area.unit} [{area.tag}], of which memory {area.memory:.4g}"
    yield f"  rests on: {ground_words(result.grounds)}"
    moved = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in result.external_bytes.items())
    yield f"  external MB: {moved}; {result.peak_slots} of {result.slots} limbs on chip used"
    use = ", ".join(f"{name} {share:.0%}" for name, share in result.utilisation.items())
    yield f"  busy: {use}"
    for title, parts in (("layer", result.layers), ("operation", result.operations)):
        yield f"  {title:<24}{'ms':>10}{'ideal ms':>10}  {'bound by':<13}{'products/byte':>14}"
        for part in parts:
            yield (
                f"    {part.name:<22}{part.time_s * 1e3:>10.3f}{part.ideal_s * 1e3:>10.3f}  "
                f"{part.bottleneck:<13}{part.intensity:>14.3g}"
            )
    yield "  figures"
    for name, figure in machine.figures.items():
        yield f"    {name:<36}{figure}"


def estimate_as_json(result: Estimate, machine: Machine) -> dict[str, Any]:
    """The estimate and the machine's figures as plain data; an infinite intensity is null."""
    content = asdict(result)
    content["title"] = machine.title
    content["energy"]["total_j"] = result.energy.total_j
    content["area"]["total"] = result.area.total
    for name, parts in (("layers", result.layers), ("operations", result.operations)):
        for entry, part in zip(content[name], parts, strict=True):
            entry["energy"]["total_j"] = part.energy.total_j
            entry["ideal_s"], entry["bottleneck"] = part.ideal_s, part.bottleneck
            entry["products_per_byte"] = part.intensity if part.external_bytes else None
    content["figures"] = {name: asdict(figure) for name, figure in machine.figures.items()}
    return content

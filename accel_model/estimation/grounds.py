"""What share of a time, an energy and an area rests on measured, published or assumed figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from accel_model.estimation.energy import area_terms
from accel_model.estimation.parts import Part
from accel_model.machine.description import Machine
from accel_model.machine.figures import TAGS

# Kind of unit -> the figures that say how long its steps take.
_TIMED = {
    "ntt": ("clock.hz", "ntt.butterfly_latency_cycles", "ntt.multiplier_latency_cycles"),
    "pointwise": ("clock.hz", "ntt.multiplier_latency_cycles"),
    "automorphism": ("clock.hz",),
    "channel": ("external.bytes_per_s", "external.efficiency"),
    "generator": ("clock.hz", "external.generator_words_per_cycle"),
}
# Term of an energy -> the figures that it is a product of.
_PAID = {
    "arithmetic_j": ("energy.multiply_pj", "energy.add_pj", "energy.queue_pj"),
    "local_j": ("energy.local_pj_per_bit",),
    "memory_j": ("energy.memory_pj_per_bit",),
    "external_j": ("energy.external_pj_per_bit",),
    "leakage_j": ("energy.leakage_w",),
}


def grounds_of(machine: Machine, parts: Sequence[Part]) -> dict[str, dict[str, float]]:
    """For "time", "energy" and "area": tag -> share, from the most to the least certain tag.

    A share belongs to the least certain figure that it is computed from. Sizes that the design
    chooses, like the number of units, are not counted as figures here: they are the machine.
    """
    time = {
        kind: (sum(part.time_by_kind_s[kind] for part in parts), names)
        for kind, names in _TIMED.items()
    }
    energy = {
        term: (sum(getattr(part.energy, term) for part in parts), names)
        for term, names in _PAID.items()
    }
    area = {name: (value, (name,)) for name, value in area_terms(machine).items()}
    return {
        "time": _shares(machine, time),
        "energy": _shares(machine, energy),
        "area": _shares(machine, area),
    }


def ground_words(grounds: Mapping[str, Mapping[str, float]]) -> str:
    """The shares in words: "time 80 % measured, 20 % assumed; energy ..."."""
    return "; ".join(
        f"{what} " + ", ".join(f"{share:.0%} {tag}" for tag, share in shares.items())
        for what, shares in grounds.items()
        if shares
    )


def _shares(
    machine: Machine, terms: Mapping[str, tuple[float, Iterable[str]]]
) -> dict[str, float]:
    sums = dict.fromkeys(TAGS, 0.0)
    for amount, names in terms.values():
        tags = [machine.figures[name].tag for name in names if name in machine.figures]
        if amount and tags:
            sums[max(tags, key=list(TAGS).index)] += amount
    total = sum(sums.values())
    return {tag: amount / total for tag, amount in sums.items() if amount}

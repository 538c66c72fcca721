"""Energy and area of a program on a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_model.estimation.costs import two_pass_products
from accel_model.isa import Opcode, Program
from accel_model.machine.description import Machine
from accel_model.machine.figures import Figure, least_certain

AREA_SCALING = {
    (45.0, 7.0): Figure(0.059, "published", "Stillmaker and Baas, Integration 2017"),
    (14.0, 7.0): Figure(0.34, "published", "Stillmaker and Baas, Integration 2017"),
}
"""(from, to) in nm -> the factor of area between the two nodes."""
SCALING_UNCERTAINTY = Figure(
    0.3, "assumed", "spread between published scaling factors and foundries' own"
)

PRODUCTS = (Opcode.MUL, Opcode.MULADD, Opcode.MULSCALAR, Opcode.CONVERT, Opcode.FRACTION)
"""The opcodes of lanes that multiply."""


@dataclass(frozen=True)
class Energy:
    """Joules by where they go. local_j: in the memories inside the units; memory_j: in on-chip
    memory. tag: the least certain tag of the figures they depend on.
    """

    arithmetic_j: float
    local_j: float
    memory_j: float
    external_j: float
    leakage_j: float
    tag: str

    @property
    def total_j(self) -> float:
        """The sum of all five."""
        return self.arithmetic_j + self.local_j + self.memory_j + self.external_j + self.leakage_j


@dataclass(frozen=True)
class Area:
    """Area of units and memory in `unit`. tag: the least certain tag of its figures."""

    units: float
    memory: float
    unit: str
    tag: str

    @property
    def total(self) -> float:
        """The area of units and memory together."""
        return self.units + self.memory


@dataclass(frozen=True)
class ScaledArea:
    """An area at another node of `nm` nanometres, with the range that scaling leaves."""

    value: float
    least: float
    most: float
    unit: str
    nm: float
    origin: str


def scaled_area(machine: Machine, nm: float = 7.0) -> ScaledArea | None:
    """The machine's area at another node.

    None where the machine is at that node already, where its area is not in mm2, and where no
    factor is known.
    """
    area, node = area_of(machine), machine.get("node.nm")
    factor = AREA_SCALING.get((node, nm))
    if area.unit != "mm2" or factor is None:
        return None
    value, spread = area.total * factor.value, SCALING_UNCERTAINTY.value
    return ScaledArea(
        value,
        value * (1 - spread),
        value * (1 + spread),
        area.unit,
        nm,
        f"{node:g} to {nm:g} nm: x{factor}, give or take {SCALING_UNCERTAINTY}",
    )


def work_of(program: Program, machine: Machine) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(picojoules of arithmetic, bits through on-chip memory, bits through memories of the units),
    one of each for every instruction.

    A butterfly is a product and two pairs of sums, one before and one behind the multiplier; where
    twiddles are generated, it takes a second product. A lane's multipliers and its adder work for
    every beat; a lane has two multipliers, or one where operands come in factor form, through which
    a product of two ciphertexts passes twice. Each result leaves through a queue. Each source and
    each result crosses the on-chip memory once. A transform writes and reads its buffer when it
    fills, when it drains, and in every stage, and reads a word of twiddles for each butterfly; a
    permutation writes and reads its buffer once.
    """
    N, rows = program.N, program.instructions
    stages = N.bit_length() - 1
    butterflies = N // 2 * stages
    per_butterfly = 2 if machine.words.get("ntt.twiddles") == "generated" else 1
    per_lane = 1 if machine.factored else 2
    products, sums = np.zeros(len(Opcode)), np.zeros(len(Opcode))
    results, local = np.zeros(len(Opcode)), np.zeros(len(Opcode))
    for opcode in Opcode:
        if opcode in (Opcode.NTT, Opcode.INTT):
            products[opcode], sums[opcode] = per_butterfly * butterflies, 2 * butterflies
            results[opcode], local[opcode] = N, 2 * N * (stages + 1) + butterflies
        elif opcode is Opcode.PERMUTE:
            results[opcode], local[opcode] = N, 2 * N
        elif opcode not in (Opcode.LOAD, Opcode.STORE):
            results[opcode] = sums[opcode] = N
            if opcode in PRODUCTS:
                products[opcode] = per_lane * N
    each = products * machine["energy.multiply_pj"] + sums * machine["energy.add_pj"]
    each += results * machine.get("energy.queue_pj")
    arithmetic = each[rows["opcode"]]
    if machine.factored:
        arithmetic = arithmetic * (1 + two_pass_products(program))
    word = machine["word.bits"]
    limbs = (rows["sources"] >= 0).sum(axis=1) + (rows["destination"] >= 0)
    return arithmetic, limbs * (N * word), local[rows["opcode"]] * word


def energy_of(
    machine: Machine,
    *,
    arithmetic_pj: float,
    memory_bits: float,
    local_bits: float,
    external_bytes: float,
    time_s: float,
) -> Energy:
    """The energy of arithmetic and memories (`work_of`), of external traffic, and of leakage."""
    # Leakage depends on the time, and so on every figure that the time depends on.
    names = [name for name in machine.figures if not name.startswith("area.")]
    return Energy(
        arithmetic_j=arithmetic_pj * 1e-12,
        local_j=local_bits * machine.get("energy.local_pj_per_bit") * 1e-12,
        memory_j=memory_bits * machine["energy.memory_pj_per_bit"] * 1e-12,
        external_j=external_bytes * 8 * machine["energy.external_pj_per_bit"] * 1e-12,
        leakage_j=machine["energy.leakage_w"] * time_s,
        tag=least_certain(*(machine.figures[name] for name in names)),
    )


# The price of an area -> the figures that it is multiplied by.
_PRICED = {
    "area.butterfly": ("ntt.count", "ntt.butterflies"),
    "area.lane": ("pointwise.count", "pointwise.lanes"),
    "area.automorphism_lane": ("automorphism.count", "automorphism.lanes"),
    "area.memory_byte": ("memory.bytes",),
}


def area_terms(machine: Machine) -> dict[str, float]:
    """The area of all that each price is paid for, by the name of the price.

    Lanes with operands in factor form have one multiplier less. Without `area.rest`, control logic,
    wires and the generator of keys are left out.
    """
    lane = machine["area.lane"]
    if machine.factored:
        lane -= machine.get("area.multiplier")
    stored = machine["memory.bytes"] + machine.get("memory.local_bytes")
    return {
        "area.butterfly": machine["ntt.count"]
        * machine["ntt.butterflies"]
        * machine["area.butterfly"],
        "area.lane": machine["pointwise.count"] * machine["pointwise.lanes"] * lane,
        "area.automorphism_lane": machine["automorphism.count"]
        * machine["automorphism.lanes"]
        * machine.get("area.automorphism_lane"),
        "area.memory_byte": stored * machine["area.memory_byte"],
        "area.rest": machine.get("area.rest"),
    }


def area_of(machine: Machine) -> Area:
    """The area of units, of on-chip memory and of the units' own memories (`area_terms`)."""
    terms = area_terms(machine)
    names = [name for name in machine.figures if name.startswith("area.")]
    for price, sizes in _PRICED.items():
        names += sizes if machine.get(price) else ()
    memory = terms.pop("area.memory_byte")
    return Area(
        units=sum(terms.values()),
        memory=memory,
        unit=machine.words["area.unit"],
        tag=least_certain(*(machine.figures[name] for name in names)),
    )

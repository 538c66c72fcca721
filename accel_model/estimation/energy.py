"""Energy and area of a program on a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True)
class Energy:
    """Joules by where they go. tag: the least certain tag of the figures they depend on."""

    arithmetic_j: float
    memory_j: float
    external_j: float
    leakage_j: float
    tag: str

    @property
    def total_j(self) -> float:
        """The sum of all four."""
        return self.arithmetic_j + self.memory_j + self.external_j + self.leakage_j


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


def work_of(program: Program, machine: Machine) -> tuple[np.ndarray, np.ndarray]:
    """(picojoules of arithmetic, bits through on-chip memory), one of each for every instruction.

    A butterfly is one product and two sums; a step of a base conversion is a product and a sum.
    Each source and each result crosses the on-chip memory once.
    """
    N, rows = program.N, program.instructions
    butterflies = N // 2 * (N.bit_length() - 1)
    products = np.zeros(len(Opcode))
    sums = np.zeros(len(Opcode))
    for opcode in (Opcode.NTT, Opcode.INTT):
        products[opcode], sums[opcode] = butterflies, 2 * butterflies
    for opcode in (Opcode.MUL, Opcode.MULADD, Opcode.MULSCALAR, Opcode.CONVERT, Opcode.FRACTION):
        products[opcode] = N
    for opcode in (Opcode.MULADD, Opcode.CONVERT, Opcode.FRACTION, Opcode.ADD, Opcode.SUB,
                   Opcode.NEGATE, Opcode.ADDSCALAR):  # fmt: skip
        sums[opcode] = N
    each = products * machine["energy.multiply_pj"] + sums * machine["energy.add_pj"]
    limbs = (rows["sources"] >= 0).sum(axis=1) + (rows["destination"] >= 0)
    return each[rows["opcode"]], limbs * (N * machine["word.bits"])


def energy_of(
    machine: Machine,
    *,
    arithmetic_pj: float,
    memory_bits: float,
    external_bytes: float,
    time_s: float,
) -> Energy:
    """The energy of arithmetic and memory (`work_of`), of external traffic, and of leakage."""
    # Leakage depends on the time, and so on every figure that the time depends on.
    names = [name for name in machine.figures if not name.startswith("area.")]
    return Energy(
        arithmetic_j=arithmetic_pj * 1e-12,
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


def area_of(machine: Machine) -> Area:
    """The area of butterflies, lanes, memory, and `area.rest` where the machine states it.

    Without `area.rest`, control logic, wires and the generator of keys are left out.
    """
    butterflies = machine["ntt.count"] * machine["ntt.butterflies"]
    lanes = machine["pointwise.count"] * machine["pointwise.lanes"]
    permuters = machine["automorphism.count"] * machine["automorphism.lanes"]
    names = [name for name in machine.figures if name.startswith("area.")]
    for price, sizes in _PRICED.items():
        names += sizes if machine.get(price) else ()
    return Area(
        units=butterflies * machine["area.butterfly"]
        + lanes * machine["area.lane"]
        + permuters * machine.get("area.automorphism_lane")
        + machine.get("area.rest"),
        memory=machine["memory.bytes"] * machine["area.memory_byte"],
        unit=machine.words["area.unit"],
        tag=least_certain(*(machine.figures[name] for name in names)),
    )

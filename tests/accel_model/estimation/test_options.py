"""Options of a machine: packed limbs, operands in factor form, clusters, what figures rest on."""

from __future__ import annotations

import numpy as np
import pytest

from accel_model.errors import MachineFileError
from accel_model.estimation.costs import external_limb_bytes, two_pass_products
from accel_model.estimation.energy import area_of, work_of
from accel_model.estimation.estimate import estimate
from accel_model.isa import Opcode
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import load_machine
from tests.accel_model.programs import product_trace


@pytest.fixture(scope="module")
def program():
    return lower(product_trace())


@pytest.fixture(scope="module")
def machine():
    return load_machine("asic7").with_values(ntt__butterflies=4)


def test_packed__every_limb_moves_at_the_width_of_its_prime(program, machine):
    packed = machine.with_values(external__packed=1)
    sizes = external_limb_bytes(program, packed)
    assert sizes.tolist() == [program.N * q.bit_length() / 8 for q in program.moduli]
    moved = [
        program.N * program.moduli[row["modulus"]].bit_length() / 8
        for row in program.instructions
        if row["opcode"] in (Opcode.LOAD, Opcode.STORE)
    ]
    assert sum(estimate(program, packed).external_bytes.values()) == pytest.approx(sum(moved))
    assert packed["memory.bytes"] == machine["memory.bytes"]


def test_factored__products_of_two_ciphertexts_pass_twice(program, machine):
    twice = two_pass_products(program)
    tensor = [i for i, row in enumerate(program.instructions)
              if program.operations[row["operation"]].kind == "tensor"
              and row["opcode"] in (Opcode.MUL, Opcode.MULADD)]  # fmt: skip
    assert tensor
    assert np.flatnonzero(twice).tolist() == tensor
    factored = machine.with_values(pointwise__factored=1)
    lanes = machine["pointwise.count"] * machine["pointwise.lanes"]
    saved = area_of(machine).units - area_of(factored).units
    assert saved == pytest.approx(lanes * machine["area.multiplier"])
    plain, one = work_of(program, machine)[0], work_of(program, factored)[0]
    scalar = program.instructions["opcode"] == Opcode.MULSCALAR
    assert (plain - one)[scalar] == pytest.approx(program.N * machine["energy.multiply_pj"])
    assert (one[twice] >= plain[twice]).all()


def test_factored__needs_the_area_of_a_multiplier():
    with pytest.raises(MachineFileError, match=r"state area\.multiplier"):
        load_machine("ecp5").with_values(pointwise__factored=1)


def test_clusters_and_switches__are_values_of_a_machine(machine):
    two = machine.with_values(clusters=2)
    assert [two[f"{kind}.count"] for kind in ("ntt", "pointwise", "automorphism")] == [2, 2, 2]
    with pytest.raises(MachineFileError, match=r"external.packed = 0.5: a switch is 0 or 1"):
        machine.with_values(external__packed=0.5)


def test_grounds__shares_add_up_and_name_the_least_certain_figure(program, machine):
    result = estimate(program, machine)
    for shares in result.grounds.values():
        assert sum(shares.values()) == pytest.approx(1)
    assert result.grounds["energy"]["published"] == pytest.approx(
        result.energy.external_j / result.energy.total_j
    )
    times = [sum(part.time_by_kind_s.values()) for part in result.layers]
    assert times == pytest.approx([part.time_s for part in result.layers])

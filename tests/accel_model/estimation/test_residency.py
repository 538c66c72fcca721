"""On-chip memory: where limbs lie, beside a replay and a brute-force search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_model.estimation import residency as memory
from accel_model.isa import EXTERNAL, INSTRUCTION, NONE, ExternalObject, Opcode, Operation, Program
from tests.accel_model.programs import program_of, programs


@settings(deadline=None, max_examples=25)
@given(program=programs, slots=st.integers(4, 9), reserve=st.integers(0, 9))
def test_memory__no_slot_holds_two_limbs_and_every_operand_is_there(program, slots, reserve):
    """Replays the steps, in any order that the needs allow: here the latest first."""
    residency = memory.allocate(program, slots, reserve)
    rows = program.instructions
    last = program.last_uses
    resident: set[int] = set()
    outside: set[int] = set()
    fetches = spills = 0
    for index, value in zip(residency.instruction, residency.value, strict=True):
        if index == memory.SPILL:
            assert value in resident
            resident.discard(value)
            outside.add(value)
            spills += 1
        elif index == memory.FETCH:
            assert value in outside
            resident.add(value)
            fetches += 1
        else:
            used = {int(v) for v in rows[index]["sources"] if v != NONE}
            assert used <= resident
            resident |= {int(rows[index]["destination"])} - {NONE}
            if rows[index]["opcode"] == Opcode.LOAD:
                outside.add(int(rows[index]["destination"]))
            resident -= {v for v in resident if last[v] <= index}
    assert (residency.fetches, residency.spills) == (fetches, spills)
    assert residency.peak_slots <= slots


def test_memory__a_reserve_lets_loads_start_before_slots_are_emptied():
    """Many loads in a row, each used once and again at the end: with a reserve a load waits for an
    eviction of long ago, so that its chain of waits is shorter."""
    program = program_of(seed=5, count=400, reach=40)
    waits = []
    for reserve in (0, 8):
        residency = memory.allocate(program, 24, reserve)
        depth: list[int] = []
        for needs in residency.needs:
            depth.append(1 + max((depth[n] for n in needs), default=0))
        waits.append(max(depth))
    assert waits[1] < waits[0]


@pytest.mark.parametrize("seed", range(4))
def test_memory__fetches_are_the_fewest_of_all_choices(seed):
    """Brute force over every victim. Loads only and sums, so that nothing is written back."""
    random = np.random.default_rng(seed)
    count = 7
    pairs = random.integers(0, count, (9, 2))
    rows = np.zeros(count + 9, INSTRUCTION)
    rows["sources"], rows["external"] = NONE, NONE
    rows["destination"] = np.arange(count + 9)
    rows["external"][:count] = np.arange(count)
    rows["opcode"][count:] = Opcode.ADD
    rows["sources"][count:, :2] = pairs
    table = np.zeros(count, EXTERNAL)
    table["limb"] = np.arange(count)
    program = Program(8, (65537,), rows, table, (ExternalObject("key", "1", (count,)),),
                      (Operation("add", 1, ""),))  # fmt: skip
    slots = 5
    uses = [set() for _ in range(count)] + [set(map(int, pair)) for pair in pairs]
    remaining = [set().union(*uses[i + 1 :]) for i in range(count + 9)]
    best = {frozenset[int](): 0}
    for index, used in enumerate(uses):
        following: dict[frozenset[int], int] = {}
        for held, cost in best.items():
            missing = len(used - held)
            wanted = held | used
            # The result, or the limb that is loaded, needs room beside the operands.
            room = slots - 1
            for size in range(len(wanted) + 1):
                for dropped in itertools.combinations(sorted(wanted - used), size):
                    kept = wanted - set(dropped)
                    if len(kept) <= room:
                        after = kept | ({index} if index < count else set())
                        state = frozenset(after & remaining[index])
                        total = cost + missing
                        following[state] = min(following.get(state, total), total)
        best = following
    assert memory.allocate(program, slots).fetches == min(best.values())

"""The model against bounds that hold by definition, brute force, and the simulated hardware."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_model.cli.main import main
from accel_model.estimate import schedule
from accel_model.estimate.estimate import estimate, limb_bytes
from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    SOURCES,
    ExternalObject,
    Opcode,
    Operation,
    Program,
)
from accel_model.machine import calibration, memory
from accel_model.machine.description import CONFIGS, load_machine, machine_names, parse_machine
from accel_model.machine.errors import MachineFileError, MachineMismatchError
from accel_model.validation.validate import exact_machines, other_machines, simulated_cycles

TEXT = (CONFIGS / "asic7.toml").read_text(encoding="utf-8")
ASSUMED = '{ tag = "assumed", origin = "a test", value = '
OPCODES = (Opcode.LOAD, Opcode.NTT, Opcode.INTT, Opcode.MUL, Opcode.MULADD, Opcode.ADD,
           Opcode.PERMUTE, Opcode.STORE)  # fmt: skip


def program_of(seed: int, count: int, N: int = 1024, reach: int = 12) -> Program:
    """Random instructions whose sources lie up to `reach` values back."""
    random = np.random.default_rng(seed)
    rows = np.zeros(count, INSTRUCTION)
    rows["sources"], rows["external"] = NONE, NONE
    values = externals = 0
    for row in rows:
        opcode = Opcode.LOAD if values < 3 else Opcode(int(random.choice(OPCODES)))
        row["opcode"], row["destination"] = opcode, NONE
        for k in range(SOURCES[opcode][0]):
            row["sources"][k] = values - 1 - int(random.integers(min(values, reach)))
        if opcode in (Opcode.LOAD, Opcode.STORE):
            row["external"] = externals
            externals += 1
        if opcode is Opcode.PERMUTE:
            row["element"] = 5
        if opcode is not Opcode.STORE:
            row["destination"] = values
            values += 1
    table = np.zeros(externals, EXTERNAL)
    table["limb"] = np.arange(externals)
    objects = (ExternalObject("key", "1", (externals,)),)
    return Program(N, (65537,), rows, table, objects, (Operation("rotate", 1, "conv"),))


programs = st.builds(program_of, st.integers(0, 10**6), st.integers(4, 60))


def test_validate__our_units_and_exact_machines_have_no_error(capsys):
    checks = simulated_cycles()
    assert len(checks) >= 15
    for check in [*checks, *exact_machines()]:
        assert check.modelled == check.reference, check.subject
    assert main(["validate"]) == 0
    assert "WRONG" not in capsys.readouterr().out
    assert all(check.reason for check in other_machines())


def test_validate__a_wrong_cycle_is_an_exit_status_of_1(monkeypatch, capsys):
    entries = [dict(entry) for entry in calibration.entries()]
    (first, *_) = [e for e in entries if e["target"] == "verilator"]
    measured = first["measured"]
    first["measured"] = {name: cycles + 1 for name, cycles in measured.items()}
    monkeypatch.setattr(calibration, "entries", lambda: tuple(entries))
    assert main(["validate"]) == 1
    assert "WRONG" in capsys.readouterr().out


@settings(deadline=None, max_examples=25)
@given(program=programs, slots=st.integers(4, 9))
def test_memory__no_slot_holds_two_limbs_and_every_operand_is_there(program, slots):
    """Replays the steps, in any order that the needs allow: here the latest first."""
    residency = memory.allocate(program, slots)
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


@settings(deadline=None, max_examples=25)
@given(program=programs, name=st.sampled_from(["asic7", "ecp5"]), slots=st.integers(4, 20))
def test_estimate__scheduled_is_never_below_ideal_and_bytes_add_up(program, name, slots):
    machine = load_machine(name)
    size = limb_bytes(program.N, machine)
    machine = machine.with_values(memory__bytes=slots * size)
    result = estimate(program, machine)
    # Two sums of the same floats in other orders: a few units in the last place.
    assert result.time_s >= result.ideal_s * (1 - 1e-12)
    codes = program.instructions["opcode"]
    moved = sum(result.external_bytes.values())
    transfers = int(((codes == Opcode.LOAD) | (codes == Opcode.STORE)).sum())
    again = result.external_bytes["fetched again"] + result.external_bytes["spilled"]
    assert moved == pytest.approx(transfers * size + again)
    assert result.steps == len(program) + round(again / size)
    for parts in (result.layers, result.operations):
        assert sum(part.time_s for part in parts) == pytest.approx(result.time_s)
        assert sum(part.external_bytes for part in parts) == pytest.approx(moved)


@settings(deadline=None, max_examples=25)
@given(
    program=programs,
    name=st.sampled_from(["ntt.count", "pointwise.count", "automorphism.count", "memory.bytes",
                          "memory.banks", "external.bytes_per_s"]),
    factor=st.integers(1, 5),
)  # fmt: skip
def test_estimate__more_of_anything_never_makes_the_ideal_bound_slower(program, name, factor):
    machine = load_machine("ecp5")
    more = machine.with_values(**{name.replace(".", "__"): machine[name] * factor})
    assert estimate(program, more).ideal_s <= estimate(program, machine).ideal_s * (1 + 1e-12)


@settings(deadline=None, max_examples=25)
@given(program=programs)
def test_schedule__steps_wait_for_what_they_need_and_units_are_not_shared(program):
    residency = memory.allocate(program, 6)
    random = np.random.default_rng(len(program))
    kinds = random.integers(0, len(schedule.KINDS), len(residency.needs)).tolist()
    interval = [float(1 + kind) for kind in kinds]
    costs = schedule.Costs(kinds, interval, [2 * t for t in interval], [0.0] * len(kinds))
    units = [1, 2, 1, 1, 1]
    result = schedule.run(residency.needs, costs, units)
    for step, before in enumerate(residency.needs):
        assert all(result.end[b] <= result.start[step] for b in before)
    for kind, count in enumerate(units):
        starts = [s for s, k in enumerate(kinds) if k == kind]
        for s in starts:
            at = result.start[s]
            busy = [t for t in starts if result.start[t] <= at < result.start[t] + interval[t]]
            assert len(busy) <= count


def test_machine__all_that_are_shipped_load_and_ours_are_measured():
    for name in machine_names():
        assert load_machine(name).name == name
    figures = load_machine("ecp5").figures
    for name in ("clock.hz", "ntt.butterflies", "ntt.butterfly_latency_cycles"):
        assert figures[name].tag == "measured"
        assert "commit" in figures[name].origin


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 256, tag", "value = 0, tag", r"m.toml:\d+: pointwise.lanes = 0: it must be from"),
        ("bits = {", "bitz = {", r"m.toml:8: word.bitz is not known"),
        ("bits = {", "# {", r"word.bits is missing"),
        ('tag = "assumed"', 'tag = "guessed"', r"m.toml:5: clock.hz needs an origin"),
        ('tag = "assumed"', 'tag = "measured"', r"m.toml:5: clock.hz is called measured"),
        ("value = 128", "value = 96", r"a power of two, for example 64"),
        ('timing = "generated"', 'timing = "fast"', r"choose one of generated"),
        ("[clock]", "[clock", r"m.toml:4: not TOML"),
        ("[clock]", "[word]", r"m.toml:\d+: not TOML"),
        ("prefetch = true", 'prefetch = "false"', r"m.toml:\d+: external.prefetch = 'false': true"),
        ("keys_from_seeds = false", "keys_from_seeds = 0", r"= 0: true or false is needed"),
        ('twiddles = "generated"', 'twiddles = "stord"', r"m.toml:\d+: ntt.twiddles .* stored, g"),
        ('name = "asic7"', "name = 7", r"m.toml:1: name = 7: words in quotes"),
        ('unit = "mm2"', 'unit = ""', r"m.toml:\d+: area.unit = '': words in quotes"),
        (
            "[ntt]",
            f"[ring]\nleast = {ASSUMED}64 }}\nmost = {ASSUMED}32 }}\n[ntt]",
            r"m.toml:\d+: ring.least = 64 is above ring.most = 32",
        ),
    ],
)
def test_machine__a_misfit_is_refused_with_file_and_line(old, new, message):
    with pytest.raises(MachineFileError, match=message):
        parse_machine(TEXT.replace(old, new), "m.toml")


def test_machine__bytes_that_are_no_text(tmp_path):
    path = tmp_path / "m.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MachineFileError, match=r"m\.toml: no text"):
        load_machine(str(path))


def test_machine__what_a_program_needs_is_named():
    program, machine = program_of(1, 20), load_machine("asic7")
    with pytest.raises(MachineMismatchError, match=r"up to 17: use word\.bits = 17"):
        estimate(program, machine.with_values(word__bits=16))
    with pytest.raises(MachineMismatchError, match=r"asic7.toml:\d+: .* at least 25600 bytes"):
        estimate(program, machine.with_values(memory__bytes=100))


def test_import__loads_no_numba_and_no_hardware_tools():
    program = (
        "import sys, accel_model.cli.main; "
        "print(*{'numba', 'amaranth', 'rtl', 'ntt', 'matplotlib'} & set(sys.modules))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""

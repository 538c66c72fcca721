"""Published machines: what they reproduce, and why they differ."""

from __future__ import annotations

import pytest

import he
from accel_model.isa import Opcode
from accel_model.lowering.operations import lower
from accel_model.machine.figures import TAGS
from accel_model.machine.machine_file import load_machine, machine_names
from accel_model.validation.published_machines import (
    exact_machines,
    other_machines,
    published,
    unmodelled_lines,
)
from he.ckks.bootstrap.dry_run import bootstrap_trace


def test_published__every_group_names_a_machine_that_loads_and_a_tag():
    content = published()
    groups = [*content["exact"], *content["table"], *content["bootstrap"]]
    assert {group["machine"] for group in groups} <= set(machine_names())
    everything = [*groups, *content["exact_unit"], *content["unmodelled"], content["work"],
                  content["simfhe"]]  # fmt: skip
    assert all(group["tag"] in TAGS and group["origin"] for group in everything)


def test_work__is_that_of_our_bootstrap():
    """Recorded figures: a better plan of parameters may change them by a little."""
    work = published()["work"]
    wanted = he.Bootstrapping(precision_bits=work["precision_bits"])
    params = he.CKKSParameters.build(
        work["depth"], scale_bits=work["scale_bits"], N=work["N"], bootstrap=wanted
    )
    program = lower(bootstrap_trace(params))
    counts = program.counts()
    products = (Opcode.MUL, Opcode.MULADD, Opcode.MULSCALAR, Opcode.CONVERT, Opcode.FRACTION)
    limbs = sum(counts[opcode] for opcode in products)
    stages = program.N.bit_length() - 1
    transforms = (counts[Opcode.NTT] + counts[Opcode.INTT]) * stages / 2
    assert work["products"] == pytest.approx((transforms + limbs) * program.N, rel=0.2)
    assert work["bytes"] == pytest.approx(8 * program.N * len(program.externals), rel=0.2)


def test_exact__rates_follow_from_the_machine_files(monkeypatch):
    assert {check.subject.split()[0] for check in exact_machines()} == {
        "heax", "cofhee", "parametric-ntt",
    }  # fmt: skip
    assert all(check.holds for check in exact_machines())
    slower = load_machine("heax").with_values(clock__hz=299e6)
    monkeypatch.setattr(
        "accel_model.validation.published_machines.load_machine",
        lambda name: slower if name == "heax" else load_machine(name),
    )
    wrong = [check for check in exact_machines() if not check.holds]
    assert {check.subject.split()[0] for check in wrong} == {"heax"}


def test_others__every_error_has_a_reason_and_an_origin():
    for check in other_machines():
        assert check.reason
        assert "[" in check.origin
    assert all("not modelled" in line for line in unmodelled_lines())


def test_others__whole_operations_of_f1_follow_from_its_clock_and_lanes():
    errors: dict[str, set[float]] = {}
    for check in other_machines():
        if check.subject.startswith("f1"):
            what = check.subject.rpartition(" ")[0]
            errors.setdefault(what, set()).add(round(check.error, 12))
    assert errors == {
        "f1 NTT of a ciphertext, ns": {0.25},
        "f1 permutation of a ciphertext, ns": {0},
        "f1 product of ciphertexts, ns": {0},
    }

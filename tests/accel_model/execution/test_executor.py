"""Programs executed in NumPy beside the software run: the same bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import nn
from accel_model.errors import ExecutionError
from accel_model.execution.executor import execute
from accel_model.lowering.operations import lower
from he import trace
from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from he.trace import KINDS, Tracer
from tests.he.ckks.bootstrap.refreshing import refreshing


def assert_same_bits(outputs, expected):
    assert set(outputs) == {str(position) for position in range(len(expected))}
    for position, data in enumerate(expected):
        assert np.array_equal(outputs[str(position)], data), position


def test_execute__every_kind_of_operation_has_the_bits_of_the_run(circuit_run):
    assert {op.kind for op in circuit_run.trace.operations} == set(KINDS)
    outputs = execute(lower(circuit_run.trace), circuit_run.arrays)
    assert_same_bits(outputs, circuit_run.outputs)


def executed_logits(run):
    """Logits of the software run, and of the executed program, both decrypted."""
    answer = run.answer
    outputs = execute(lower(run.trace), run.arrays)
    assert_same_bits(outputs, [c.data for c in answer.ciphertexts])
    executed = [
        Ciphertext(c.params, outputs[str(position)], c.scale, level=c.level)
        for position, c in enumerate(answer.ciphertexts)
    ]
    # Another client object: one answer to a request is decrypted.
    other = nn.Client(run.plan, run.client.secret_key_bytes())
    again = other.decrypt(dataclasses.replace(answer, ciphertexts=tuple(executed)))
    return run.client.decrypt(answer), again


def test_execute__encrypted_small_network(small_run):
    software, hardware = executed_logits(small_run)
    assert np.array_equal(software, hardware)


def test_execute__encrypted_mnist(mnist_run):
    software, hardware = executed_logits(mnist_run)
    assert np.array_equal(software, hardware)


@pytest.mark.parametrize(
    "options",
    [
        {"N": 64},
        {"N": 64, "slots_first": False},
        {"N": 256, "slots": 16, "real": True},
        {"N": 256, "small_keys": True},
        {"N": 64, "iterations": 2},
        {"N": 1024, "levels": (1, 1), "slots": 16},
    ],
    ids=[
        "slots first",
        "modulus first",
        "sparse and real",
        "small keys",
        "two passes",
        "N = 1024",
    ],
)
def test_execute__a_bootstrap_has_the_bits_of_the_run(options, tmp_path):
    it = refreshing(**{"precision_bits": 8, **options})
    x = it.encrypted(it.messages(1))
    tracer = Tracer(it.params, "bootstrap")
    tracer.input(x.data)
    evaluator = Evaluator(it.params, it.evaluator.keys, tracer)
    refreshed = it.bootstrapper.apply(evaluator, x)
    tracer.output(refreshed.data)
    assert np.array_equal(refreshed.data, it.bootstrapper.apply(it.evaluator, x).data)
    trace.save(tracer.trace(), tmp_path / "bootstrap.trace")
    read = trace.load(tmp_path / "bootstrap.trace")
    assert read == tracer.trace()
    assert_same_bits(execute(lower(read), tracer.arrays), [refreshed.data])


def test_execute__missing_and_misshapen_data(circuit_run):
    program = lower(circuit_run.trace)
    arrays = circuit_run.arrays
    name = next(name for name in arrays if name[0] == "key")
    without = {other: array for other, array in arrays.items() if other != name}
    with pytest.raises(ExecutionError, match=f"reads key '{name[1]}'.* the data hold nothing"):
        execute(program, without)
    for wrong in (arrays[name][:, :1], arrays[name].astype(np.int64)):
        with pytest.raises(ExecutionError, match=r"uint64 \("):
            execute(program, {**arrays, name: wrong})


def test_execute__a_modulus_that_is_too_wide(circuit_run):
    program = lower(circuit_run.trace)
    wide = dataclasses.replace(program, moduli=(*program.moduli, (1 << 61) + 1))
    with pytest.raises(ExecutionError, match=r"below 2\^61 is needed"):
        execute(wide, circuit_run.arrays)


def test_execute__a_residue_out_of_range(circuit_run):
    program = lower(circuit_run.trace)
    arrays = dict(circuit_run.arrays)
    spoilt = arrays["input", "0"].copy()
    spoilt[0, 0, 0] = program.moduli[0]
    with pytest.raises(ExecutionError, match=f"not below {program.moduli[0]}"):
        execute(program, {**arrays, ("input", "0"): spoilt})


def test_execute__a_changed_constant_changes_the_bits(circuit_run):
    """The comparison would notice: one wrong scalar in the last base conversion."""
    program = lower(circuit_run.trace)
    rows = program.instructions.copy()
    last = np.flatnonzero(rows["scalar"] > 1)[-1]
    rows["scalar"][last] -= np.uint64(1)
    outputs = execute(dataclasses.replace(program, instructions=rows), circuit_run.arrays)
    same = [
        np.array_equal(outputs[str(position)], data)
        for position, data in enumerate(circuit_run.outputs)
    ]
    assert not all(same)

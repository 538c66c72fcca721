"""Tracing: what is recorded, what is refused, and files that are whole or told apart."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from he import trace
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from he.trace import HEOp, TraceError, TraceFileError, Tracer


@dataclasses.dataclass
class Run:
    """A product, a rotation and a sum, with and without a tracer."""

    params: CKKSParameters
    plain: np.ndarray
    traced: np.ndarray
    tracer: Tracer


@pytest.fixture(scope="module")
def run() -> Run:
    params = CKKSParameters.build(2, N=64, scale_bits=36, insecure_reason="unit test")
    generator = KeyGenerator(params, seed=bytes(32))
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, KeyNeeds(2, {3: 1}))
    encoder = Encoder(params)
    x = Encryptor(params, secret).encrypt(encoder.encode([0.5, -0.25]))
    shift = encoder.encode(np.ones(params.slots), 1)

    def evaluate(evaluator: Evaluator) -> np.ndarray:
        square = evaluator.square(x)
        return evaluator.add(evaluator.rotate(square, 1), shift).data

    tracer = Tracer(params, "example")
    tracer.input(x.data)
    tracer.layer = "first"
    traced = evaluate(Evaluator(params, keys, tracer))
    tracer.output(traced)
    return Run(params, evaluate(Evaluator(params, keys)), traced, tracer)


def test_tracer__changes_no_bit(run: Run) -> None:
    assert np.array_equal(run.plain, run.traced)


def test_tracer__records_operations_in_order(run: Run) -> None:
    recorded = run.tracer.trace()
    digits = [run.params.digits(level) for level in (2, 1)]
    assert recorded.operations == (
        HEOp("tensor", 2, (0, 0), (1,), layer="first"),
        HEOp("relinearize_rescale", 2, (1,), (2,), keys=(0,), digits=digits[0], layer="first"),
        HEOp(
            "automorphisms", 1, (2,), (3,), elements=(3,), keys=(3,), digits=digits[1],
            layer="first",
        ),
        HEOp("add_plain", 1, (3,), (4,), plaintexts=(0,), layer="first"),
    )  # fmt: skip
    assert recorded.ciphertexts == ((2, 3), (3, 3), (2, 2), (2, 2), (2, 2))
    assert (recorded.inputs, recorded.outputs) == ((0,), (4,))
    assert (recorded.q, recorded.p) == (run.params.q, run.params.p)
    assert sorted(run.tracer.arrays) == [
        ("input", "0"), ("key", "0"), ("key", "3"), ("output", "0"), ("plaintext", "0"),
    ]  # fmt: skip


def test_tracer__an_unnamed_ciphertext(run: Run) -> None:
    tracer = Tracer(run.params)
    data = np.zeros((2, 3, 64), dtype=np.uint64)
    with pytest.raises(TraceError, match=r"Tracer\.input"):
        tracer.record("negate", 2, [data], [data.copy()])
    with pytest.raises(TraceError, match=r"Tracer\.input"):
        tracer.output(data)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "divide"}, "the kinds are"),
        ({"operands": (0, 9)}, "ciphertext 9 is not known"),
        ({"operands": (4, 0)}, "ciphertext 4 is not known"),
        ({"results": (0,)}, "exists before"),
        ({"results": (99,)}, "result 99 is not known"),
        ({"plaintexts": (5,)}, "plaintext 5 is not known"),
        ({"keys": (7,)}, "key 7 is not known"),
        ({"level": 3}, "level 3"),
        ({"to_level": 2}, "level 2 from level 2"),
        ({"kind": "rescale", "to_level": 3}, "level 3 from level 2"),
        ({"kind": "raise_modulus"}, "level None from level 2"),
        ({"kind": "raise_modulus", "to_level": 1}, "level 1 from level 2"),
        ({"kind": "raise_modulus", "level": 0, "to_level": 3}, "level 3 from level 0"),
    ],
)
def test_trace__contradictions(run: Run, change: dict[str, object], told: str) -> None:
    recorded = run.tracer.trace()
    first = dataclasses.replace(recorded.operations[0], **change)  # type: ignore[arg-type]
    with pytest.raises(TraceError, match=told):
        dataclasses.replace(recorded, operations=(first, *recorded.operations[1:]))


def test_trace__an_output_that_is_never_made(run: Run) -> None:
    with pytest.raises(TraceError, match="ciphertext 9 is not known"):
        dataclasses.replace(run.tracer.trace(), outputs=(9,))


# ---------------------------------------------------------------- files


@pytest.fixture
def file(run, tmp_path):
    path = tmp_path / "run.trace"
    trace.save(run.tracer.trace(), path)
    return path


def test_load__gives_back_what_was_saved(run, file):
    assert trace.load(file) == run.tracer.trace()


def test_load__cut_short_anywhere(file):
    text = file.read_text(encoding="utf-8")
    for length in range(0, len(text) - 1, 7):
        file.write_text(text[:length], encoding="utf-8")
        with pytest.raises(TraceFileError, match=r"run\.trace:\d"):
            trace.load(file)


def test_load__a_missing_operation(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:2], *lines[3:]]), encoding="utf-8")
    with pytest.raises(TraceFileError, match=r"run\.trace:5: cut short"):
        trace.load(file)


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, {"version": 2}, r":1: version 2, this is version 1"),
        (0, {"format": "other"}, r":1: no he-accel trace"),
        (0, {"N": "64"}, r"whole numbers"),
        (0, {"q": []}, r"whole numbers"),
        (0, {"ciphertexts": [[2]]}, r"parts"),
        (0, {"inputs": [9]}, r"ciphertext 9"),
        (0, {"surprise": 1}, r":1: the header lacks or garbles"),
        (0, {"keys": [{"element": 0}]}, r":1: the header lacks or garbles"),
        (1, {"surprise": 1}, r":2: no operation"),
        (1, {"blocks": [{"output": 0}]}, r":2: no operation"),
        (1, {"kind": "divide"}, r"operation 0 \(divide\)"),
        (3, {"operands": [7]}, r"operation 2 .* ciphertext 7"),
    ],
)
def test_load__changed_lines(file, line, change, told):
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | change)
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(TraceFileError, match=told):
        trace.load(file)


def test_load__no_trace_at_all(tmp_path):
    path = tmp_path / "other"
    for content in (b"", b"[1]\n", b"{}\n", b"\xff\xfe\x00", b"text"):
        path.write_bytes(content)
        with pytest.raises(TraceFileError, match="other"):
            trace.load(path)
    with pytest.raises(FileNotFoundError):
        trace.load(tmp_path / "missing")


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, {"ciphertexts": [[2, -1]]}, r":1: ciphertext 0 has the shape \(2, -1\)"),
        (0, {"plaintexts": [[1, 2, 3]]}, r":1: plaintext 0 has the shape"),
        (0, {"plaintexts": [[1 << 12, 1 << 12]]}, r":1: .* a product of at most"),
        (0, {"keys": [{"element": 3, "level": 1, "shape": "long"}]}, r":1: key 3 has the shape"),
        (0, {"keys": [{"element": 3, "level": None, "shape": [1, 2, 3]}]}, r":1: key 3 of level"),
        (0, {"N": True}, r":1: N, .* whole numbers"),
        (1, {"level": 1.5}, r":2: operation 0 .* level 1.5"),
        (1, {"operands": ["0"]}, r":2: operation 0 .* ciphertext 0"),
    ],
)
def test_load__absurd_values_are_named_with_their_line(file, line, change, told):
    test_load__changed_lines(file, line, change, told)


@pytest.mark.parametrize(
    "change",
    [
        {"input": 1},
        {"output": -1},
        {"baby_of": (-1,)},
        {"baby_of": (2,)},
        {"starts": (0,)},
        {"starts": (1, 0)},
        {"starts": (0, 2)},
        {"babies": ("1", 3)},
        {"giants": (0,)},
    ],
)
def test_trace__a_block_names_what_there_is(run: Run, change: dict[str, object]) -> None:
    block = trace.Block(0, 0, (1, 3), (1,), (0, 1), (1,), 0)
    recorded = run.tracer.trace()
    first = dataclasses.replace(recorded.operations[0], operands=(0,), results=(4,))
    good = dataclasses.replace(first, blocks=(block,))
    wrong = dataclasses.replace(
        first,
        blocks=(dataclasses.replace(block, **change),),  # type: ignore[arg-type]
    )
    shapes = {"plaintexts": ((1, 3),), "outputs": (4,)}
    made = dataclasses.replace(recorded, operations=(good,), **shapes)  # type: ignore[arg-type]
    assert made.operations[0].blocks == (block,)
    with pytest.raises(TraceError, match="block 0 does not name") as caught:
        dataclasses.replace(made, operations=(wrong,))
    assert caught.value.operation == 0

"""What an operation allocates once its scratch memory is there: its result, and small change."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.galois import element_of_rotation
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

N = 1 << 13
STEPS = tuple(range(1, 17))
SMALL_BYTES = 8 * N // 4
"""A quarter of one limb: Python's objects, arrays of a number for each limb or key."""


@pytest.fixture(scope="module")
def operations() -> dict[str, Callable[[], Any]]:
    params = CKKSParameters.build(4, N=N, scale_bits=36, insecure_reason="unit test")
    generator = KeyGenerator(params, seed=bytes(32))
    secret = generator.secret_key()
    rotations = {element_of_rotation(k, N): params.max_level for k in STEPS}
    keys = generator.evaluation_keys(secret, KeyNeeds(params.max_level, rotations))
    evaluator, encoder = Evaluator(params, keys), Encoder(params)
    x = Encryptor(params, secret).encrypt(encoder.encode([0.5, -0.25]))
    y = Encryptor(params, secret).encrypt(encoder.encode([0.125, 1.0]))
    plain = encoder.encode(np.ones(params.slots))
    tensor = evaluator.tensor(x, y)
    decryptor = Decryptor(params, secret)
    return {
        "rotate": lambda: [evaluator.rotate(x, 1)],
        "rotations": lambda: evaluator.rotations(x, STEPS),
        "multiply": lambda: [evaluator.multiply(x, y)],
        "square": lambda: [evaluator.square(x)],
        "relinearize": lambda: [evaluator.relinearize(tensor)],
        "multiply by a plaintext": lambda: [evaluator.multiply(x, plain)],
        "multiply by a scalar": lambda: [evaluator.multiply(x, 0.75)],
        "rescale": lambda: [evaluator.rescale(x)],
        "drop a level": lambda: [evaluator.drop_to(x, x.level - 1)],
        "add": lambda: [evaluator.add(x, y)],
        "decrypt": lambda: [decryptor.decrypt(x)],
    }


NAMES = ("rotate", "rotations", "multiply", "square", "relinearize", "multiply by a plaintext",
         "multiply by a scalar", "rescale", "drop a level", "add", "decrypt")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_steady_state__allocates_the_result_and_no_more(
    operations: dict[str, Callable[[], Any]], name: str
) -> None:
    operation = operations[name]
    for _ in range(2):  # scratch memory, and memory that waits for the next result
        operation()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        results = operation()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    made = sum(result.data.nbytes for result in results)
    assert made >= 8 * N
    assert peak - made <= SMALL_BYTES


def test_steady_state__every_operation_is_held_to_it(
    operations: dict[str, Callable[[], Any]],
) -> None:
    assert tuple(operations) == NAMES

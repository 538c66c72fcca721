"""One evaluator, called from several Python threads at once: the bits of calls one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

import ntt
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.galois import element_of_rotation
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

N = 1 << 12
CALLERS, TIMES = 4, 6
STEPS = (1, 2, 5)


@pytest.mark.parametrize("threads", sorted({1, ntt.machine_threads()}))
def test_evaluator__several_callers_at_once_get_the_bits_of_one(threads: int) -> None:
    params = CKKSParameters.build(3, N=N, scale_bits=36, insecure_reason="unit test")
    generator = KeyGenerator(params, seed=bytes(32))
    secret = generator.secret_key()
    rotations = {element_of_rotation(k, N): params.max_level for k in STEPS}
    keys = generator.evaluation_keys(secret, KeyNeeds(params.max_level, rotations))
    evaluator, encoder = Evaluator(params, keys), Encoder(params)
    encryptor, decryptor = Encryptor(params, secret), Decryptor(params, secret)
    inputs = [encryptor.encrypt(encoder.encode([k / 8, -0.5])) for k in range(CALLERS)]

    def work(k: int) -> list[np.ndarray]:
        product = evaluator.multiply(inputs[k], inputs[(k + 1) % CALLERS])
        rotated = evaluator.rotations(product, STEPS)
        scaled = evaluator.multiply(evaluator.add(rotated[0], rotated[1]), 0.5)
        plain = decryptor.decrypt(scaled)
        return [scaled.data, rotated[2].data, plain.data, encoder.encode([k / 4, 0.25]).data]

    expected = [work(k) for k in range(CALLERS)]
    start = Barrier(CALLERS)

    def repeat(k: int) -> bool:
        start.wait()
        return all(
            np.array_equal(found, wanted)
            for _ in range(TIMES)
            for found, wanted in zip(work(k), expected[k], strict=True)
        )

    ntt.set_threads(threads)
    try:
        with ThreadPoolExecutor(CALLERS) as pool:
            assert list(pool.map(repeat, range(CALLERS))) == [True] * CALLERS
    finally:
        ntt.set_threads(None)

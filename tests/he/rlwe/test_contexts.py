"""Parameter sets of strangers come and go: what belongs to one is let go with its last user."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import he
from he import bfv
from he.rlwe.rns import context
from ntt import find_primes

REASON = "unit test"


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """Circles of references would need the collector, which comes when it likes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ckks(number: int) -> he.CKKSParameters:
    return he.CKKSParameters.build(2, N=64, scale_bits=25 + number % 10, insecure_reason=REASON)


def use_ckks(params: he.CKKSParameters) -> None:
    """Everything that makes something of a context."""
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    needs = he.KeyNeeds(2, {he.element_of_rotation(1, params.N): 2})
    keys = he.EvaluationKeys.from_bytes(
        generator.evaluation_keys(secret, needs).to_bytes(), params
    )
    evaluator = he.Evaluator(params, keys)
    encoder = he.Encoder(params)
    encryptor = he.Encryptor(params, generator.public_key(secret))
    ct = evaluator.attach(encryptor.encrypt(encoder.encode(np.ones(params.slots))))
    product = (ct * ct).rotate(1)
    encoder.decode_real(he.Decryptor(params, secret).decrypt(product))


def use_bfv(params: bfv.BFVParameters) -> None:
    """The same with the companions that BFV keeps."""
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, he.KeyNeeds(params.max_level, {}))
    evaluator = bfv.Evaluator(params, keys)
    encoder = bfv.BatchEncoder(params)
    ct = evaluator.attach(bfv.Encryptor(params, secret).encrypt(encoder.encode([1, 2, 3])))
    encoder.decode(bfv.Decryptor(params, secret).decrypt(ct * ct))


@pytest.mark.parametrize("scheme", ["ckks", "bfv"])
def test_contexts__end_when_nobody_uses_them(scheme: str) -> None:
    def run(number: int) -> weakref.ref[object]:
        if scheme == "ckks":
            params = ckks(number)
            use_ckks(params)
            return weakref.ref(context(params).tables)
        t = find_primes(20, 64, 40)[number]
        bfv_params = bfv.BFVParameters.build(1, plain_modulus=t, N=64, insecure_reason=REASON)
        use_bfv(bfv_params)
        return weakref.ref(context(bfv_params).tables)

    tables = [run(number) for number in range(9)]
    alive = [reference for reference in tables if reference() is not None]
    assert alive == tables[-4:]


def test_context__is_shared_while_it_is_used() -> None:
    params = ckks(0)
    held = context(params)
    for number in range(1, 9):
        context(ckks(number))
    assert context(ckks(0)) is held

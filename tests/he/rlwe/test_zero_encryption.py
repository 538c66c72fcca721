"""Encryptions of zero against their definition, step by step, and what an interrupt leaves."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from he.rlwe import sampling, zero_encryption
from he.rlwe.rns import context
from he.rlwe.sampling import RandomStream
from he.rlwe.zero_encryption import SecretProduct, ZeroEncryptor
from ntt import limbs, threads
from ntt.memory import large_array
from ntt.workspace import _arrays, release, workspace

SEED = bytes(range(32))


def residues(values: np.ndarray, ops) -> np.ndarray:
    return ops.forward(np.array([values % q for q in ops.moduli], dtype=np.uint64))


@pytest.mark.parametrize("level", [0, 1, 3])
def test_encrypt__with_a_public_key_is_the_rounded_product(small, level):
    params, whole = small.params, context(small.params)
    public = small.generator.public_key(small.secret)
    pair, seed = ZeroEncryptor(params, public, seed=SEED).encrypt(level)
    assert seed is None
    stream = RandomStream.from_seed(SEED, "encryptor for tests")
    rows = [*range(level + 1), params.max_level + 1]
    ops, divide = whole.limbs(tuple(rows)), whole.division(tuple(rows), 1)
    v = residues(sampling.ternary(stream, params.N), ops)
    for part in range(2):
        masked = ops.multiply(np.empty_like(v), v, np.ascontiguousarray(public.data[part, rows]))
        error = sampling.gaussian(stream, params.N, params.sigma)
        ops.add(masked, masked, residues(error, ops))
        assert (divide(masked) == pair[part]).all()


@pytest.mark.parametrize("backend", ntt.available_backends())
@pytest.mark.parametrize("kind", ["public", "secret"])
@pytest.mark.parametrize("name", ["small", "words"])
@pytest.mark.parametrize("large", [False, True])
def test_encrypt_and_decrypt__leave_public_words_alone_in_scratch_memory(
    schemes, monkeypatch, backend, kind, name, large
):
    """Where the result is known, nearly every value on the way to it gives the message away.

    Levels of "words" are no chain. large: as of a ring whose divisions have memory of their own.
    """
    scheme = schemes(name)
    params = scheme.params
    key = scheme.secret if kind == "secret" else scheme.generator.public_key(scheme.secret)
    if large:
        monkeypatch.setattr(limbs, "_DIVIDED_WORDS", 1)
    release()
    with threads.limit(1):
        ntt.set_backend(backend)
        try:
            for level in range(params.max_level + 1):
                pair, _ = ZeroEncryptor(params, key).encrypt(level)
                SecretProduct(params, scheme.secret)(pair, level)
        finally:
            ntt.set_backend(None)
    left = {name for name, memory in _arrays.__dict__.items() if memory.any()}
    assert left == ({"uniform words"} if kind == "secret" else set())


@pytest.mark.parametrize(("draw", "number"), [("ternary", 1), ("gaussian", 1), ("gaussian", 2)])
def test_encrypt__an_error_on_the_way_leaves_no_secret(small, monkeypatch, draw, number):
    params, made, drawn = small.params, [], []
    encryptor = ZeroEncryptor(params, small.generator.public_key(small.secret))
    sample = getattr(sampling, draw)

    def kept(shape):
        made.append(large_array(shape))
        made[-1].fill(1)
        return made[-1]

    def interrupted(*arguments):
        drawn.append(sample(*arguments).copy())
        if len(drawn) == number:
            raise KeyboardInterrupt
        return drawn[-1]

    monkeypatch.setattr(zero_encryption, "large_array", kept)
    monkeypatch.setattr(sampling, draw, interrupted)
    with pytest.raises(KeyboardInterrupt):
        encryptor.encrypt(params.max_level)
    assert drawn[-1].any()
    assert not made[0].any()
    assert not workspace("encryption", (params.max_level + 4, params.N)).any()

"""Ciphertexts and plaintexts are values: what was handed out never changes."""

from __future__ import annotations

import numpy as np
import pytest

import he
from he import bfv

REASON = "unit test"
SCHEMES = {
    "ckks": (
        lambda: he.CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON),
        (he.Encoder, he.Encryptor, he.Decryptor, he.Evaluator),
    ),
    "bfv": (
        lambda: bfv.BFVParameters.build(2, N=64, plain_bits=17, insecure_reason=REASON),
        (bfv.BatchEncoder, bfv.Encryptor, bfv.Decryptor, bfv.Evaluator),
    ),
}


@pytest.fixture(scope="module", params=sorted(SCHEMES))
def made(request):
    """Objects of every origin: (name, object)."""
    build, (encoder, encryptor, decryptor, evaluator) = SCHEMES[request.param]
    params = build()
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    top = params.max_level
    evaluate = evaluator(params, generator.evaluation_keys(secret, he.KeyNeeds(top, {3: top})))
    plaintext = encoder(params).encode([1, 2, 3])
    seeded = encryptor(params, secret).encrypt(plaintext)
    public = encryptor(params, generator.public_key(secret)).encrypt(plaintext)
    a, b = evaluate.attach(seeded), evaluate.attach(public)
    rotate = evaluate.rotate if request.param == "ckks" else evaluate.rotate_rows
    return {
        "seeded": seeded,
        "public": public,
        "read with a seed": type(seeded).from_bytes(seeded.to_bytes(), params),
        "read without": type(public).from_bytes(public.to_bytes(), params),
        "attached": a,
        "copied": seeded.copy(),
        "sum": a + b,
        "sum with a plaintext": a + plaintext,
        "product": a * b,
        "negated": -a,
        "rotated": rotate(a, 1),
        "plaintext": plaintext,
        "decrypted": decryptor(params, secret).decrypt(seeded),
        "plaintext read": type(plaintext).from_bytes(plaintext.to_bytes(), params),
    }


def test_data__of_everything_handed_out_is_read_only(made):
    for name, value in made.items():
        before = value.to_bytes()
        with pytest.raises(ValueError, match="read-only"):
            value.data[...] = 0
        with pytest.raises(AttributeError):
            value.data = np.zeros_like(value.data)
        assert value.to_bytes() == before, name


def test_seeded_ciphertext__is_what_its_bytes_say(made):
    """Bytes hold the seed in place of c_1, so neither may change without the other."""
    ct = made["seeded"]
    with pytest.raises(ValueError, match="read-only"):
        ct.data[1, 0, 0] += 1
    with pytest.raises(AttributeError):
        ct.seed = bytes(32)
    again = type(ct).from_bytes(ct.to_bytes(), ct.params)
    assert (again.data == ct.data).all()

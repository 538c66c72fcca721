"""The bytes of every kind of object, once written, stay what they are.

Everything is made from fixed seeds and by integer arithmetic alone, so that every platform has
these digests.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from he import KeyGenerator, KeyNeeds, bfv
from he.bfv.noise import Noise
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.encryption import Encryptor
from he.ckks.params import CKKSParameters
from he.rlwe.serializable import Serializable
from he.serialization import ciphertexts_to_bytes, to_bytes

N, Q, P = 64, (1073741441, 1073739649, 1073738753), (1099511623297,)
SEED = bytes(range(32))
REASON = "unit test"
DIGESTS = {
    "ckks parameters": "f2943bdc28a74490bf67fa837af06ab7",
    "key needs": "f3b3f8831e2a5236abd2f701f85ea5dd",
    "secret key": "eee5cb7dae05646d514dc0f1aa8e62d2",
    "public key": "26f7c01d442b2e4832467b49423849e9",
    "public key in full": "3c96788046a27ddd0ef6609c6ed02a98",
    "switching key": "c32a9c89162e82da62cb36c9ad0e3d52",
    "switching key in full": "7631072bd2d02943f72f3176c1fe572c",
    "evaluation keys": "778221f0d37086e6db90c800c76f3711",
    "plaintext": "a9d77e3f610b0ea06694442fd3ddca17",
    "ciphertext": "5b35f137966f4c711995ff481987c834",
    "ciphertext in full": "e3c748629c5cf588b02548c2b9feb1e0",
    "bfv parameters": "dadb90dcc0762b034ae351c940ce69bc",
    "bfv plaintext": "7a2147e7f2182ff0933dcca4a7bc0b04",
    "bfv ciphertext": "f0a097afaf1d7193e713148a9d69e76d",
    "bfv ciphertext in full": "adf5a3e7bc197819b05e0c81fc4eed0c",
    "ciphertexts": "60486430aac49afc9b8f7628192da4ac",
}


def objects() -> dict[str, bytes]:
    """The bytes of one object of each kind, with and without a seed."""
    ckks = CKKSParameters(
        N=N, q=Q, p=P, digit_limbs=2, scales=(2.0**29,) * 3, insecure_reason=REASON
    )
    exact = bfv.BFVParameters(N=N, q=Q, p=P, digit_limbs=1, t=257, insecure_reason=REASON)
    generator = KeyGenerator(ckks, seed=SEED)
    secret = generator.secret_key()
    public = generator.public_key(secret)
    keys = generator.evaluation_keys(secret, KeyNeeds(2, {3: 1, 127: 0}))
    residues = np.arange(3 * N, dtype=np.uint64).reshape(3, N)
    plaintext = Plaintext(ckks, residues, 2.0**30)
    fresh = Encryptor(ckks, secret, seed=SEED).encrypt(plaintext)
    whole = Ciphertext(ckks, np.stack((residues, residues + np.uint64(5))), 2.0**30)
    noise = Noise(-20.5, 1)
    made: dict[str, Serializable] = {
        "ckks parameters": ckks,
        "key needs": KeyNeeds(2, {3: 1, 127: 0}),
        "secret key": secret,
        "public key": public,
        "public key in full": dataclasses.replace(public, seed=None),
        "switching key": keys.galois[3],
        "switching key in full": dataclasses.replace(keys.galois[3], seed=None),
        "evaluation keys": keys,
        "plaintext": plaintext,
        "ciphertext": fresh,
        "ciphertext in full": whole,
        "bfv parameters": exact,
        "bfv plaintext": bfv.Plaintext(exact, residues[0]),
        "bfv ciphertext": bfv.Ciphertext(exact, fresh.data, noise, fresh.seed),
        "bfv ciphertext in full": bfv.Ciphertext(exact, whole.data, noise),
    }
    packed = {name: to_bytes(obj) for name, obj in made.items()}
    return packed | {"ciphertexts": ciphertexts_to_bytes([fresh, whole])}


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    return objects()


@pytest.mark.parametrize("name", DIGESTS)
def test_bytes__are_those_of_format_version_1(packed: dict[str, bytes], name: str) -> None:
    assert hashlib.blake2b(packed[name], digest_size=16).hexdigest() == DIGESTS[name]


def test_bytes__of_every_kind_are_held(packed: dict[str, bytes]) -> None:
    assert set(packed) == set(DIGESTS)

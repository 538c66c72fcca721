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
    "ckks parameters": "fd0bd7b56197c0cc32ceefcaf165ae9c",
    "key needs": "f3b3f8831e2a5236abd2f701f85ea5dd",
    "secret key": "1c5bd18c7dd2757ef44f3a2d67452f4c",
    "public key": "4ce230efabc3c6c58c1eb9c4a4d9f09e",
    "public key in full": "21e91749d03e9ee605a64bda9b9a0fe7",
    "switching key": "6bd464bcc3c61f53fa9d53655bf0bae5",
    "switching key in full": "a184bf8b7e5984cff5268ea5cd7d5ca0",
    "evaluation keys": "634b76a1fd33deeb7f76ceb22e8e2ef2",
    "plaintext": "ef1848fd25596a7b0ca3422e59dcb837",
    "ciphertext": "f3026e4bcbfe41fb582107802984d70f",
    "ciphertext in full": "7e3a715ae910aedda4532bc703a935ff",
    "bfv parameters": "dadb90dcc0762b034ae351c940ce69bc",
    "bfv plaintext": "7a2147e7f2182ff0933dcca4a7bc0b04",
    "bfv ciphertext": "f0a097afaf1d7193e713148a9d69e76d",
    "bfv ciphertext in full": "adf5a3e7bc197819b05e0c81fc4eed0c",
    "ciphertexts": "326c8dfb8cf4d701a975e8fd820422dd",
}


def objects() -> dict[str, bytes]:
    """The bytes of one object of each kind, with and without a seed."""
    ckks = CKKSParameters(
        N=N, q=Q, p=P, digit_limbs=2, scales=(2.0**30,) * 3, insecure_reason=REASON
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

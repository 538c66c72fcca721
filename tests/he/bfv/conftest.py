"""Small BFV schemes, and ciphertexts that carry their meaning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from he import KeyGenerator, KeyNeeds, element_of_rotation
from he.bfv import BatchEncoder, BFVParameters, Ciphertext, Decryptor, Encryptor, Evaluator
from ntt import find_primes

REASON = "unit test"


def chain(N: int, bits: int, limbs: int, special: int, digit_limbs: int, t: int) -> BFVParameters:
    """Parameters from sizes."""
    primes = find_primes(bits, N, limbs + special, exclude=(t,))
    return BFVParameters(
        N=N, q=primes[:limbs], p=primes[limbs:], digit_limbs=digit_limbs, t=t,
        insecure_reason=REASON,
    )


SETS: dict[str, Callable[[], BFVParameters]] = {
    "built": lambda: BFVParameters.build(2, N=256, plain_bits=17, insecure_reason=REASON),
    "two digits": lambda: chain(256, 45, 4, 2, 2, find_primes(20, 256, 1)[0]),
    "sixty-bit primes": lambda: chain(128, 60, 3, 1, 1, find_primes(20, 128, 1)[0]),
    "plain modulus of 60 bits": lambda: chain(128, 49, 6, 2, 2, find_primes(60, 128, 1)[0]),
    "plain modulus of 50 bits": lambda: chain(128, 50, 5, 1, 1, find_primes(50, 128, 2)[1]),
    "below eight lanes": lambda: chain(8, 40, 3, 1, 1, 97),
    "smallest plain modulus": lambda: chain(8, 30, 2, 1, 1, 17),
}


@dataclass
class Scheme:
    """A parameter set with its keys and everything that uses them."""

    params: BFVParameters

    def __post_init__(self) -> None:
        generator = KeyGenerator(self.params)
        N, top = self.params.N, self.params.max_level
        self.secret = generator.secret_key()
        self.public = generator.public_key(self.secret)
        elements = [element_of_rotation(k, N) for k in (1, 3, -2)] + [2 * N - 1]
        needs = KeyNeeds(relinearization=top, galois=dict.fromkeys(elements, top))
        self.keys = generator.evaluation_keys(self.secret, needs)
        self.evaluator = Evaluator(self.params, self.keys, refuse_exhausted=False)
        self.encoder = BatchEncoder(self.params)
        self.decryptor = Decryptor(self.params, self.secret)
        self.symmetric = Encryptor(self.params, self.secret)
        self.asymmetric = Encryptor(self.params, self.public)

    def slots(self, seed: int) -> np.ndarray:
        """Random slots (N,), Python integers in [0, t) as objects, so that no product overflows."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, self.params.t, self.params.N).astype(object)

    def encrypt(self, slots: np.ndarray, *, public: bool = True) -> Ciphertext:
        """A fresh ciphertext with the evaluator attached."""
        encryptor = self.asymmetric if public else self.symmetric
        plaintext = self.encoder.encode(np.array(slots, dtype=np.int64))
        return self.evaluator.attach(encryptor.encrypt(plaintext))

    def decrypt(self, ct: Ciphertext) -> list[int]:
        """Its slots in [0, t)."""
        return [int(v) for v in self.encoder.decode_residues(self.decryptor.decrypt(ct))]

    def check(self, ct: Ciphertext, slots: Any) -> None:
        """It holds `slots` modulo t, and its noise is no more than predicted."""
        assert self.decryptor.noise_budget(ct) >= ct.predicted_budget
        assert self.decrypt(ct) == [int(v) % self.params.t for v in slots]


@functools.cache
def _scheme(name: str) -> Scheme:
    return Scheme(SETS[name]())


@pytest.fixture(params=sorted(SETS))
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """Every scheme in turn."""
    return _scheme(request.param)


@pytest.fixture(scope="session")
def small() -> Scheme:
    """The scheme that most tests use."""
    return _scheme("two digits")

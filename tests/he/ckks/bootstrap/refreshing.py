"""A bootstrap with its keys, its client, and what it does to messages."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

import he
from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.parameters import Bootstrapping

REASON = "unit test"


@dataclass(frozen=True)
class Refreshing:
    """Everything that a bootstrap needs, of one parameter set."""

    bootstrapper: Bootstrapper
    secret: he.SecretKey
    evaluator: he.Evaluator

    @property
    def params(self) -> he.CKKSParameters:
        """The parameter set."""
        return self.bootstrapper.params

    def encrypted(self, values: np.ndarray, level: int | None = None) -> he.Ciphertext:
        """Values, which repeat in all slots, at the level at which a bootstrap begins."""
        level = self.bootstrapper.input_level if level is None else level
        slots = np.tile(values, self.params.slots // values.size)
        plain = self.evaluator.encoder.encode(slots, level)
        ciphertext = he.Encryptor(self.params, self.secret).encrypt(plain)
        return self.evaluator.attach(ciphertext)

    def decrypted(self, x: he.Ciphertext) -> np.ndarray:
        """The slots."""
        return self.evaluator.encoder.decode(he.Decryptor(self.params, self.secret).decrypt(x))

    def error(self, x: he.Ciphertext, refreshed: he.Ciphertext) -> float:
        """What a bootstrap of x added: the largest error of a part that it keeps."""
        difference = self.decrypted(refreshed) - self.decrypted(x)
        parts = [difference.real]
        if not self.bootstrapper.circuit.real:
            parts.append(difference.imag)
        return float(np.abs(parts).max())

    def messages(self, seed: int) -> np.ndarray:
        """Values in all slots that carry them: complex, or real where only those are kept."""
        random = np.random.default_rng(seed)
        n = self.bootstrapper.circuit.slots
        values = random.uniform(-1, 1, n) + 1j * random.uniform(-1, 1, n)
        return values.real.copy() if self.bootstrapper.circuit.real else values


@functools.lru_cache(maxsize=8)
def _refreshing(N: int, depth: int, scale_bits: float, wanted: Bootstrapping) -> Refreshing:
    params = he.CKKSParameters.build(
        depth, scale_bits=scale_bits, N=N, bootstrap=wanted, insecure_reason=REASON
    )
    bootstrapper = Bootstrapper(params)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    top = he.KeyNeeds(relinearization=bootstrapper.output_level)
    needs = he.KeyNeeds.union([bootstrapper.needs, top])
    keys = generator.evaluation_keys(secret, needs)
    return Refreshing(bootstrapper, secret, he.Evaluator(params, keys))


def refreshing(
    N: int = 1 << 10, depth: int = 2, scale_bits: float = 36, **wanted: Any
) -> Refreshing:
    """A bootstrap of a small ring, made once."""
    return _refreshing(N, depth, scale_bits, Bootstrapping(**{"precision_bits": 12, **wanted}))

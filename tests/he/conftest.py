"""Small schemes for the tests, and ciphertexts that carry their meaning and predicted error."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import ntt
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

REASON = "unit test"

# The tests look at fewer than 2^24 slots a run, so a failure by chance has probability < 2^-26.
TAIL = tail_factor(2.0**-50)

SETS: dict[str, Callable[[], CKKSParameters]] = {
    "tiny": lambda: CKKSParameters.build(1, N=64, scale_bits=30, insecure_reason=REASON),
    "small": lambda: CKKSParameters.build(4, N=256, scale_bits=36, insecure_reason=REASON),
    "one-limb digits": lambda: CKKSParameters.build(
        3, N=256, scale_bits=36, dnum=4, insecure_reason=REASON
    ),
    "two digits": lambda: CKKSParameters.build(
        4, N=512, scale_bits=40, dnum=2, insecure_reason=REASON
    ),
    "wide primes": lambda: CKKSParameters.build(
        2, N=128, scale_bits=54, prime_bits=61, dnum=3, insecure_reason=REASON
    ),
    "words": lambda: CKKSParameters.build(
        4, N=256, scale_bits=28, word_bits=50, insecure_reason=REASON
    ),
    "words of 26 bits": lambda: CKKSParameters.build(
        3, N=128, scale_bits=36, word_bits=26, insecure_reason=REASON
    ),
    "scales of levels": lambda: CKKSParameters.build(
        3, N=256, scale_bits=[30, 35, 40, 55], word_bits=50, insecure_reason=REASON
    ),
    "two words a level": lambda: CKKSParameters.build(
        2, N=128, scale_bits=54, dnum=2, insecure_reason=REASON
    ),
    "below eight lanes": lambda: CKKSParameters.build(
        2, N=8, scale_bits=36, insecure_reason=REASON
    ),
}


@dataclass
class Tracked:
    """A ciphertext, the slots it should hold, and its predicted error before division by the scale.

    variance: of the real part of a slot's error; absolute: a bound on what is not random.
    """

    ct: Ciphertext
    slots: np.ndarray
    variance: float
    absolute: float = 0.0

    @property
    def bound(self) -> float:
        """What no slot's error exceeds in its real or its imaginary part."""
        largest = np.abs(self.slots).max(initial=0)
        # Encoding and decoding pass two FFTs in float64 (the error that `Encoder` states).
        rounding = 2 * 2.0**-53 * (3 + 5 * np.log2(self.slots.size)) * max(largest, 1)
        return float((TAIL * np.sqrt(self.variance) + self.absolute) / self.ct.scale + 8 * rounding)


@dataclass
class Scheme:
    """Everything that a test needs of one parameter set, the evaluator with every key."""

    params: CKKSParameters
    seed: bytes = bytes(32)
    generator: KeyGenerator = field(init=False)

    def __post_init__(self) -> None:
        params = self.params
        self.generator = KeyGenerator(params, seed=self.seed)
        self.secret = self.generator.secret_key()
        self.encoder = Encoder(params)
        self.encryptor = Encryptor(params, self.secret, seed=self.seed)
        self.decryptor = Decryptor(params, self.secret)
        self.noise = params.noise_model
        N, top = params.N, params.max_level
        rotations = {1, 2, 3, 4, 5, 8, params.slots // 2, params.slots - 1}
        elements = {0, galois.element_of_conjugation(N)}
        if N > 8:
            elements |= {galois.element_of_rotation(k, N) for k in rotations}
        used = [(element, level) for element in elements for level in range(top + 1)]
        self.needs = KeyNeeds.of(used).without_served(params)
        self.keys = self.generator.evaluation_keys(self.secret, self.needs)
        self.evaluator = Evaluator(params, self.keys)

    def random(self, seed: int, size: float = 1.0, *, real: bool = False) -> np.ndarray:
        """Slots whose real and imaginary parts are uniform in [-size, size]."""
        rng = np.random.default_rng(seed)
        parts = rng.uniform(-size, size, (2, self.params.slots))
        return parts[0] + (0 if real else 1j) * parts[1]

    def encrypt(self, slots: np.ndarray, level: int | None = None) -> Tracked:
        """A fresh encryption."""
        ct = self.encryptor.encrypt(self.encoder.encode(slots, level))
        variance = self.noise.encoding + self.noise.fresh_symmetric
        return Tracked(self.evaluator.attach(ct), np.asarray(slots) + 0j, variance)

    def decrypt(self, ct: Ciphertext) -> np.ndarray:
        """Its slots."""
        return self.encoder.decode(self.decryptor.decrypt(ct))

    def error(self, ct: Ciphertext, slots: np.ndarray) -> float:
        """The largest error of any slot, real and imaginary parts apart."""
        difference = self.decrypt(ct) - slots
        return float(max(np.abs(difference.real).max(), np.abs(difference.imag).max()))

    def check(self, x: Tracked) -> None:
        """The ciphertext holds what it should to within the predicted error."""
        assert self.error(x.ct, x.slots) <= x.bound

    # ------------------------------------------------------------ predictions

    def product_variance(self, x: Tracked, y: Tracked) -> float:
        """Of (z_x S + e_x)(z_y S + e_y) - z_x z_y S^2 before rescaling."""
        zx, zy = np.abs(x.slots).max() * x.ct.scale, np.abs(y.slots).max() * y.ct.scale
        return float(zx**2 * y.variance + zy**2 * x.variance + 2 * x.variance * y.variance)

    def product_absolute(self, x: Tracked, y: Tracked) -> float:
        """The share of the bounded errors in the same product."""
        zx, zy = np.abs(x.slots).max() * x.ct.scale, np.abs(y.slots).max() * y.ct.scale
        ex, ey = TAIL * np.sqrt(x.variance), TAIL * np.sqrt(y.variance)
        return float((zx + ex) * y.absolute + (zy + ey) * x.absolute + x.absolute * y.absolute)

    def multiplied(self, x: Tracked, y: Tracked, ct: Ciphertext) -> Tracked:
        """ct as the rescaled product of x and y at one level."""
        q = self.params.divisors[x.ct.level]
        variance = self.product_variance(x, y) / q**2 + self.noise.product_rescale(x.ct.level)
        return Tracked(ct, x.slots * y.slots, variance, self.product_absolute(x, y) / q)

    def plaintext(self, slots: np.ndarray, encoded: Plaintext) -> Tracked:
        """A plaintext as an operand: its error is the rounding of its coefficients."""
        parts = np.stack((encoded.data, np.zeros_like(encoded.data)))
        stand_in = Ciphertext(self.params, parts, encoded.scale, level=encoded.level)
        return Tracked(stand_in, np.asarray(slots) + 0j, self.noise.encoding)

    def dropped(self, x: Tracked, level: int) -> Tracked:
        """x at a lower level: times an integer next to `factor`, divided by a quotient."""
        ct = self.evaluator.drop_to(x.ct, level)
        if level == x.ct.level:
            return x
        params = self.params
        upper = level + 1 if params.levels[x.ct.level].holds(params.levels[level + 1]) else None
        q = params.quotient(x.ct.level if upper is None else upper, level)
        factor = self.params.scales[level] * q / x.ct.scale
        rounded = 0.5 * np.abs(x.slots).max() * x.ct.scale / q
        variance = x.variance * (factor / q) ** 2 + self.noise.rounding
        return Tracked(ct, x.slots, variance, x.absolute * factor / q + float(rounded))


@functools.cache
def _scheme(name: str) -> Scheme:
    return Scheme(SETS[name]())


@pytest.fixture(scope="session")
def schemes() -> Callable[[str], Scheme]:
    """A scheme by the name of its parameter set; each is made once."""
    return _scheme


@pytest.fixture(params=sorted(SETS))
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """Every scheme in turn."""
    return _scheme(request.param)


@pytest.fixture(scope="session")
def small(schemes: Any) -> Scheme:
    """The scheme that most tests use."""
    made: Scheme = schemes("small")
    return made


@pytest.fixture(params=ntt.available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every backend of this CPU in turn."""
    ntt.set_backend(request.param)
    yield request.param
    ntt.set_backend(None)

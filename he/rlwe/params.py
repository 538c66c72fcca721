"""What the parameter sets of every scheme share: a ring, a chain of primes, and key switching."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from he.errors import ParameterError
from he.rlwe import security
from he.rlwe.sampling import STANDARD_SIGMA
from ntt.modulus import check_ntt_modulus, check_ring_degree


@dataclass(frozen=True, kw_only=True)
class RLWEParameters(ABC):
    """A ring in full RNS with hybrid key switching; the base of each scheme's parameter set.

    Parameters
    ----------
    N : ring degree, a power of two from 2^3 to 2^17.
    q : the chain q_0, .., q_L of distinct primes = 1 mod 2N below 2^61. A ciphertext at level l
        has residues modulo q_0, .., q_l.
    p : the special primes; their product is P.
    digit_limbs : primes in a digit (alpha); dnum = ceil((L + 1) / alpha) digits at the top level.
    security_bits : 128, 192 or 256; checked over log2(QP) by `he.rlwe.security`.
    insecure_reason : words that say why less is wanted (tests, demonstrations); None otherwise.
    sigma : standard deviation of the error's discrete Gaussian. The secret is uniform ternary.

    Raises `ParameterError` or `InsecureParametersError`.
    """

    N: int
    q: tuple[int, ...]
    p: tuple[int, ...]
    digit_limbs: int
    security_bits: int = field(default=128, compare=False)
    insecure_reason: str | None = field(default=None, compare=False)
    sigma: float = STANDARD_SIGMA
    id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_ring_degree(self.N)
        if not self.q or not self.p:
            raise ParameterError("at least one prime q and one special prime p are needed")
        if len(set(self.q + self.p)) != len(self.q) + len(self.p):
            raise ParameterError(f"primes are not distinct: q = {self.q}, p = {self.p}")
        for prime in self.q + self.p:
            check_ntt_modulus(prime, self.N)
        if not 1 <= self.digit_limbs <= len(self.q):
            raise ParameterError(
                f"digit_limbs = {self.digit_limbs}: from 1 to {len(self.q)}, the primes of Q"
            )
        if not 0.5 <= self.sigma <= 64:
            raise ParameterError(f"sigma = {self.sigma}: it must be from 0.5 to 64")
        self._check_scheme()
        security.check(
            self.N, self.log_qp, self.security_bits, insecure_reason=self.insecure_reason
        )
        digest = hashlib.blake2b(self._identity().encode(), digest_size=16).digest()
        object.__setattr__(self, "id", digest)

    @abstractmethod
    def _check_scheme(self) -> None:
        """Raise `ParameterError` unless the scheme's own fields are in range."""

    @abstractmethod
    def _identity(self) -> str:
        """Every field that two equal parameter sets share, in words: what the id is made of."""

    # ------------------------------------------------------------ what follows from the fields

    @property
    def max_level(self) -> int:
        """L: the level of a fresh ciphertext."""
        return len(self.q) - 1

    @property
    def dnum(self) -> int:
        """Number of digits at the top level."""
        return self.digits(self.max_level)

    def digits(self, level: int) -> int:
        """Number of digits at `level`."""
        return -(-(level + 1) // self.digit_limbs)

    def digit_rows(self, level: int) -> tuple[range, ...]:
        """The limbs of each digit at `level`."""
        size = self.digit_limbs
        return tuple(range(i, min(i + size, level + 1)) for i in range(0, level + 1, size))

    @property
    def log_qp(self) -> float:
        """log2(QP): what the security table is asked about."""
        return sum(math.log2(prime) for prime in self.q + self.p)

    @property
    def security_estimate(self) -> int:
        """The largest security level of the table that holds; 0 when none does."""
        return security.estimate_security(self.N, self.log_qp)

    # ------------------------------------------------------------ bytes

    def to_bytes(self) -> bytes:
        """This parameter set as bytes (`he.serialization.to_bytes`)."""
        from he.serialization import to_bytes

        return to_bytes(self)

"""BFV parameter sets: immutable, checked once, and built from what a user knows."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from he.bfv.noise import NoiseModel
from he.errors import InsecureParametersError, ParameterError
from he.format.container import Contents
from he.rlwe import security
from he.rlwe.params import MAX_DEPTH, MAX_PRIMES, RLWEParameters, check_degree
from he.validation import real_number, whole_number
from ntt.errors import ModulusError
from ntt.modulus import find_primes, is_prime

MAX_PLAIN_BITS, MAX_PLAIN_MODULUS = 60, (1 << 60) - 1
DEFAULT_PLAIN_BITS = 20
_PRIME_BITS = 50  # every backend holds primes below 2^50
MAX_LOG_Q = MAX_PRIMES * _PRIME_BITS


@dataclass(frozen=True, kw_only=True)
class BFVParameters(RLWEParameters):
    """A BFV parameter set: `RLWEParameters` with a plain modulus.

    Messages are polynomials modulo t; a ciphertext at level l hides (Q_l / t) m plus noise, with
    Q_l = q_0 .. q_l (Fan and Vercauteren, ePrint 2012/144). Where t is a prime = 1 mod 2N they
    batch: N slots modulo t, a matrix of 2 rows of N/2.

    t: the plain modulus, from 2 to 2^60, coprime to every prime of the chain.

    Raises `ParameterError` or `InsecureParametersError`.
    """

    kind = "bfv parameters"

    t: int

    def _make_plain(self) -> None:
        super()._make_plain()
        self._set(t=whole_number(self.t, "t"))

    def _check_scheme(self) -> None:
        if not self.is_chain:
            raise ParameterError("the levels of BFV parameters are a chain: give no `own_levels`")
        if not 2 <= self.t <= MAX_PLAIN_MODULUS:
            raise ParameterError(
                f"plain modulus {self.t}: it must be from 2 to 2^{MAX_PLAIN_BITS} - 1"
            )
        for prime in self.q + self.p:
            if self.t % prime == 0:
                raise ParameterError(
                    f"plain modulus {self.t} is a multiple of the prime {prime} of the chain: "
                    f"choose another of either"
                )

    def _identity(self) -> str:
        return f"bfv|{self.N}|{self.q}|{self.p}|{self.digit_limbs}|{self.t}|{self.sigma.hex()}"

    @property
    def slots(self) -> int:
        """Number of slots, N."""
        return self.N

    @cached_property
    def batches(self) -> bool:
        """Whether t is a prime that is 1 modulo 2N, so that there are slots."""
        return self.t % (2 * self.N) == 1 and is_prime(self.t)

    def log_q(self, level: int) -> float:
        """log2(Q) at `level`."""
        level = whole_number(level, "level", 0, self.max_level)
        return sum(math.log2(prime) for prime in self.q[: level + 1])

    def __str__(self) -> str:
        q_bits = ", ".join(str(prime.bit_length()) for prime in self.q)
        p_bits = ", ".join(str(prime.bit_length()) for prime in self.p)
        return (
            f"BFV N={self.N}, q bits [{q_bits}], p bits [{p_bits}], dnum {self.dnum}, "
            f"t {self.t} ({self.t.bit_length()} bits), log2(QP) {self.log_qp:.1f}"
        )

    @cached_property
    def noise_model(self) -> NoiseModel:
        """What each operation under these parameters is predicted to add to the noise."""
        bits = [math.log2(prime) for prime in self.q]
        p_bits = sum(math.log2(prime) for prime in self.p)
        return NoiseModel(self.N, self.t, bits, p_bits, self.digit_limbs, self.sigma)

    def _scheme_fields(self) -> dict[str, Any]:
        return {"t": self.t}

    @classmethod
    def _read_scheme_fields(cls, contents: Contents) -> dict[str, Any]:
        return {"t": contents.field("t", int)}

    # ------------------------------------------------------------ construction

    @classmethod
    def build(
        cls,
        depth: int,
        *,
        plain_bits: int | None = None,
        plain_modulus: int | None = None,
        N: int | None = None,
        spare_bits: float = 0,
        log_q: float | None = None,
        security_bits: int = 128,
        dnum: int | None = None,
        insecure_reason: str | None = None,
    ) -> BFVParameters:
        """Parameters that allow `depth` products of ciphertexts one after the other.

        - `depth`: the multiplicative depth, 0 or more; `NoiseModel` says what it costs.
        - `plain_bits`: bits of the plain modulus; the largest prime of that size that batches is
          taken. Default 20, unless `plain_modulus` is given.
        - `plain_modulus`: the plain modulus itself; it need not batch.
        - `N`: the ring degree; None takes the smallest that the security table allows.
        - `spare_bits`: noise budget, in bits, kept for sums and for products with plaintexts.
        - `log_q`: log2(Q) instead of the smallest that the noise model finds enough.
        - `security_bits`: 128, 192 or 256, over log2(QP).
        - `dnum`: number of key-switching digits; None takes the fewest that fit.
        - `insecure_reason`: words that say why parameters outside the table are wanted.

        Raises `ParameterError`, or `InsecureParametersError` when nothing fits.
        """
        depth = whole_number(depth, "depth", 0, MAX_DEPTH)
        if plain_bits is not None and plain_modulus is not None:
            raise ParameterError("give plain_bits or plain_modulus, not both")
        if plain_modulus is not None:
            plain_modulus = whole_number(plain_modulus, "plain_modulus", 2, MAX_PLAIN_MODULUS)
        spare_bits = real_number(spare_bits, "spare_bits", 0, MAX_LOG_Q)
        if log_q is not None:
            log_q = real_number(log_q, "log_q", 1, MAX_LOG_Q)
        if dnum is not None:
            dnum = whole_number(dnum, "dnum", 1, MAX_PRIMES)
        wanted = DEFAULT_PLAIN_BITS if plain_bits is None else plain_bits
        refusal: Exception | None = None
        for degree in security.RING_DEGREES if N is None else (whole_number(N, "N"),):
            check_degree(degree)
            try:
                t = _batching_modulus(wanted, degree) if plain_modulus is None else plain_modulus
            except ParameterError as error:
                # A smaller N may have been refused for security, a larger has no such t.
                raise refusal or error from error
            for log_q_bits, count, alpha in _sizes(degree, t, depth, spare_bits, log_q, dnum):
                try:
                    # Refused before any prime is looked for: no set of primes would pass.
                    least = log_q_bits * (1 + alpha / count) - count - alpha
                    security.check(degree, least, security_bits, insecure_reason=insecure_reason)
                    chain, special = _primes_of(degree, t, log_q_bits, count, alpha)
                    return cls(
                        N=degree,
                        q=chain,
                        p=special,
                        digit_limbs=alpha,
                        t=t,
                        security_bits=security_bits,
                        insecure_reason=insecure_reason,
                    )
                except InsecureParametersError as error:
                    refusal = error
        if refusal is None:
            raise ParameterError(f"dnum = {dnum}: there are fewer primes than digits")
        raise refusal


def _batching_modulus(bits: int, N: int) -> int:
    bits = whole_number(bits, "plain_bits", 2, MAX_PLAIN_BITS)
    try:
        return find_primes(max(bits, 3), N, 1)[0]
    except ModulusError as error:
        raise ParameterError(
            f"no prime of {bits} bits is 1 modulo 2N = {2 * N}, so none batches: use at least "
            f"{(2 * N).bit_length() + 1} bits, or give a plain_modulus and encode coefficients"
        ) from error


def _sizes(
    N: int, t: int, depth: int, spare_bits: float, log_q: float | None, dnum: int | None
) -> Iterator[tuple[float, int, int]]:
    """(log2(Q), primes of Q, primes of a digit) for each number of digits, fewest first."""
    bits = log_q if log_q is not None else _needed_log_q(N, t, depth, spare_bits)
    count = math.ceil(bits / _PRIME_BITS)
    previous = 0
    for digits in range(1, count + 1) if dnum is None else (dnum,):
        if digits > count:
            return
        alpha = -(-count // digits)
        if alpha != previous:
            yield bits, count, alpha
        previous = alpha


def _primes_of(
    N: int, t: int, bits: float, count: int, alpha: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """q and p. P is as large as a digit, so that switching adds less than a product does."""
    try:
        chain = _primes(N, bits, count, (t,))
        return chain, _primes(N, alpha * bits / count, alpha, (t, *chain))
    except ModulusError as error:
        raise ParameterError(f"no chain of {count} primes for N = {N}: {error}") from error


def _primes(N: int, total_bits: float, count: int, exclude: tuple[int, ...]) -> tuple[int, ...]:
    """Primes whose product has at least `total_bits` bits (less if each is of 50 already)."""
    total = math.ceil(total_bits)
    primes: list[int] = []
    for i in range(count):
        bits = min(total // count + (1 if i < total % count else 0), _PRIME_BITS)
        smallest = (2 * N).bit_length() + 1
        primes += find_primes(max(bits, smallest), N, 1, exclude=(*exclude, *primes))
    return tuple(primes)


def _needed_log_q(N: int, t: int, depth: int, spare_bits: float) -> int:
    """The smallest whole log2(Q) that leaves `spare_bits` of budget after `depth` products."""
    enough = math.ceil((depth + 1) * (math.log2(t) + math.log2(N) + 20) + spare_bits)
    # Primes lie just below powers of two: one bit in all covers what they lack.
    return bisect.bisect_left(
        range(enough),
        spare_bits + 1,
        lo=t.bit_length(),
        key=lambda bits: _budget(N, t, depth, bits),
    )


def _budget(N: int, t: int, depth: int, bits: int) -> float:
    """The predicted budget after `depth` products for log2(Q) = bits; it grows with bits.

    With P as large as a digit the noise of switching is the same for any number of digits.
    """
    count = math.ceil(bits / _PRIME_BITS)
    model = NoiseModel(N, t, [bits / count] * count, bits / count, 1)
    noise = model.fresh_public(count - 1)
    for _ in range(depth):
        noise = model.key_switch(model.multiply(noise, noise, count - 1), count - 1)
    return noise.budget


def plain_moduli(product: int, N: int, count: int) -> tuple[int, ...]:
    """The smallest `count` alike plain moduli that batch and whose product is above `product`.

    Fewer, or none, where they would have more than `MAX_PLAIN_BITS` bits.
    """
    if product.bit_length() > count * MAX_PLAIN_BITS:
        return ()
    least = _ceiling_of_root(product, count)
    t = least // (2 * N) * 2 * N + 1
    found: tuple[int, ...] = ()
    while len(found) < count and t < 1 << MAX_PLAIN_BITS:
        if t > least and is_prime(t):
            found += (t,)
        t += 2 * N
    return found


def _ceiling_of_root(value: int, degree: int) -> int:
    """The smallest integer whose power is at least `value`."""
    top = 1 << -(-value.bit_length() // degree)
    return bisect.bisect_left(range(top + 1), value, key=lambda root: root**degree)

"""CKKS parameter sets: immutable, checked once, and built from what a user knows."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from he.ckks.noise import NoiseModel
from he.errors import InsecureParametersError, ParameterError
from he.format.container import Contents
from he.rlwe import security
from he.rlwe.params import RLWEParameters, stored_tuple
from ntt.errors import ModulusError
from ntt.modulus import (
    check_ring_degree,
    find_primes,
    find_primes_near,
)

FAST_PRIME_BITS = 50
"""Default parameter sets use primes below 2^50: every backend holds them."""


@dataclass(frozen=True, kw_only=True)
class CKKSParameters(RLWEParameters):
    """A CKKS parameter set: `RLWEParameters` whose chain q is rescaled by.

    Rescaling a ciphertext from level l divides by q_l.

    scales: the canonical scale of each level, index 0 .. L, with
    ``scales[l - 1] = scales[l]^2 / q_l`` (Kim, Papadimitriou, Polyakov, CT-RSA 2022).

    Raises `ParameterError` or `InsecureParametersError`.
    """

    kind = "ckks parameters"

    scales: tuple[float, ...]

    def _check_scheme(self) -> None:
        if len(self.scales) != len(self.q):
            raise ParameterError(f"{len(self.scales)} scales for {len(self.q)} levels")
        for level, scale in enumerate(self.scales):
            if not (math.isfinite(scale) and scale > 1):
                raise ParameterError(f"scale {scale} of level {level} must be finite and above 1")

    @property
    def slots(self) -> int:
        """Number of complex slots, N/2."""
        return self.N // 2

    def __str__(self) -> str:
        q_bits = ", ".join(str(prime.bit_length()) for prime in self.q)
        p_bits = ", ".join(str(prime.bit_length()) for prime in self.p)
        return (
            f"CKKS N={self.N}, q bits [{q_bits}], p bits [{p_bits}], dnum {self.dnum}, "
            f"scale 2^{math.log2(self.scales[-1]):.1f}, log2(QP) {self.log_qp:.1f}"
        )

    def _identity(self) -> str:
        return (
            f"ckks|{self.N}|{self.q}|{self.p}|{self.digit_limbs}|"
            f"{[scale.hex() for scale in self.scales]}|{self.sigma.hex()}"
        )

    def _scheme_fields(self) -> dict[str, Any]:
        return {"scales": self.scales}

    @classmethod
    def _read_scheme_fields(cls, contents: Contents) -> dict[str, Any]:
        return {"scales": stored_tuple(contents, "scales", float)}

    @functools.cached_property
    def noise_model(self) -> NoiseModel:
        """What each operation under these parameters is predicted to add to a slot's error."""
        return NoiseModel(self)

    # ------------------------------------------------------------ construction

    @classmethod
    def build(
        cls,
        depth: int,
        *,
        precision_bits: float | None = None,
        scale_bits: float | None = None,
        N: int | None = None,
        integer_bits: int = 5,
        security_bits: int = 128,
        dnum: int | None = None,
        special_bits: int | None = None,
        insecure_reason: str | None = None,
    ) -> CKKSParameters:
        """Parameters for `depth` rescalings, from what a user knows.

        - `depth`: the multiplicative depth, 0 or more.
        - `precision_bits`: bits after the binary point that one operation keeps in every slot; sets
          the scale. Default 20, unless `scale_bits` is given.
        - `scale_bits`: log2 of the scale instead, from 10 to 60.
        - `N`: the ring degree; None takes the smallest that the security table allows.
        - `integer_bits`: decrypted values must stay below 2^integer_bits in absolute value.
        - `security_bits`: 128, 192 or 256.
        - `dnum`: number of key-switching digits; None takes the fewest whose special primes fit,
          which is the fastest.
        - `special_bits`: log2(P); None takes five bits more than the largest digit, so that key
          switching adds less noise than rescaling does.
        - `insecure_reason`: words that say why parameters outside the table are wanted.

        Raises `ParameterError`, or `InsecureParametersError` when nothing fits.
        """
        if not (isinstance(depth, int) and 0 <= depth <= 60):
            raise ParameterError(f"depth = {depth!r}: a whole number from 0 to 60 is needed")
        if not 1 <= integer_bits <= 30:
            raise ParameterError(f"integer_bits = {integer_bits}: it must be from 1 to 30")
        if precision_bits is not None and scale_bits is not None:
            raise ParameterError("give precision_bits or scale_bits, not both")
        if dnum is not None and not 1 <= dnum <= depth + 1:
            raise ParameterError(f"dnum = {dnum}: it must be from 1 to depth + 1 = {depth + 1}")
        build = functools.partial(
            _build_at,
            cls,
            depth,
            integer_bits=integer_bits,
            security_bits=security_bits,
            special_bits=special_bits,
            insecure_reason=insecure_reason,
        )
        degrees = security.RING_DEGREES if N is None else (N,)
        dnums = range(1, depth + 2) if dnum is None else (dnum,)
        refusal: Exception | None = None
        for degree in degrees:
            check_ring_degree(degree)
            bits = scale_bits if scale_bits is not None else scale_for(degree, precision_bits or 20)
            if not 10 <= bits <= 60:
                raise ParameterError(f"a scale of {bits:.1f} bits: it must be from 10 to 60")
            for count in dnums:
                try:
                    return build(degree, bits, count)
                except InsecureParametersError as error:
                    refusal = error
                except ModulusError as error:
                    raise ParameterError(
                        f"no primes for N = {degree} and a scale of {bits:.1f} bits: {error}"
                    ) from error
        assert refusal is not None
        raise refusal


def scale_for(N: int, precision_bits: float) -> float:
    """log2 of the scale at which one rescaling leaves `precision_bits` in every slot.

    Rounding leaves a slot error of standard deviation N / sqrt(36) (`he.ckks.noise`); three bits
    more cover eight standard deviations.
    """
    return precision_bits + math.log2(N / 6) + 3


def _build_at(
    cls: type[CKKSParameters],
    depth: int,
    N: int,
    scale_bits: float,
    dnum: int,
    *,
    integer_bits: int,
    security_bits: int,
    special_bits: int | None,
    insecure_reason: str | None,
) -> CKKSParameters:
    digit_limbs = -(-(depth + 1) // dnum)
    first_bits = math.ceil(scale_bits) + integer_bits + 1
    digit_bits = max(
        scale_bits * digit_limbs, first_bits + scale_bits * (digit_limbs - 1)
    )
    total_special = special_bits if special_bits is not None else _special_bits(digit_bits)
    # Refused before any prime is looked for: no set of primes would pass.
    log_qp = first_bits - 1 + scale_bits * depth + total_special - 1
    security.check(N, log_qp, security_bits, insecure_reason=insecure_reason)
    first = find_primes(min(first_bits, 61), N, 1)
    if first_bits > 61:
        raise ParameterError(
            f"scale 2^{scale_bits:.1f} with {integer_bits} integer bits needs a first prime of "
            f"{first_bits} bits, at most 61: use a smaller scale or fewer integer bits"
        )
    special = _special_primes(N, total_special, first)
    scale = 2.0**scale_bits
    chain: list[int] = []
    scales = [scale]
    limit = 1 << (FAST_PRIME_BITS if scale_bits < FAST_PRIME_BITS - 0.5 else 61)
    for _ in range(depth):
        # The prime that brings the next canonical scale back to the first one.
        target = scales[-1] ** 2 / scale
        taken = (*chain, *first, *special)
        (prime,) = find_primes_near(target, N, 1, exclude=taken, below=limit)
        chain.append(prime)
        scales.append(scales[-1] ** 2 / prime)
    return cls(
        N=N,
        q=(*first, *reversed(chain)),
        p=special,
        digit_limbs=digit_limbs,
        scales=tuple(reversed(scales)),
        security_bits=security_bits,
        insecure_reason=insecure_reason,
    )


def _special_bits(digit_bits: float) -> int:
    """Five bits more than the digit, or fewer (at least one) where that would take a prime more."""
    enough = math.ceil(digit_bits) + 5
    primes = -(-(math.ceil(digit_bits) + 1) // FAST_PRIME_BITS)
    return min(enough, primes * FAST_PRIME_BITS)


def _special_primes(N: int, total_bits: int, exclude: tuple[int, ...]) -> tuple[int, ...]:
    count = -(-total_bits // FAST_PRIME_BITS)
    sizes = [total_bits // count + (1 if i < total_bits % count else 0) for i in range(count)]
    primes: list[int] = []
    for bits in sizes:
        primes += find_primes(bits, N, 1, exclude=(*exclude, *primes))
    return tuple(primes)

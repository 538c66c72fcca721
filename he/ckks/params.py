"""CKKS parameter sets: immutable, checked once, and built from what a user knows."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from he.ckks.noise import NoiseModel
from he.errors import InsecureParametersError, ParameterError
from he.format.container import Contents
from he.rlwe import security
from he.rlwe.params import (
    MAX_DEPTH,
    MAX_PRIMES,
    RLWEParameters,
    check_degree,
    stored_tuple,
)
from he.validation import items_of, real_number, whole_number
from ntt.errors import ModulusError
from ntt.modulus import (
    MAX_MODULUS_BITS,
    find_primes,
    find_primes_near,
)

FAST_PRIME_BITS = 50
"""Default parameter sets use primes below 2^50: every backend holds them."""

DEFAULT_PRECISION_BITS = 20

WANTED_INTEGER_BITS, ENOUGH_INTEGER_BITS, LEAST_INTEGER_BITS = 16, 8, 5
"""What `build` takes where it is free: products of two pixels; what it buys with a larger N: pixels
and ages; and with primes that leave no room."""


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

    def _make_plain(self) -> None:
        super()._make_plain()
        scales = items_of(self.scales, "scales")
        self._set(scales=tuple(real_number(scale, "a scale") for scale in scales))

    def _check_scheme(self) -> None:
        if len(self.scales) != len(self.q):
            raise ParameterError(f"{len(self.scales)} scales for {len(self.q)} levels")
        for level, scale in enumerate(self.scales):
            if not 1 < scale < self.level_moduli[level]:
                raise ParameterError(
                    f"scale {scale:g} of level {level}: it must be above 1 and below the modulus "
                    f"of the level, {self.level_moduli[level]:g}"
                )

    @property
    def slots(self) -> int:
        """Number of complex slots, N/2."""
        return self.N // 2

    def value_limit(self, level: int = 0) -> float:
        """What values at `level` must stay below in absolute value: q_0 .. q_level / (2 scale).

        Beyond it they come out wrong, without an error. (Strictly it holds for the coefficients of
        the polynomial, which are averages over the slots: one number in all slots is the worst.)
        """
        level = whole_number(level, "level", 0, self.max_level)
        return self.level_moduli[level] / 2 / self.scales[level]

    def __str__(self) -> str:
        q_bits = ", ".join(str(prime.bit_length()) for prime in self.q)
        p_bits = ", ".join(str(prime.bit_length()) for prime in self.p)
        return (
            f"CKKS N={self.N}, q bits [{q_bits}], p bits [{p_bits}], dnum {self.dnum}, "
            f"scale 2^{math.log2(self.scales[-1]):.1f}, values below 2^"
            f"{math.log2(self.value_limit()):.1f}, log2(QP) {self.log_qp:.1f}"
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
        integer_bits: int | None = None,
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
        - `integer_bits`: decrypted values, and all values on the way at level 0, must stay below
          2^integer_bits in absolute value; larger ones come out wrong, without an error. None takes
          16, or less where 16 would cost a larger N, more digits, more or slower primes, but at
          least 8 (5 for scales above 2^41). `value_limit` says what a parameter set holds.
        - `security_bits`: 128, 192 or 256.
        - `dnum`: number of key-switching digits; None takes the fewest whose special primes fit,
          which is the fastest.
        - `special_bits`: log2(P); None takes five bits more than the largest digit, so that key
          switching adds less noise than rescaling does.
        - `insecure_reason`: words that say why parameters outside the table are wanted.

        Raises `ParameterError`, or `InsecureParametersError` when nothing fits.
        """
        depth = whole_number(depth, "depth", 0, MAX_DEPTH)
        if precision_bits is not None and scale_bits is not None:
            raise ParameterError("give precision_bits or scale_bits, not both")
        if precision_bits is not None:
            precision_bits = real_number(precision_bits, "precision_bits")
        if scale_bits is not None:
            scale_bits = real_number(scale_bits, "scale_bits")
        if integer_bits is not None:
            integer_bits = whole_number(integer_bits, "integer_bits", 1, 30)
        if special_bits is not None:
            special_bits = whole_number(special_bits, "special_bits", 1, MAX_PRIMES * 50)
        if dnum is not None and not 1 <= whole_number(dnum, "dnum") <= depth + 1:
            raise ParameterError(f"dnum = {dnum}: it must be from 1 to depth + 1 = {depth + 1}")
        degrees = security.RING_DEGREES if N is None else (whole_number(N, "N"),)
        dnums = range(1, depth + 2) if dnum is None else (whole_number(dnum, "dnum"),)
        refusal: Exception | None = None
        for degree in degrees:
            check_degree(degree)
            bits = scale_bits
            if bits is None:
                wanted = DEFAULT_PRECISION_BITS if precision_bits is None else precision_bits
                bits = scale_for(degree, wanted)
            if not 10 <= bits <= 60:
                raise ParameterError(f"a scale of {bits:.1f} bits: it must be from 10 to 60")
            for sizes in _sizes(depth, bits, dnums, integer_bits, special_bits):
                try:
                    return _build_at(cls, degree, sizes, security_bits, insecure_reason)
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


class _Sizes(NamedTuple):
    """What `build` asks of a chain of primes: numbers of bits."""

    depth: int
    dnum: int
    scale_bits: float
    integer_bits: int
    special_bits: int

    @property
    def first_bits(self) -> int:
        """Bits of q_0: those of the scale, of the values, and one for the sign."""
        return math.ceil(self.scale_bits) + self.integer_bits + 1

    @property
    def digit_limbs(self) -> int:
        """Primes in a digit."""
        return -(-(self.depth + 1) // self.dnum)

    @property
    def digit_bits(self) -> float:
        """log2 of the largest digit."""
        above = self.scale_bits * (self.digit_limbs - 1)
        return above + max(self.scale_bits, self.first_bits)

    @property
    def special_primes(self) -> int:
        """Number of special primes."""
        return -(-self.special_bits // FAST_PRIME_BITS)

    @property
    def least_log_qp(self) -> float:
        """No set of primes of these sizes has a smaller log2(QP)."""
        return self.first_bits - 1 + self.scale_bits * self.depth + self.special_bits - 1


def _sizes(
    depth: int,
    scale_bits: float,
    dnums: Iterable[int],
    integer_bits: int | None,
    special_bits: int | None,
) -> Iterator[_Sizes]:
    """The sizes to try, the fastest first: the fewest digits, of these the most integer bits.

    Where the caller leaves `integer_bits` open, none of them costs a special prime that the fewest
    integer bits do not need, nor primes that not every backend holds.
    """
    for dnum in dnums:
        tried = _integer_bits(scale_bits) if integer_bits is None else (integer_bits,)
        found = [_Sizes(depth, dnum, scale_bits, bits, special_bits or 0) for bits in tried]
        if special_bits is None:
            found = [s._replace(special_bits=_special_bits(s.digit_bits)) for s in found]
        yield from (s for s in found if s.special_primes == found[-1].special_primes)


def _integer_bits(scale_bits: float) -> range:
    """The integer bits that `build` tries where the caller leaves them open, the most first."""
    room = FAST_PRIME_BITS - 1 - math.ceil(scale_bits)
    if room < LEAST_INTEGER_BITS:  # no first prime is one that every backend holds
        room = MAX_MODULUS_BITS - 1 - math.ceil(scale_bits)
    most = max(min(WANTED_INTEGER_BITS, room), LEAST_INTEGER_BITS)
    return range(most, min(ENOUGH_INTEGER_BITS, most) - 1, -1)


def _build_at(
    cls: type[CKKSParameters],
    N: int,
    sizes: _Sizes,
    security_bits: int,
    insecure_reason: str | None,
) -> CKKSParameters:
    # Refused before any prime is looked for: no set of primes would pass.
    security.check(N, sizes.least_log_qp, security_bits, insecure_reason=insecure_reason)
    if sizes.first_bits > MAX_MODULUS_BITS:
        raise ParameterError(
            f"scale 2^{sizes.scale_bits:.1f} with {sizes.integer_bits} integer bits needs a first "
            f"prime of {sizes.first_bits} bits, at most {MAX_MODULUS_BITS}: use a smaller scale or "
            f"fewer integer bits"
        )
    first = find_primes(sizes.first_bits, N, 1)
    special = _special_primes(N, sizes, first)
    scale = 2.0**sizes.scale_bits
    chain: list[int] = []
    scales = [scale]
    fast = sizes.scale_bits < FAST_PRIME_BITS - 0.5
    limit = 1 << (FAST_PRIME_BITS if fast else MAX_MODULUS_BITS)
    for _ in range(sizes.depth):
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
        digit_limbs=sizes.digit_limbs,
        scales=tuple(reversed(scales)),
        security_bits=security_bits,
        insecure_reason=insecure_reason,
    )


def _special_bits(digit_bits: float) -> int:
    """Five bits more than the digit, or fewer (at least one) where that would take a prime more."""
    enough = math.ceil(digit_bits) + 5
    primes = -(-(math.ceil(digit_bits) + 1) // FAST_PRIME_BITS)
    return min(enough, primes * FAST_PRIME_BITS)


def _special_primes(N: int, sizes: _Sizes, exclude: tuple[int, ...]) -> tuple[int, ...]:
    total, count = sizes.special_bits, sizes.special_primes
    primes: list[int] = []
    for i in range(count):
        bits = total // count + (1 if i < total % count else 0)
        primes += find_primes(bits, N, 1, exclude=(*exclude, *primes))
    return tuple(primes)

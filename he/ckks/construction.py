"""What `CKKSParameters.build` tries for one ring degree, from what its caller asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from he.ckks.bootstrap.choice import Choice
from he.ckks.bootstrap.parameters import Bootstrapping
from he.ckks.chain_levels import (
    ENOUGH_INTEGER_BITS,
    FAST_PRIME_BITS,
    LEAST_INTEGER_BITS,
    LevelModuli,
    chain_moduli,
    chain_sizes,
)
from he.ckks.divided_levels import WORD_BITS, divided_moduli
from he.ckks.scaled_levels import ScaledLevels
from he.ckks.word_levels import word_moduli
from he.errors import InsecureParametersError, ParameterError
from he.rlwe import security
from he.rlwe.params import MAX_PRIMES
from he.validation import instance, items_of, real_number, whole_number
from ntt.errors import ModulusError
from ntt.modulus import MAX_MODULUS_BITS

P = TypeVar("P", bound=ScaledLevels)

DEFAULT_PRECISION_BITS = 20

_LARGEST_SCALE_BITS = 120
"""Of levels whose rescalings divide by more than a scale."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a caller asks of a parameter set; the arguments of `CKKSParameters.build`.

    Raises `ParameterError` for values out of range, or that exclude one another.
    """

    depth: int
    precision_bits: float | None
    scale_bits: float | Sequence[float] | None
    integer_bits: int | None
    security_bits: int
    dnum: int | None
    special_bits: int | None
    word_bits: int | None
    divisor_bits: Sequence[float] | None
    key_levels: Sequence[int]
    prime_bits: int
    bootstrap: Bootstrapping | None
    insecure_reason: str | None
    N: int | None = None

    def __post_init__(self) -> None:
        if self.precision_bits is not None and self.scale_bits is not None:
            raise ParameterError("give precision_bits or scale_bits, not both")
        if self.precision_bits is not None:
            self._set(precision_bits=real_number(self.precision_bits, "precision_bits"))
        if self.scale_bits is not None:
            self._set(scale_bits=self._scales(self.scale_bits))
        limits = {
            "integer_bits": (1, 30),
            "special_bits": (1, MAX_PRIMES * FAST_PRIME_BITS),
            "word_bits": (16, MAX_MODULUS_BITS),
            "prime_bits": (FAST_PRIME_BITS, MAX_MODULUS_BITS),
        }
        for name, (least, most) in limits.items():
            if getattr(self, name) is not None or name == "prime_bits":
                self._set(**{name: whole_number(getattr(self, name), name, least, most)})
        dnum, most = self.dnum, self.depth + 1
        if dnum is not None:
            dnum = whole_number(dnum, "dnum")
            if not 1 <= dnum <= most:
                raise ParameterError(f"dnum = {dnum}: it must be from 1 to depth + 1 = {most}")
            self._set(dnum=dnum)
        if self.word_bits is not None and (dnum, self.special_bits) != (None, None):
            raise ParameterError("word_bits chooses dnum and special_bits: leave both out")
        if self.divisor_bits is not None:
            given = (dnum, self.special_bits, self.word_bits, self.bootstrap)
            if given != (None,) * 4 or self.prime_bits != FAST_PRIME_BITS:
                raise ParameterError(
                    "divisor_bits choose dnum, special_bits, word_bits and prime_bits: leave them "
                    "and bootstrap out"
                )
            self._set(divisor_bits=_numbers(self.divisor_bits, "divisor_bits"))
            if len(self.divisor_bits) != self.depth:
                raise ParameterError(
                    f"{len(self.divisor_bits)} divisor_bits for {self.depth} rescalings: one each "
                    f"is needed"
                )
        levels = items_of(self.key_levels, "key_levels")
        most = self.depth
        self._set(key_levels=[whole_number(level, "a key level", 0, most) for level in levels])
        if self.key_levels and self.divisor_bits is None:
            raise ParameterError("key_levels need divisor_bits: give them, or leave key_levels out")
        if self.bootstrap is not None:
            instance(self.bootstrap, Bootstrapping, "the bootstrap of a parameter set")
            chosen = (dnum, self.special_bits, self.word_bits, self.integer_bits)
            if chosen != (None,) * 4 or self.prime_bits != FAST_PRIME_BITS:
                raise ParameterError(
                    "bootstrap chooses dnum, special_bits, word_bits, integer_bits and prime_bits: "
                    "leave them out"
                )

    def scales_at(self, N: int) -> list[float]:
        """log2 of the scale of each level, 0 .. depth, at a ring degree."""
        if isinstance(self.scale_bits, list):
            bits = self.scale_bits
        else:
            precision = self.precision_bits
            wanted = DEFAULT_PRECISION_BITS if precision is None else precision
            bits = [scale_for(N, wanted)] * (self.depth + 1)
        most = 60 if self.divisor_bits is None else _LARGEST_SCALE_BITS
        for number in bits:
            if not 10 <= number <= most:
                raise ParameterError(f"a scale of {number:.1f} bits: it must be from 10 to {most}")
        return bits

    def _scales(self, given: object) -> list[float]:
        if not isinstance(given, Sequence | np.ndarray):
            return [real_number(given, "scale_bits")] * (self.depth + 1)
        bits = _numbers(given, "scale_bits")
        if self.word_bits is None and self.divisor_bits is None:
            raise ParameterError("scale_bits of each level need word_bits: give it, or one scale")
        if len(bits) != self.depth + 1:
            raise ParameterError(
                f"{len(bits)} scale_bits for the {self.depth + 1} levels 0 to {self.depth}"
            )
        return bits

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)


def _numbers(given: object, what: str) -> list[float]:
    return [real_number(number, what) for number in items_of(given, what)]


def scale_for(N: int, precision_bits: float) -> float:
    """log2 of the scale at which one rescaling leaves `precision_bits` in every slot.

    Rounding leaves a slot error of standard deviation N / sqrt(36) (`he.ckks.noise`); three bits
    more cover eight standard deviations.
    """
    return precision_bits + math.log2(N / 6) + 3


def candidates(request: Request, N: int, made: Callable[[LevelModuli], P]) -> Iterator[P]:
    """Parameter sets within the security bound at a ring degree, the best first; for a bootstrap,
    the one that keeps what is asked.

    made: a parameter set of moduli. Raises `InsecureParametersError` behind the last one,
    `ParameterError` for lack of primes.
    """
    scales = request.scales_at(N)
    try:
        if request.bootstrap is not None:
            yield _of_bootstrap(request, request.bootstrap, N, scales, made)
        elif request.divisor_bits is not None:
            yield made(_of_divisors(request, request.divisor_bits, N, scales))
        else:
            of_kind = _of_chain if request.word_bits is None else _of_words
            yield from map(made, of_kind(request, N, scales))
    except ModulusError as error:
        raise ParameterError(
            f"no primes for N = {N} and a scale of {scales[0]:.1f} bits: {error}"
        ) from error


def _of_chain(request: Request, N: int, scales: Sequence[float]) -> Iterator[LevelModuli]:
    """The fewest digits first, of these the most integer bits."""
    dnums = range(1, request.depth + 2) if request.dnum is None else (request.dnum,)
    refusal: InsecureParametersError | None = None
    for sizes in chain_sizes(
        request.depth,
        scales[0],
        dnums,
        request.integer_bits,
        request.special_bits,
        request.prime_bits,
    ):
        try:
            # Refused before any prime is looked for: no set of primes would pass.
            _check(request, N, sizes.least_log_qp)
            moduli = chain_moduli(N, sizes)
            _check(request, N, sum(math.log2(prime) for prime in moduli.q + moduli.p))
        except InsecureParametersError as error:
            refusal = error
            continue
        yield moduli
    if refusal is not None:
        raise refusal


def _of_divisors(
    request: Request, divisor_bits: Sequence[float], N: int, scales: Sequence[float]
) -> LevelModuli:
    """The largest first prime, where `integer_bits` leave it open."""
    bound = math.inf
    if request.insecure_reason is None:
        bound = security.max_log_qp(N, request.security_bits)
    first = WORD_BITS
    if request.integer_bits is not None:
        first = scales[0] + request.integer_bits + 1
    return divided_moduli(N, scales, divisor_bits, first, bound, request.key_levels)


def _of_words(request: Request, N: int, scales: Sequence[float]) -> Iterator[LevelModuli]:
    """The most integer bits first."""
    bound = math.inf
    if request.insecure_reason is None:
        bound = security.max_log_qp(N, request.security_bits)
    integers = request.integer_bits
    tried = (ENOUGH_INTEGER_BITS, LEAST_INTEGER_BITS) if integers is None else (integers,)
    refusal: InsecureParametersError | None = None
    assert request.word_bits is not None
    for bits in tried:
        first_bits = math.ceil(scales[0]) + bits + 1
        try:
            yield word_moduli(N, scales, first_bits, request.word_bits, bound)
        except InsecureParametersError as error:
            refusal = error
    if refusal is not None:
        raise refusal


def _of_bootstrap(
    request: Request,
    wanted: Bootstrapping,
    N: int,
    scales: Sequence[float],
    made: Callable[[LevelModuli], P],
) -> P:
    """The cheapest that keeps what is asked."""
    bound, sparse_bound = math.inf, math.inf
    if request.insecure_reason is None:
        bound = security.max_log_qp(N, request.security_bits)
        sparse_bound = security.max_sparse_log_qp(N, request.security_bits)
    is_only_ring = request.N is not None
    choice = Choice(
        N, request.depth, scales[0], wanted, bound, sparse_bound, made, is_only_ring
    )
    return choice.cheapest()


def _check(request: Request, N: int, log_qp: float) -> None:
    security.check(N, log_qp, request.security_bits, insecure_reason=request.insecure_reason)

"""The circuits that reach what a user asks of a bootstrap: numbers only, no ciphertext."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.inverse_sine import DEGREES, ratio_bits
from he.ckks.bootstrap.overflow import ROOM, interval_for
from he.ckks.bootstrap.parameters import LEAST_PRECISION_BITS, Bootstrapping
from he.errors import ParameterError

_MARGIN_BITS = 6.2
"""What the evaluation of the cosine adds to the error of its input, in bits."""

_STEPPED_BITS: dict[KeyKind, float] = {"medium": 1.2, "small": 3.2}
"""log2 of what rounded rotations of one matrix add: one error, or some sixteen."""

_ENTRIES, _MOST_SPARED = -2.5, 10.0
"""log2 of the error of rounded matrix entries where bits are spared, in errors of a rescaling; and
the most bits that are.
"""

TOLERANCE_BITS = 0.1
"""A promise may be below what is asked by so much."""

_TAIL_BITS = 4.3
"""log2 of the standard deviations that a predicted error covers (`he.ckks.noise.tail_factor`)."""

_LOST_BITS = 2.5
"""Of the factor between two passes: it is a power of two, and covers errors that are twice those of
the promise.
"""

_LEAST_CLIMB = 4.0
"""Bits by which a level of the cosine may exceed the one below: the last ones add little."""

_LEAST_ROOM_BITS = 0.45
"""Bits that the error of the user's scale must be below the wanted one: nearly half of the variance
is left for the rest.
"""


class Scales(NamedTuple):
    """log2 of scales: of level 0, of SlotsToCoeffs' first level, of the cosine; and of q_0.

    spared: bits by which a level of CoeffsToSlots is smaller than one of the cosine. climb: bits by
    which a level of the cosine exceeds the one below, at most.
    """

    lowest: float
    stc: float
    cosine: float
    first_modulus: float
    spared: float
    climb: float


def circuits(
    wanted: Bootstrapping, N: int, scale_bits: float, iterations: int = 1, more: float = 0.0
) -> Iterator[tuple[BootstrapCircuit, Scales]]:
    """Circuits of so many passes that reach the wanted precision.

    more: bits that all but the last step keep beyond that, where estimates were found too good.

    The cosine is of ``2 pi (K u - 1/4) / 2^d`` at u in [-1, 1], doubled d times; its error must
    not show. The errors are those of `he.ckks.bootstrap.prediction`, in short.

    Raises `ParameterError` for more slots than the ring has.
    """
    slots = N // 2 if wanted.slots is None else wanted.slots
    if slots > N // 2:
        raise ParameterError(f"slots = {slots}: N = {N} has {N // 2}")
    inner = _inner_precision(wanted, N, scale_bits, slots, iterations) + more
    if iterations == 2:
        if slots < N // 2:
            # The first pass's own error does not repeat, and the second keeps what repeats.
            raise ParameterError(
                f"slots = {slots}: two iterations refresh all {N // 2} slots of N = {N} and no "
                f"fewer; leave slots out, or ask for less precision"
            )
        # The first pass's bits, a rare error of it included, are those of the factor between both.
        inner = (inner + _LOST_BITS - math.log2(wanted.largest)) / 2
        inner = max(inner, LEAST_PRECISION_BITS)
    for cts, stc in _levels(wanted, slots):
        yield from _with_levels(wanted, iterations, inner, N, scale_bits, slots, cts, stc)


def _inner_precision(
    wanted: Bootstrapping, N: int, scale_bits: float, slots: int, iterations: int
) -> float:
    """The bits that are left to all steps but the last, so that the wanted ones remain behind it:
    the last rescaling rounds at the user's scale.

    Raises `ParameterError` where that scale alone keeps too few bits.
    """
    kept = scale_bits - _rounding_bits(N) - _TAIL_BITS
    if not wanted.slots_first:  # every coefficient, of that scale and rounded, meets in a slot
        kept -= math.log2(2 * slots) / 2
    elif not wanted.real or iterations == 2:  # rounded twice
        kept -= 0.5
    served = kept - _LEAST_ROOM_BITS
    if wanted.precision_bits > served + TOLERANCE_BITS:
        place = "first" if wanted.slots_first else "last"
        raise ParameterError(
            f"a scale of 2^{scale_bits:g} keeps {served:.1f} bits where SlotsToCoeffs comes {place}"
        )
    share = 4.0 ** (min(wanted.precision_bits, served) - kept)
    return wanted.precision_bits - math.log2(1 - share) / 2


def _rounding_bits(N: int) -> float:
    """log2 of the standard deviation of a rescaling's error in a slot."""
    return math.log2(N) - 2.6


def _levels(wanted: Bootstrapping, slots: int) -> list[tuple[int, int]]:
    """(CoeffsToSlots, SlotsToCoeffs): three to eight steps of the embedding in a matrix."""
    steps = slots.bit_length() - 1
    if wanted.levels is None:
        counts = range(-(-steps // 8), max(1, steps // 3) + 1)
        return [(cts, stc) for cts in counts for stc in counts]
    if max(wanted.levels) > steps:
        raise ParameterError(f"levels = {wanted.levels}: {slots} slots take at most {steps} each")
    return [wanted.levels]


def _with_levels(
    wanted: Bootstrapping,
    iterations: int,
    precision: float,
    N: int,
    scale_bits: float,
    slots: int,
    cts: int,
    stc: int,
) -> Iterator[tuple[BootstrapCircuit, Scales]]:
    interval = interval_for(2 * slots, wanted.failure_bits)
    kinds: tuple[KeyKind, ...] = ("small",) if wanted.small_keys else ("fast",)
    if wanted.key_bytes is not None and wanted.small_keys is None:
        kinds = ("fast", "medium", "small")
    largest = wanted.largest
    if not wanted.slots_first:  # of a coefficient of complex slots
        largest *= math.sqrt(2)
    for degree_of_inverse in DEGREES:
        relative = precision + 2 + math.log2(largest)
        ratio = math.log2(largest) + ratio_bits(
            degree_of_inverse, relative, spread=wanted.slots_first
        )
        ratio = max(ratio, 1.0)  # a scale is below its modulus, even of small messages
        bits = precision + ratio
        if not wanted.slots_first:  # the cosine's own errors of all coefficients meet in a slot
            bits += math.log2(4 * slots / math.pi) + 1
        cosines = list(_cosines(interval, bits))
        for (degree, doublings), keys in itertools.product(cosines, kinds):
            scales = _scales(
                wanted, iterations, precision, N, scale_bits, interval, ratio, slots, (cts, stc),
                keys, degree_of_inverse,
            )  # fmt: skip
            yield (
                BootstrapCircuit(
                    slots=slots,
                    real=wanted.real,
                    slots_first=wanted.slots_first,
                    keys=keys,
                    interval=interval,
                    degree=degree,
                    doublings=doublings,
                    inverse_sine=degree_of_inverse,
                    cts_levels=cts,
                    stc_levels=stc,
                    largest=wanted.largest,
                    iterations=iterations,
                ),
                scales,
            )


def _scales(
    wanted: Bootstrapping,
    iterations: int,
    precision: float,
    N: int,
    scale_bits: float,
    interval: int,
    ratio: float,
    slots: int,
    levels: tuple[int, int],
    keys: KeyKind,
    inverse_sine: int,
) -> Scales:
    cts_levels, stc_levels = levels
    half = math.log2(N) / 2
    rounding = _rounding_bits(N)
    precision += _TAIL_BITS
    if not wanted.slots_first:
        # The error of every coefficient is summed up in a slot.
        lowest = scale_bits
        precision += math.log2(2 * slots) / 2 + 0.5 + (keys != "fast")
        stc = scale_bits
    else:
        # The errors are those of coefficients, sqrt(N) smaller than a slot's.
        lowest = precision + rounding - half + 3.5
        lowest = min(scale_bits, lowest)
        stc = precision + rounding - half + math.log2(slots) / 3 + 2.5
        stc += math.log2(stc_levels) / 2
        # The rounding of matrix entries grows with the message; at 2 it hides behind the rest.
        stc += max(0.0, math.log2(wanted.largest) - 1)
        if iterations == 2:  # a pass begins with a rounding to it: a quarter of the variance
            stc = max(stc, precision + rounding + 1)
        stc = min(scale_bits, stc)
    least = precision + rounding + math.log2(interval) + ratio + _MARGIN_BITS
    first_modulus, cosine = lowest + ratio, least
    steps, repeated = math.log2(slots), math.log2(N // 2 // slots)
    entries = 0.0
    for _ in range(20):
        # Beside the rescaling: the rounding of small matrix entries.
        constant = cosine - first_modulus - math.log2(2 * interval) - repeated
        entries = math.ceil(steps / cts_levels) - 2 - half - constant / cts_levels
        errors = 1 + 4.0**entries
        if keys != "fast":  # every rotation is rounded, and the matrix multiplies what it left
            gain = constant / cts_levels - math.ceil(steps / cts_levels) / 2
            errors += 4.0 ** (min(gain, 0.0) + _STEPPED_BITS[keys])
        cosine = (cosine + least + math.log2(errors) / 2) / 2
    spared = 0.0 if keys != "fast" else max(0.0, min(_MOST_SPARED, _ENTRIES - entries))
    climb = _LEAST_CLIMB
    if inverse_sine == 1:
        # The last doubling is steep: 4 a at an amplitude a^2 = ratio / (2 pi).
        steep = 2 + (ratio - math.log2(2 * math.pi)) / 2
        climb = max(climb, precision + rounding + steep + 1 - scale_bits)
    return Scales(lowest, stc, cosine, first_modulus, spared, climb)


def _cosines(interval: int, bits: float) -> Iterator[tuple[int, int]]:
    """(degree, doublings) that approximate to 2^-bits, the fewest levels first."""
    found: list[tuple[int, int, int]] = []
    for doublings in range(2, 5):  # more of them multiply errors more than they save levels
        # The error of the cosine grows fourfold with each doubling.
        needed = 2.0 ** -(bits + 2 * doublings)
        degree = _chebyshev_degree(2 * math.pi * (interval + ROOM) / 2**doublings, needed)
        found.append((degree.bit_length() + doublings, degree, doublings))
    for _, degree, doublings in sorted(found):
        yield degree, doublings


def _chebyshev_degree(radius: float, error: float) -> int:
    """The degree from which on the Chebyshev coefficients of cos(radius u) add up to no more.

    They are twice the Bessel functions J_k(radius) <= (radius / 2)^k / k!.
    """
    degree = max(2, math.floor(radius))
    while True:
        log_term = degree * math.log(radius / 2) - math.lgamma(degree + 1)
        if degree > radius and log_term + math.log(4) <= math.log(error):
            return degree
        degree += 1

"""What a bootstrap is made of, from what a user knows: numbers only, no ciphertext."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

from he.ckks.bootstrap.inverse_sine import DEGREES, ratio_bits
from he.ckks.bootstrap.overflow import ROOM, interval_for
from he.errors import CorruptBytesError, ParameterError
from he.format.container import checked_values
from he.validation import items_of, real_number, shown, truth_value, whole_number

DEFAULT_FAILURE_BITS = 64

LEAST_PRECISION_BITS, _MOST_PRECISION_BITS = 4, 40

_MARGIN_BITS = 6.2
"""What the evaluation of the cosine adds to the error of its input, in bits."""

_STEPPED_BITS = 3.2
"""log2 of what the rotations of one matrix add by a handful of keys: some sixteen errors."""

_ENTRIES, _MOST_SPARED = -2.5, 10.0
"""log2 of the error of rounded matrix entries where bits are spared, in errors of a rescaling; and
the most bits that are.
"""

_TOLERANCE_BITS = 0.1

_TAIL_BITS = 4.3
"""log2 of the standard deviations that a predicted error covers (`he.ckks.noise.tail_factor`)."""

_LEAST_CLIMB = 4.0
"""Bits by which a level of the cosine may exceed the one below: the last ones add little."""

_LEAST_ROOM_BITS = 0.45
"""Bits that the error of the user's scale must be below the wanted one: nearly half of the variance
is left for the rest.
"""


@dataclass(frozen=True, kw_only=True)
class Bootstrapping:
    """What a user asks of a bootstrap; `CKKSParameters.build(.., bootstrap=..)` answers.

    - `slots`: how many slots carry values, a power of two from 4 to N / 2, which repeat in all the
      others; None is N / 2. Fewer are faster.
    - `precision_bits`: bits after the binary point that a bootstrap keeps in every slot.
    - `largest`: the bound on the absolute value of a slot's real and imaginary part; larger ones
      come out wrong.
    - `real`: only the real parts of slots are kept: EvalMod runs once and not twice. Two real
      vectors travel together as the real and the imaginary part of one.
    - `slots_first`: SlotsToCoeffs comes first, at the lowest levels, and CoeffsToSlots after
      the modulus was raised; False is the original order. The first is faster and more precise.
    - `failure_bits`: a bootstrap fails with a probability of at most 2^-failure_bits.
    - `levels`: how many levels CoeffsToSlots and SlotsToCoeffs take, a pair. None chooses. More
      levels need fewer keys.
    - `key_bytes`: the most that keys may take, as they are sent and stored; None is no bound.
    - `small_keys`: a handful of keys in place of one for each rotation, at about twice the time;
      None takes them where `key_bytes` asks for them.

    Raises `ParameterError` for values out of range.
    """

    slots: int | None = None
    precision_bits: float = 16.0
    largest: float = 1.0
    real: bool = False
    slots_first: bool = True
    failure_bits: int = DEFAULT_FAILURE_BITS
    levels: tuple[int, int] | None = None
    key_bytes: int | None = None
    small_keys: bool | None = None

    def __post_init__(self) -> None:
        if self.slots is not None:
            slots = whole_number(self.slots, "slots", 4)
            if slots & (slots - 1):
                raise ParameterError(f"slots = {slots}: a power of two is needed")
            self._set(slots=slots)
        precision = real_number(self.precision_bits, "precision_bits")
        least, most = LEAST_PRECISION_BITS, _MOST_PRECISION_BITS
        if not least <= precision <= most:
            raise ParameterError(
                f"precision_bits = {precision:g}: it must be from {least} to {most}"
            )
        largest = real_number(self.largest, "largest")
        if not 2.0**-20 <= largest <= 2.0**20:
            raise ParameterError(f"largest = {largest:g}: it must be from 2^-20 to 2^20")
        self._set(precision_bits=precision, largest=largest)
        for name in ("real", "slots_first", "small_keys"):
            if name != "small_keys" or self.small_keys is not None:
                self._set(**{name: truth_value(getattr(self, name), name)})
        if self.key_bytes is not None:
            self._set(key_bytes=whole_number(self.key_bytes, "key_bytes", 1))
        if self.real and not self.slots_first:
            raise ParameterError(
                "real = True needs slots_first = True: in the other order the real parts alone "
                "take as long as complex slots"
            )
        self._set(failure_bits=whole_number(self.failure_bits, "failure_bits", 1, 256))
        if self.levels is not None:
            pair = items_of(self.levels, "levels")
            if len(pair) != 2:
                raise ParameterError(f"levels = {shown(self.levels)}: two numbers are needed")
            self._set(levels=tuple(whole_number(n, "a number of levels", 1, 16) for n in pair))

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class BootstrapCircuit:
    """The numbers of a bootstrap, which a parameter set holds.

    slots, real, slots_first, small_keys: as in `Bootstrapping`. interval: the overflow count I is
    within |I| <= interval. degree, doublings: of the cosine. inverse_sine: the degree of the
    polynomial behind it, 1 for none. cts_levels, stc_levels: of CoeffsToSlots and SlotsToCoeffs.
    largest: as in `Bootstrapping`.

    Raises `ParameterError` for numbers that no circuit has.
    """

    slots: int
    real: bool
    slots_first: bool
    small_keys: bool
    interval: int
    degree: int
    doublings: int
    inverse_sine: int
    cts_levels: int
    stc_levels: int
    largest: float

    def __post_init__(self) -> None:
        limits = {
            "slots": (4, 1 << 16),
            "interval": (1, 1 << 10),
            "degree": (2, 1 << 10),
            "doublings": (0, 10),
            "cts_levels": (1, 16),
            "stc_levels": (1, 16),
        }
        for name, (least, most) in limits.items():
            whole_number(getattr(self, name), name, least, most)
        steps = self.slots.bit_length() - 1
        known = self.slots == 1 << steps and max(self.cts_levels, self.stc_levels) <= steps
        largest = real_number(self.largest, "largest")
        if not known or self.inverse_sine not in DEGREES or not 0 < largest < math.inf:
            raise ParameterError(f"{self}: no bootstrap has these numbers")

    @property
    def small_stc(self) -> bool:
        """Whether SlotsToCoeffs has a handful of keys, too: at the lowest levels all are small."""
        return self.small_keys and not self.slots_first

    @property
    def cosine_levels(self) -> int:
        """Levels of the cosine and of the inverse sine."""
        inverse = self.inverse_sine.bit_length() if self.inverse_sine > 1 else 0
        return self.degree.bit_length() + self.doublings + inverse

    @property
    def levels(self) -> int:
        """Levels between the highest and that of a refreshed ciphertext."""
        after = 0 if self.slots_first else self.stc_levels
        return self.cts_levels + self.cosine_levels + after

    @property
    def input_level(self) -> int:
        """The level at which a bootstrap starts: ciphertexts of higher levels are moved there."""
        return self.stc_levels if self.slots_first else 0

    def stored(self) -> list[object]:
        """Every field, in order: what bytes and the id of a parameter set hold."""
        return [getattr(self, field.name) for field in fields(self)]

    @classmethod
    def read(cls, items: object) -> Self:
        """The inverse of `stored`; raises `CorruptBytesError`."""
        kinds = [float if field.name == "largest" else int for field in fields(cls)]
        for place, field in enumerate(fields(cls)):
            if field.type == "bool":
                kinds[place] = bool
        values = checked_values(items, "a bootstrap", *kinds)
        named = dict(zip([field.name for field in fields(cls)], values, strict=True))
        try:
            return cls(**named)
        except ParameterError as error:
            raise CorruptBytesError(f"the bytes hold no bootstrap: {error}") from error


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


def circuits(wanted: Bootstrapping, N: int, scale_bits: float) -> Iterator[
    tuple[BootstrapCircuit, Scales]
]:
    """Circuits that reach the wanted precision.

    The cosine is of ``2 pi (K u - 1/4) / 2^d`` at u in [-1, 1], doubled d times; its error must
    not show. The errors are those of `he.ckks.bootstrap.prediction`, in short.

    Raises `ParameterError` for more slots than the ring has.
    """
    slots = N // 2 if wanted.slots is None else wanted.slots
    if slots > N // 2:
        raise ParameterError(f"slots = {slots}: N = {N} has {N // 2}")
    inner = _inner_precision(wanted, N, scale_bits, slots)
    for cts, stc in _levels(wanted, slots):
        yield from _with_levels(wanted, inner, N, scale_bits, slots, cts, stc)


def _inner_precision(wanted: Bootstrapping, N: int, scale_bits: float, slots: int) -> float:
    """The bits that are left to all steps but the last, so that the wanted ones remain behind it:
    the last rescaling rounds at the user's scale.

    Raises `ParameterError` where that scale alone keeps too few bits.
    """
    kept = scale_bits - _rounding_bits(N) - _TAIL_BITS
    if not wanted.slots_first:  # every coefficient, of that scale and rounded, meets in a slot
        kept -= math.log2(2 * slots) / 2
    elif not wanted.real:  # two parts, rounded apart
        kept -= 0.5
    served = kept - _LEAST_ROOM_BITS
    if wanted.precision_bits > served + _TOLERANCE_BITS:
        needed = math.ceil(scale_bits + wanted.precision_bits - served)
        place = "first" if wanted.slots_first else "last"
        others = "" if wanted.slots_first else ", or slots_first=True"
        raise ParameterError(
            f"a scale of 2^{scale_bits:g} keeps {served:.1f} bits where SlotsToCoeffs comes "
            f"{place}: take scale_bits={needed} or more{others}"
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
    precision: float,
    N: int,
    scale_bits: float,
    slots: int,
    cts: int,
    stc: int,
) -> Iterator[tuple[BootstrapCircuit, Scales]]:
    interval = interval_for(2 * slots, wanted.failure_bits)
    choices = (False, True) if wanted.small_keys is None else (wanted.small_keys,)
    if wanted.key_bytes is None and wanted.small_keys is None:
        choices = (False,)
    largest = wanted.largest
    if not wanted.slots_first:  # of a coefficient of complex slots
        largest *= math.sqrt(2)
    for degree_of_inverse in DEGREES:
        relative = precision + 2 + math.log2(largest)
        ratio = math.log2(largest) + ratio_bits(
            degree_of_inverse, relative, spread=wanted.slots_first
        )
        bits = precision + ratio
        if not wanted.slots_first:  # the cosine's own errors of all coefficients meet in a slot
            bits += math.log2(4 * slots / math.pi) + 1
        cosines = list(_cosines(interval, bits))
        for (degree, doublings), small_keys in itertools.product(cosines, choices):
            scales = _scales(
                wanted, precision, N, scale_bits, interval, ratio, slots, (cts, stc), small_keys,
                degree_of_inverse,
            )  # fmt: skip
            yield (
                BootstrapCircuit(
                    slots=slots,
                    real=wanted.real,
                    slots_first=wanted.slots_first,
                    small_keys=small_keys,
                    interval=interval,
                    degree=degree,
                    doublings=doublings,
                    inverse_sine=degree_of_inverse,
                    cts_levels=cts,
                    stc_levels=stc,
                    largest=wanted.largest,
                ),
                scales,
            )


def _scales(
    wanted: Bootstrapping,
    precision: float,
    N: int,
    scale_bits: float,
    interval: int,
    ratio: float,
    slots: int,
    levels: tuple[int, int],
    small_keys: bool,
    inverse_sine: int,
) -> Scales:
    cts_levels, stc_levels = levels
    half = math.log2(N) / 2
    rounding = _rounding_bits(N)
    precision += _TAIL_BITS
    if not wanted.slots_first:
        # The error of every coefficient is summed up in a slot.
        lowest = scale_bits
        precision += math.log2(2 * slots) / 2 + 0.5 + small_keys
        stc = scale_bits
    else:
        # The errors are those of coefficients, sqrt(N) smaller than a slot's.
        lowest = precision + rounding - half + 3.5
        lowest = min(scale_bits, lowest)
        stc = min(scale_bits, precision + rounding - half + math.log2(slots) / 3 + 2.5)
        stc = min(scale_bits, stc + math.log2(stc_levels) / 2)
    least = precision + rounding + math.log2(interval) + ratio + _MARGIN_BITS
    first_modulus, cosine = lowest + ratio, least
    steps, repeated = math.log2(slots), math.log2(N // 2 // slots)
    entries = 0.0
    for _ in range(20):
        # Beside the rescaling: the rounding of small matrix entries.
        constant = cosine - first_modulus - math.log2(2 * interval) - repeated
        entries = math.ceil(steps / cts_levels) - 2 - half - constant / cts_levels
        errors = 1 + 4.0**entries
        if small_keys:  # every rotation is rounded, and the matrix multiplies what it left
            gain = constant / cts_levels - math.ceil(steps / cts_levels) / 2
            errors += 4.0 ** (min(gain, 0.0) + _STEPPED_BITS)
        cosine = (cosine + least + math.log2(errors) / 2) / 2
    spared = 0.0 if small_keys else max(0.0, min(_MOST_SPARED, _ENTRIES - entries))
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

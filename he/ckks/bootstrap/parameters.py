"""What a user asks of a bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

from he.errors import ParameterError
from he.validation import items_of, real_number, shown, truth_value, whole_number

DEFAULT_FAILURE_BITS = 64

LEAST_PRECISION_BITS, _MOST_PRECISION_BITS = 4, 40


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
    - `small_keys`: a handful of keys in place of one for each rotation, which take more time; None
      takes them, or keys for some of the rotations, where `key_bytes` asks for them.
    - `iterations`: 2 bootstraps twice: the second pass refreshes what the first is off by, scaled
      up, so that the bits of both add up, in twice the time (META-BTS: Bae, Cheon, Cho, Kim, Kim,
      CCS 2022). None takes 2 where one pass cannot keep the precision.

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
    iterations: int | None = None

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
        if self.iterations is not None:
            self._set(iterations=whole_number(self.iterations, "iterations", 1, 2))
            if self.iterations == 2 and not self.slots_first:
                raise ParameterError(
                    "iterations = 2 needs slots_first = True: in the other order the user's scale "
                    "limits the precision"
                )
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

"""What a CKKS parameter set knows of its levels: moduli, scales, and what operations add there."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

from he.ckks.noise import NoiseModel
from he.errors import ParameterError
from he.rlwe.params import RLWEParameters
from he.validation import items_of, real_number, whole_number

_LEAST_FACTOR = 2.0**20


@dataclass(frozen=True, kw_only=True)
class ScaledLevels(RLWEParameters):
    """`RLWEParameters` with a scale for each level; `CKKSParameters` are built of it.

    What predicts and plans asks for no more, and so can take part in building a parameter set.
    """

    scales: tuple[float, ...]

    def _make_plain(self) -> None:
        super()._make_plain()
        scales = items_of(self.scales, "scales")
        self._set(scales=tuple(real_number(scale, "a scale") for scale in scales))

    def _check_scheme(self) -> None:
        if len(self.scales) != len(self.levels):
            raise ParameterError(f"{len(self.scales)} scales for {len(self.levels)} levels")
        for level, scale in enumerate(self.scales):
            if not 1 < scale < self.level_moduli[level]:
                raise ParameterError(
                    f"scale {scale:g} of level {level}: it must be above 1 and below the modulus "
                    f"of the level, {self.level_moduli[level]:g}"
                )

    def quotient(self, level: int, lower: int) -> float:
        """Q_level / Q_lower."""
        return float(Fraction(self.modulus(level), self.modulus(lower)))

    def dropped(self, level: int, lower: int) -> tuple[int, float]:
        """The integer by which `Evaluator.drop_limbs` multiplies on the way from a level to a lower
        one, and what it makes of a scale of 1: 1 and 1.0 where the upper level holds the lower one.
        """
        if self.at(level).holds(self.at(lower)):
            return 1, 1.0
        quotient = Fraction(self.modulus(level), self.modulus(lower))
        integer = round(quotient)
        return integer, float(integer / quotient)

    def factor_scale(self, level: int, power: int = 1) -> float:
        """The scale of a factor that makes products canonical: with values at scales[level]^power,
        rescaled, they have the canonical scale of the level below.
        """
        level = whole_number(level, "level", 1, self.max_level)
        power = whole_number(power, "power", 0, 2)
        own = self.scales[level]
        return self.scales[level - 1] * self.divisors[level] / own**power

    def last_factor(self, scale: float, level: int, lower: int) -> tuple[float, int]:
        """What brings a ciphertext at `scale` from a level to the canonical scale of a lower one.

        It is multiplied by the number, rounded, at the level of which the integer says how far it
        is above the lower one, and rescaled as often: so often that the number is 2^20 or more,
        where the upper level allows it. Raises `ParameterError` for levels that are not one below
        the other, or a scale that is not positive.
        """
        scale = real_number(scale, "scale")
        if not scale > 0:
            raise ParameterError(f"scale = {scale:g}: it must be above 0")
        level = whole_number(level, "level", 1, self.max_level)
        lower = whole_number(lower, "lower", 0, level - 1)
        factor, count = self.scales[lower] / scale, 0
        while not count or (lower + count < level and factor < _LEAST_FACTOR):
            count += 1
            factor *= self.divisors[lower + count]
        return factor, count

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

    @functools.cached_property
    def noise_model(self) -> NoiseModel:
        """What each operation under these parameters is predicted to add to a slot's error."""
        return NoiseModel(self)

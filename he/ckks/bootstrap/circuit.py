"""The numbers of a bootstrap, which a parameter set holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, Self

from he.ckks.bootstrap.inverse_sine import DEGREES
from he.errors import CorruptBytesError, ParameterError
from he.format.container import checked_values
from he.validation import real_number, whole_number

KeyKind = Literal["fast", "medium", "small"]
"""The keys of a matrix: one for each rotation; one for each baby step, and one for all giant steps;
or one for all of each.
"""

_STORED: dict[KeyKind, object] = {"fast": False, "medium": "medium", "small": True}


@dataclass(frozen=True, kw_only=True)
class BootstrapCircuit:
    """The numbers of a bootstrap, which a parameter set holds.

    slots, real, slots_first: as in `Bootstrapping`. keys: of the matrices. interval: the overflow
    count I is within |I| <= interval. degree, doublings: of the cosine. inverse_sine: the degree of
    the polynomial behind it, 1 for none. cts_levels, stc_levels: of CoeffsToSlots and
    SlotsToCoeffs. largest: as in `Bootstrapping`. iterations: passes, one or two.

    Raises `ParameterError` for numbers that no circuit has.
    """

    slots: int
    real: bool
    slots_first: bool
    keys: KeyKind
    interval: int
    degree: int
    doublings: int
    inverse_sine: int
    cts_levels: int
    stc_levels: int
    largest: float
    iterations: int = 1

    def __post_init__(self) -> None:
        limits = {
            "slots": (4, 1 << 16),
            "interval": (1, 1 << 10),
            "degree": (2, 1 << 10),
            "doublings": (0, 10),
            "cts_levels": (1, 16),
            "stc_levels": (1, 16),
            "iterations": (1, 2),
        }
        for name, (least, most) in limits.items():
            whole_number(getattr(self, name), name, least, most)
        steps = self.slots.bit_length() - 1
        known = self.slots == 1 << steps and max(self.cts_levels, self.stc_levels) <= steps
        largest = real_number(self.largest, "largest")
        known = known and (self.slots_first or self.iterations == 1)
        known = known and self.keys in _STORED and self.inverse_sine in DEGREES
        if not known or not 0 < largest < math.inf:
            raise ParameterError(f"{self}: no bootstrap has these numbers")

    @property
    def stc_keys(self) -> KeyKind:
        """The keys of SlotsToCoeffs: at the lowest levels all are small."""
        return "fast" if self.slots_first else self.keys

    @property
    def cosine_levels(self) -> int:
        """Levels of the cosine and of the inverse sine."""
        inverse = self.inverse_sine.bit_length() if self.inverse_sine > 1 else 0
        return self.degree.bit_length() + self.doublings + inverse

    @property
    def levels(self) -> int:
        """Levels between the highest and that of a refreshed ciphertext."""
        after = 0 if self.slots_first else self.stc_levels
        return self.cts_levels + self.cosine_levels + after + self.iterations - 1

    @property
    def input_level(self) -> int:
        """The level at which a bootstrap starts: ciphertexts of higher levels are moved there."""
        return self.stc_levels + self.iterations - 1 if self.slots_first else 0

    def stored(self) -> list[object]:
        """Every field, in order: what bytes and the id of a parameter set hold."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["keys"] = _STORED[self.keys]
        if self.iterations == 1:  # as those who knew of one pass
            del values["iterations"]
        return list(values.values())

    @classmethod
    def read(cls, items: object) -> Self:
        """The inverse of `stored`; raises `CorruptBytesError`."""
        names = [field.name for field in fields(cls)]
        if isinstance(items, list) and len(items) < len(names):
            names.remove("iterations")
        place = names.index("keys")
        word = isinstance(items, list) and len(items) > place and isinstance(items[place], str)
        kinds: dict[str, type] = dict.fromkeys(names, int)
        kinds |= {"largest": float, "keys": str if word else bool}
        kinds |= {"real": bool, "slots_first": bool}
        named = dict(
            zip(names, checked_values(items, "a bootstrap", *kinds.values()), strict=True)
        )
        known = {stored: kind for kind, stored in _STORED.items()}
        named["keys"] = known.get(named["keys"], named["keys"])
        try:
            made = cls(**named)
        except ParameterError as error:
            raise CorruptBytesError(f"the bytes hold no bootstrap: {error}") from error
        if made.stored() != items:
            raise CorruptBytesError(f"the bytes hold {made} in a form that nobody writes")
        return made

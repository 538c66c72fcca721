"""What the three modular multipliers have in common, and their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

from amaranth.hdl import Elaboratable
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.tiling import TILE_18X18, Tile
from rtl.errors import BlockModulusError, WidthError

MIN_WIDTH, MAX_WIDTH = 8, 64


def check_width(width: int) -> None:
    """Raise `WidthError` unless blocks of `width` bits exist."""
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        nearest = min(max(width, MIN_WIDTH), MAX_WIDTH)
        raise WidthError(
            f"width of {width} bits: blocks exist from {MIN_WIDTH} to {MAX_WIDTH} bits; "
            f"the nearest is {nearest}"
        )


@dataclass(frozen=True)
class ModularMultiplier(ABC):
    """``p = a * b / R mod q`` for a, b in [0, q), the modulus q chosen at run time.

    R is 1 or a power of two (`radix`). With b kept as ``b R mod q`` (its *factor form*, see
    `factor`) the result is the plain product ``a b mod q``.
    """

    width: int
    tile: Tile = TILE_18X18

    reduction: ClassVar[str]

    def __post_init__(self) -> None:
        check_width(self.width)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from operands to result."""

    @property
    @abstractmethod
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that the tiling asks for."""

    @property
    @abstractmethod
    def radix(self) -> int:
        """R."""

    @property
    def candidates(self) -> range:
        """The numbers among which the moduli of this block are."""
        return range(3, 1 << self.width, 2)

    @property
    def constant_widths(self) -> dict[str, int]:
        """Name and width of the run-time constants of a modulus, q first."""
        return {"q": self.width}

    def constants(self, q: int) -> dict[str, int]:
        """The run-time constants of the modulus q."""
        self.check_modulus(q)
        return {"q": q}

    def check_modulus(self, q: int) -> None:
        """Raise `BlockModulusError` unless this block can work modulo q."""
        if q < 3 or q % 2 == 0:
            raise BlockModulusError(f"modulus {q} does not fit: it must be odd and at least 3")
        if q >= 1 << self.width:
            raise BlockModulusError(
                f"modulus {q} has {q.bit_length()} bits, the block has {self.width}: "
                f"use a width of {q.bit_length()}"
            )

    @property
    def constants_layout(self) -> StructLayout:
        """The run-time constants side by side, the first in the lowest bits."""
        return StructLayout(self.constant_widths)

    def packed_constants(self, q: int) -> int:
        """`constants(q)` as the number that `constants_layout` describes."""
        packed = position = 0
        for name, value in self.constants(q).items():
            packed |= value << position
            position += self.constant_widths[name]
        return packed

    def factor(self, b: int, q: int) -> int:
        """The factor form ``b R mod q`` of b."""
        return b * self.radix % q

    def golden(self, a: int, b: int, q: int) -> int:
        """``a b / R mod q``."""
        return a * b * pow(self.radix, -1, q) % q

    def signature(self) -> dict[str, object]:
        """Ports: operands a, b; constants `modulus`, which must hold still for `latency` cycles
        after each operand pair marked by `load`; result p."""
        return {
            "a": In(self.width),
            "b": In(self.width),
            "load": In(1),
            "modulus": In(self.constants_layout),
            "p": Out(self.width),
        }

    @abstractmethod
    def hardware(self) -> Elaboratable:
        """The block itself."""

    def describe(self) -> dict[str, object]:
        """The parameters as plain data, for reports."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["tile"] = self.tile.name
        return {"reduction": self.reduction, **plain}

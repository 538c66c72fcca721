"""The modular multipliers by name."""

from __future__ import annotations

from rtl.arithmetic.barrett import Barrett
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.montgomery import Montgomery, WordMontgomery
from rtl.arithmetic.tiling import TILE_18X18, Tile
from rtl.errors import OptionError

REDUCTIONS = ("barrett", "montgomery", "word")


def modular_multiplier(
    reduction: str, width: int, tile: Tile = TILE_18X18, word_bits: int = 17
) -> ModularMultiplier:
    """The modular multiplier with this reduction. Only the reduction `word` uses `word_bits`.

    Raises `OptionError` for an unknown reduction, `WidthError`.
    """
    if reduction == "barrett":
        return Barrett(width, tile)
    if reduction == "montgomery":
        return Montgomery(width, tile)
    if reduction == "word":
        return WordMontgomery(width, tile, word_bits)
    raise OptionError(
        f"reduction {reduction!r} does not exist: choose one of {', '.join(REDUCTIONS)}"
    )

"""The blocks that are measured."""

from __future__ import annotations

import pytest

from rtl.arithmetic.tiling import PLAIN, TILE_18X18, TILE_24X17
from rtl.characterize.blocks import word_bits


@pytest.mark.parametrize(("width", "tile", "bits"), [
    (28, TILE_18X18, 14), (36, TILE_18X18, 18), (50, TILE_18X18, 17), (50, TILE_24X17, 17),
    (60, TILE_24X17, 15), (60, PLAIN, 15),
])  # fmt: skip
def test_word_bits__even_shares_that_fit_the_tile(width, tile, bits):
    assert word_bits(width, tile) == bits

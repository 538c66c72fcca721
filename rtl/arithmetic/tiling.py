"""How a wide multiplication is cut into the hard multipliers of a target."""

from __future__ import annotations

from dataclasses import dataclass

from rtl.errors import OptionError


@dataclass(frozen=True)
class Tile:
    """One hard multiplier of a target: an unsigned `a_bits` x `b_bits` product.

    A product with a side of at most `logic_bits` bits is made of logic instead.
    """

    name: str
    a_bits: int
    b_bits: int
    logic_bits: int

    def uses_multiplier(self, a_width: int, b_width: int) -> bool:
        """Whether a product of factors of these widths, in bits, occupies a hard multiplier."""
        return bool(self.a_bits) and min(a_width, b_width) > self.logic_bits


PLAIN = Tile("plain", 0, 0, 0)
"""One product of any width: for standard cells, where the mapper builds the multiplier."""
TILE_18X18 = Tile("18x18", 18, 18, 2)
"""Lattice ECP5 (MULT18X18D)."""
TILE_24X17 = Tile("24x17", 24, 17, 2)
"""AMD 7-series (DSP48E1: 25x18 signed)."""
TILE_26X17 = Tile("26x17", 26, 17, 2)
"""AMD UltraScale (DSP48E2: 27x18 signed)."""

TILE_14X14 = Tile("14x14", 14, 14, 2)
"""Standard cells, words of 28 bits: shorter products, more stages, a faster clock."""

TILES = {
    tile.name: tile for tile in (PLAIN, TILE_18X18, TILE_24X17, TILE_26X17, TILE_14X14)
}


def tile_named(name: str) -> Tile:
    """The tile of that name; raises `OptionError` for an unknown one."""
    if name not in TILES:
        raise OptionError(f"tile {name!r} does not exist: choose one of {', '.join(TILES)}")
    return TILES[name]


@dataclass(frozen=True)
class Piece:
    """One partial product: a[a_low:a_high] * b[b_low:b_high], worth 2^(a_low + b_low)."""

    a_low: int
    a_high: int
    b_low: int
    b_high: int

    @property
    def offset(self) -> int:
        """The position of the product's lowest bit in the whole product."""
        return self.a_low + self.b_low

    @property
    def width(self) -> int:
        """Bits of the product. A factor of a single bit adds none."""
        a, b = self.a_high - self.a_low, self.b_high - self.b_low
        return a + b if min(a, b) > 1 else max(a, b)

    @property
    def end(self) -> int:
        """The position behind the product's highest bit."""
        return self.offset + self.width


def cut(width: int, size: int) -> list[tuple[int, int]]:
    """[0, width) in chunks of `size` bits, the last may be shorter; one chunk if size is 0."""
    size = size or width
    return [(low, min(low + size, width)) for low in range(0, width, size)]


def pieces(a_width: int, b_width: int, tile: Tile, keep: int) -> list[Piece]:
    """The partial products on which the low `keep` bits of an a_width x b_width product depend."""
    return [
        Piece(a_low, a_high, b_low, b_high)
        for a_low, a_high in cut(a_width, tile.a_bits)
        for b_low, b_high in cut(b_width, tile.b_bits)
        if a_low + b_low < keep
    ]


def best_orientation(a_width: int, b_width: int, tile: Tile, keep: int) -> bool:
    """Whether swapping the operands uses fewer hard multipliers."""

    def count(parts: list[Piece]) -> int:
        return sum(tile.uses_multiplier(p.a_high - p.a_low, p.b_high - p.b_low) for p in parts)

    straight = count(pieces(a_width, b_width, tile, keep))
    return count(pieces(b_width, a_width, tile, keep)) < straight


def rows(parts: list[Piece]) -> list[list[Piece]]:
    """The partial products packed into as few rows as possible; no two of a row overlap.

    A row is a concatenation of wires, so that n rows need n - 1 adders. The greedy choice by
    offset is optimal for intervals.
    """
    packed: list[list[Piece]] = []
    for part in sorted(parts, key=lambda p: (p.offset, p.end)):
        for row in packed:
            if row[-1].end <= part.offset:
                row.append(part)
                break
        else:
            packed.append([part])
    return packed

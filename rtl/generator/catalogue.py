"""The blocks of the generator by name, made from plain options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ntt
from ntt.modulus import MAX_MODULUS_BITS, find_primes
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.reductions import modular_multiplier
from rtl.arithmetic.tiling import tile_named
from rtl.errors import BlockModulusError, GeometryError, OptionError, WidthError
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.expander import SeedExpander, most_rounds
from rtl.units.geometry import check_geometry
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import PointwiseUnit
from rtl.units.stream_unit import StreamUnit

MOST_MODULI = 1024
"""Of a table; an encrypted run needs some tens."""

AnyBlock = ModularMultiplier | Butterfly | StreamUnit


@dataclass(frozen=True)
class BlockOptions:
    """The parameters of a block; each block uses those that it needs.

    moduli: primes. If empty, they are the `moduli_count` largest primes of `width` bits that fit.
    word_bits: for the word-level reduction; None for log2(2N), which fits every modulus of an NTT.
    rounds: of the cipher of a seed expander; None for the most that its lanes take.
    """

    width: int = 50
    reduction: str = "word"
    tile: str = "18x18"
    word_bits: int | None = None
    N: int = 1024
    butterflies: int = 1
    buffers: int = 1
    twiddles: str = "stored"
    moduli: tuple[int, ...] = field(default=())
    moduli_count: int = 1
    rounds: int | None = None

    @property
    def multiplier(self) -> ModularMultiplier:
        """The modular multiplier. Raises `OptionError`, `WidthError`."""
        word_bits = self.word_bits
        if word_bits is None:
            word_bits = min((2 * self.N).bit_length() - 1, self.width - 1)
        if self.reduction == "barrett" and self.width > MAX_MODULUS_BITS:
            raise WidthError(
                f"width of {self.width} bits: a Barrett block takes moduli of exactly its width, "
                f"and those of ntt have at most {MAX_MODULUS_BITS}: the nearest is "
                f"{MAX_MODULUS_BITS}, or choose the reduction montgomery or word"
            )
        return modular_multiplier(self.reduction, self.width, tile_named(self.tile), word_bits)

    def primes(self) -> tuple[int, ...]:
        """The table of moduli. Raises `BlockModulusError` if too few primes fit."""
        if self.moduli:
            return self.moduli
        if self.moduli_count > MOST_MODULI:
            raise BlockModulusError(
                f"a table of {self.moduli_count} moduli: it has at most {MOST_MODULI}"
            )
        word_bits = self.word_bits or 0
        N = max(self.N, 1 << max(word_bits - 1, 3))
        try:
            return find_primes(min(self.width, MAX_MODULUS_BITS), N, self.moduli_count)
        except ntt.ArithmeticLayerError as error:
            widths = sorted(range(3, MAX_MODULUS_BITS + 1), key=lambda bits: abs(bits - self.width))
            nearest = next((bits for bits in widths if self._has_primes(bits, N)), None)
            choice = f"; the nearest width that has them is {nearest}" if nearest else ""
            raise BlockModulusError(f"{error}{choice}") from error

    def _has_primes(self, bits: int, N: int) -> bool:
        try:
            return bool(find_primes(bits, N, self.moduli_count))
        except ntt.ArithmeticLayerError:
            return False


def _modmul(options: BlockOptions) -> ModularMultiplier:
    return options.multiplier


def _butterfly(options: BlockOptions) -> Butterfly:
    return Butterfly(options.multiplier)


def _ntt(options: BlockOptions) -> NTTUnit:
    check_geometry(options.N, options.butterflies, "butterflies")
    multiplier = options.multiplier
    return NTTUnit(
        options.N,
        options.butterflies,
        options.primes(),
        multiplier,
        options.buffers,
        options.twiddles,
    )


def _pointwise(options: BlockOptions) -> PointwiseUnit:
    check_geometry(options.N, 1)
    unit = PointwiseUnit(options.butterflies, options.primes(), options.multiplier)
    if options.N % unit.lanes:
        nearest = 1 << (unit.lanes.bit_length() - 1)
        raise GeometryError(
            f"{unit.lanes} lanes for N = {options.N}: a limb is no whole number of beats; the "
            f"nearest that fits is {nearest}"
        )
    return unit


def _automorphism(options: BlockOptions) -> AutomorphismUnit:
    check_geometry(options.N, options.butterflies)
    return AutomorphismUnit(
        options.N, options.butterflies, options.primes(), options.width, options.buffers
    )


def _expander(options: BlockOptions) -> SeedExpander:
    check_geometry(options.N, options.butterflies)
    lanes, rounds = options.butterflies, options.rounds
    return SeedExpander(
        options.N,
        lanes,
        options.primes(),
        options.width,
        most_rounds(lanes) if rounds is None else rounds,
    )


BLOCKS: dict[str, Callable[[BlockOptions], AnyBlock]] = {
    "modmul": _modmul,
    "butterfly": _butterfly,
    "ntt": _ntt,
    "pointwise": _pointwise,
    "automorphism": _automorphism,
    "expander": _expander,
}


def make(name: str, options: BlockOptions) -> AnyBlock:
    """The block of this name. Raises `OptionError`, and the errors of the block's parameters."""
    if name not in BLOCKS:
        raise OptionError(f"block {name!r} does not exist: choose one of {', '.join(BLOCKS)}")
    return BLOCKS[name](options)

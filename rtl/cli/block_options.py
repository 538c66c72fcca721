"""The options that describe a block, and the block that they describe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtl.generator.catalogue import AnyBlock

BLOCK_NAMES = ("modmul", "butterfly", "ntt", "pointwise", "automorphism")


def add_block_options(parser: argparse.ArgumentParser) -> None:
    """Add the name of a block and all its parameters."""
    parser.add_argument("block", choices=BLOCK_NAMES)
    parser.add_argument("--width", type=int, default=50, help="bits of a residue (default 50)")
    parser.add_argument(
        "--reduction", default="word", help="barrett, montgomery or word (default word)"
    )
    parser.add_argument(
        "--word-bits", type=int, help="bits of a word of the reduction word (default log2 2N)"
    )
    parser.add_argument(
        "--tile", default="18x18", help="plain, 14x14, 18x18, 24x17 or 26x17 (default 18x18)"
    )
    parser.add_argument("--N", type=int, default=1024, help="ring degree (default 1024)")
    parser.add_argument(
        "--butterflies", type=int, default=1, help="butterflies, or lanes (default 1)"
    )
    parser.add_argument(
        "--buffers", type=int, default=1, help="1, or 2 to overlap streams and work (default 1)"
    )
    parser.add_argument(
        "--twiddles", default="stored", help="stored or generated (default stored)"
    )
    parser.add_argument("--moduli", type=int, nargs="+", default=[], help="the primes")
    parser.add_argument(
        "--moduli-count", type=int, default=1, help="without --moduli: primes to find (default 1)"
    )


def block_of(options: argparse.Namespace) -> AnyBlock:
    """The block that the options describe. Raises as `rtl.generator.catalogue.make`."""
    from rtl.generator import catalogue

    return catalogue.make(
        options.block,
        catalogue.BlockOptions(
            width=options.width,
            reduction=options.reduction,
            tile=options.tile,
            word_bits=options.word_bits,
            N=options.N,
            butterflies=options.butterflies,
            buffers=options.buffers,
            twiddles=options.twiddles,
            moduli=tuple(options.moduli),
            moduli_count=options.moduli_count,
        ),
    )

"""The options that describe a block, and the block that they describe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtl.generator.catalogue import AnyBlock

DEFAULTS: dict[str, object] = {
    "width": 50, "reduction": "word", "word_bits": None, "tile": "18x18", "N": 1024,
    "butterflies": 1, "buffers": 1, "twiddles": "stored", "moduli": [], "moduli_count": 1,
    "rounds": None,
}  # fmt: skip
"""The values of the options that are not given."""


USED = {
    "modmul": {"width", "reduction", "word_bits", "tile"},
    "butterfly": {"width", "reduction", "word_bits", "tile"},
    "ntt": {
        "width", "reduction", "word_bits", "tile", "N", "butterflies", "buffers", "twiddles",
        "moduli", "moduli_count",
    },
    "pointwise": {
        "width", "reduction", "word_bits", "tile", "N", "butterflies", "moduli", "moduli_count",
    },
    "automorphism": {"width", "N", "butterflies", "buffers", "moduli", "moduli_count"},
    "expander": {"width", "N", "butterflies", "moduli", "moduli_count", "rounds"},
}  # fmt: skip
"""Block -> the options that it uses. N also says which words of a reduction fit."""
BLOCK_NAMES = tuple(USED)


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
        "--butterflies", "--lanes", type=int, default=1,
        help="butterflies of ntt, lanes of the other units (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "--buffers", type=int, default=1, help="1, or 2 to overlap streams and work (default 1)"
    )
    parser.add_argument("--twiddles", default="stored", help="stored or generated (default stored)")
    parser.add_argument("--moduli", type=int, nargs="+", default=[], help="the primes")
    parser.add_argument(
        "--moduli-count", type=int, default=1, help="without --moduli: primes to find (default 1)"
    )
    parser.add_argument(
        "--rounds", type=int, help="of the expander's cipher in hardware: 2, 4, 10 or 20 (default: "
        "the most that its lanes take)",
    )  # fmt: skip


def check_used(options: argparse.Namespace) -> None:
    """Raise `OptionError` where an option that is given is not one of the block."""
    from rtl.errors import OptionError

    used = USED[options.block] | ({"N"} if options.reduction == "word" else set())
    for name, default in DEFAULTS.items():
        if name not in used and getattr(options, name) != default:
            flags = ", ".join(f"--{word.replace('_', '-')}" for word in sorted(used))
            raise OptionError(
                f"--{name.replace('_', '-')} {getattr(options, name)}: {options.block} does not "
                f"use it: leave it out; it uses {flags}"
            )
    if options.word_bits is not None and options.reduction != "word" and "word_bits" in used:
        raise OptionError(
            f"--word-bits {options.word_bits}: only --reduction word has words: leave it out, or "
            "choose that reduction"
        )


def block_of(options: argparse.Namespace) -> AnyBlock:
    """The block that the options describe. Raises as `rtl.generator.catalogue.make`."""
    from rtl.generator import catalogue

    check_used(options)
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
            rounds=options.rounds,
        ),
    )

"""Two passes of a bootstrap, the second on what the first is off by.

META-BTS: Bae, Cheon, Cho, Kim, Kim, "META-BTS: bootstrapping precision beyond the limit", CCS 2022,
ePrint 2022/1167, algorithm 2.
"""

from __future__ import annotations

from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator


def residual(
    evaluator: Evaluator, x: Ciphertext, first: Ciphertext, factor_bits: int
) -> Ciphertext:
    """What the first pass of x is off by, times 2^factor_bits: at the level of x."""
    off = evaluator.subtract(x, evaluator.drop_to(first, x.level))
    return evaluator.multiply_integer(off, 1 << factor_bits)


def mended(
    evaluator: Evaluator, first: Ciphertext, second: Ciphertext, factor_bits: int
) -> Ciphertext:
    """The first pass and the refreshed residual together, one level lower."""
    scale = evaluator.params.scales[first.level]
    factors = (1.0, 2.0**-factor_bits)
    one, other = (
        evaluator.multiply_plain(
            part, evaluator.encoder.encode(factor, first.level, scale), rescale=False
        )
        for part, factor in zip((first, second), factors, strict=True)
    )
    total = evaluator.rescale(evaluator.add(one, other))
    # To the bit: the product of scales was rounded.
    return evaluator.result(total.data, evaluator.params.scales[total.level], total.level)

"""The digits of a polynomial (`convert_digits`) for any backend, of its own kernels."""

from __future__ import annotations

from ntt.backends.contract import Conversion
from ntt.jit import inline


@inline
def convert_digits(
    convert_forward, multiply_scalar, out, x, y, first, conversion, rows, tables, lo, hi
):
    """`ntt.backends.contract.Kernels.convert_digits`, digit by digit."""
    spans, scales, scales_shoup = conversion.spans, conversion.scales, conversion.scales_shoup
    limbs, N = out.shape[1], out.shape[2]
    for d in range(lo // limbs, (hi + limbs - 1) // limbs):
        begin, end = spans[d, 0], spans[d, 1]
        start, stop = max(lo - d * limbs, 0), min(hi - d * limbs, limbs)
        own = min(max(begin - first, start), stop)
        after = min(max(end - first, start), stop)
        target, sources = out[d], y[begin:end]
        of_digit = Conversion(
            conversion.weights[d], conversion.weights_shoup[d], conversion.offsets[d]
        )
        convert_forward(target, sources, of_digit, rows, tables, start, own)
        if scales.size:
            multiply_scalar(target, x[first:], scales, scales_shoup, rows, tables, own, after)
        else:
            for r in range(own, after):
                for i in range(N):
                    target[r, i] = x[first + r, i]
        convert_forward(target, sources, of_digit, rows, tables, after, stop)

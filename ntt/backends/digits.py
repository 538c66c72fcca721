"""The digits of a polynomial (`ntt.limbs.LimbOps.convert_digits`) for any backend."""

from __future__ import annotations

from ntt.jit import inline


@inline
def convert_digits(
    convert_forward, multiply_scalar, out, x, y, first, spans, scales, scales_shoup, weights,
    weights_shoup, offsets, rows, tables, lo, hi
):
    """Limbs [lo, hi) of out (digits, limbs, N), counted through the digits; no scales are ones."""
    limbs, N = out.shape[1], out.shape[2]
    for d in range(lo // limbs, (hi + limbs - 1) // limbs):
        begin, end = spans[d, 0], spans[d, 1]
        start, stop = max(lo - d * limbs, 0), min(hi - d * limbs, limbs)
        own = min(max(begin - first, start), stop)
        after = min(max(end - first, start), stop)
        target, sources = out[d], y[begin:end]
        w, w_shoup, shifts = weights[d], weights_shoup[d], offsets[d]
        convert_forward(target, sources, w, w_shoup, shifts, rows, tables, start, own)
        if scales.size:
            multiply_scalar(target, x[first:], scales, scales_shoup, rows, tables, own, after)
        else:
            for r in range(own, after):
                for i in range(N):
                    target[r, i] = x[first + r, i]
        convert_forward(target, sources, w, w_shoup, shifts, rows, tables, after, stop)

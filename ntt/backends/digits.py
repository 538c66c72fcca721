"""The digits of a polynomial (`convert_digits`) for any backend, of its own kernels."""

from __future__ import annotations

from ntt.backends.contract import Conversion
from ntt.jit import inline

# Digits are converted for some limbs together, which share the reading of their sources, and then
# transformed limb by limb, where they share the reading of twiddles. So many words of them:
_WORDS = 1 << 21
# A row of so many words is transformed as soon as it is converted: the second-level cache still
# holds it, but no two such rows.
_LARGE = 1 << 16


@inline
def _span(item, limb, last, count):
    """The digits of a limb among the items [item, last) of `contract.Kernels.convert_digits`."""
    return max(item - limb * count, 0), min(last - limb * count, count)


@inline
def convert_digits(
    convert, forward, multiply_scalar, out, x, y, first, conversion, rows, tables, lo, hi
):
    """`ntt.backends.contract.Kernels.convert_digits`, some limbs at a time.

    convert: as the kernel, but of results that `forward` accepts, which need not be reduced.
    """
    spans, scales, scales_shoup = conversion.spans, conversion.scales, conversion.scales_shoup
    count, N = out.shape[0], out.shape[2]
    together = 1 if N >= _LARGE else count * max(1, _WORDS // (count * N))
    for item in range(lo, hi, together):
        last = min(item + together, hi)
        for d in range(count):
            # Limbs whose item of this digit is among [item, last), but for the digit's own.
            start, stop = (item - d + count - 1) // count, (last - d + count - 1) // count
            own = min(max(spans[d, 0] - first, start), stop)
            after = min(max(spans[d, 1] - first, start), stop)
            target, sources = out[d], y[spans[d, 0] : spans[d, 1]]
            of_digit = Conversion(
                conversion.weights[d], conversion.weights_shoup[d], conversion.offsets[d]
            )
            convert(target, sources, of_digit, rows, tables, start, own)
            convert(target, sources, of_digit, rows, tables, after, stop)
            if scales.size:
                multiply_scalar(target, x[first:], scales, scales_shoup, rows, tables, own, after)
            else:
                for r in range(own, after):
                    for i in range(N):
                        target[r, i] = x[first + r, i]
        for r in range(item // count, (last + count - 1) // count):
            begin, end = _span(item, r, last, count)
            for d in range(begin, end):
                if not spans[d, 0] <= first + r < spans[d, 1]:
                    forward(out[d], rows, tables, r, r + 1)

"""The pass of the FFT that joins, or splits, its LANES interleaved transforms.

Interleaved, lane l of vector u of x (2, n) is element l + LANES u. `join_lanes` and `split_lanes`
are the radix-LANES step between that and natural order; w (n / LANES^2, LANES - 1, 2, LANES), flat,
holds exp(-2 pi i l k / n): for LANES of k at a time, l = 1, 2, .., real parts, then imaginary.
"""

from __future__ import annotations

import math

import numpy as np

from he.ckks.encoding.lanes import (
    dft4,
    load_complex,
    multiply,
    store_complex,
    transpose4,
)
from ntt.jit import inline
from ntt.simd.floats import LANES, load, splat

_ROOT = np.float64(math.sqrt(0.5))


@inline
def _factor(w, at, lane):
    """The complex vector of a lane in the group of factors from `at` on."""
    return load(w, at + 2 * LANES * lane), load(w, at + 2 * LANES * lane + LANES)


if LANES == 8:
    from he.ckks.encoding.lanes import dft8, transpose8

    @inline
    def join_lanes(out, x, w):
        """out[k + r M] = sum_l exp(-2 pi i l (k + r M) / n) x[l + LANES k], M = n / LANES."""
        part = x.shape[1] >> 3
        root, negative_root = splat(_ROOT), splat(-_ROOT)
        for k in range(0, part, 8):
            i, at = 8 * k, 14 * k
            a, b, c, d, e, f, g, h = transpose8(
                load_complex(x, i),
                load_complex(x, i + 8),
                load_complex(x, i + 16),
                load_complex(x, i + 24),
                load_complex(x, i + 32),
                load_complex(x, i + 40),
                load_complex(x, i + 48),
                load_complex(x, i + 56),
            )
            a, b, c, d, e, f, g, h = dft8(
                a,
                multiply(b, _factor(w, at, 0)),
                multiply(c, _factor(w, at, 1)),
                multiply(d, _factor(w, at, 2)),
                multiply(e, _factor(w, at, 3)),
                multiply(f, _factor(w, at, 4)),
                multiply(g, _factor(w, at, 5)),
                multiply(h, _factor(w, at, 6)),
                root,
                negative_root,
            )
            store_complex(out, k, a)
            store_complex(out, k + part, b)
            store_complex(out, k + 2 * part, c)
            store_complex(out, k + 3 * part, d)
            store_complex(out, k + 4 * part, e)
            store_complex(out, k + 5 * part, f)
            store_complex(out, k + 6 * part, g)
            store_complex(out, k + 7 * part, h)

    @inline
    def split_lanes(out, x, w):
        """out[l + LANES k] = sum_r exp(-2 pi i l (k + r M) / n) x[k + r M], M = n / LANES."""
        part = x.shape[1] >> 3
        root, negative_root = splat(_ROOT), splat(-_ROOT)
        for k in range(0, part, 8):
            i, at = 8 * k, 14 * k
            a, b, c, d, e, f, g, h = dft8(
                load_complex(x, k),
                load_complex(x, k + part),
                load_complex(x, k + 2 * part),
                load_complex(x, k + 3 * part),
                load_complex(x, k + 4 * part),
                load_complex(x, k + 5 * part),
                load_complex(x, k + 6 * part),
                load_complex(x, k + 7 * part),
                root,
                negative_root,
            )
            a, b, c, d, e, f, g, h = transpose8(
                a,
                multiply(b, _factor(w, at, 0)),
                multiply(c, _factor(w, at, 1)),
                multiply(d, _factor(w, at, 2)),
                multiply(e, _factor(w, at, 3)),
                multiply(f, _factor(w, at, 4)),
                multiply(g, _factor(w, at, 5)),
                multiply(h, _factor(w, at, 6)),
            )
            store_complex(out, i, a)
            store_complex(out, i + 8, b)
            store_complex(out, i + 16, c)
            store_complex(out, i + 24, d)
            store_complex(out, i + 32, e)
            store_complex(out, i + 40, f)
            store_complex(out, i + 48, g)
            store_complex(out, i + 56, h)

else:

    @inline
    def join_lanes(out, x, w):
        """out[k + r M] = sum_l exp(-2 pi i l (k + r M) / n) x[l + LANES k], M = n / LANES."""
        part = x.shape[1] >> 2
        for k in range(0, part, 4):
            i, at = 4 * k, 6 * k
            a, b, c, d = transpose4(
                load_complex(x, i),
                load_complex(x, i + 4),
                load_complex(x, i + 8),
                load_complex(x, i + 12),
            )
            a, b, c, d = dft4(
                a,
                multiply(b, _factor(w, at, 0)),
                multiply(c, _factor(w, at, 1)),
                multiply(d, _factor(w, at, 2)),
            )
            store_complex(out, k, a)
            store_complex(out, k + part, b)
            store_complex(out, k + 2 * part, c)
            store_complex(out, k + 3 * part, d)

    @inline
    def split_lanes(out, x, w):
        """out[l + LANES k] = sum_r exp(-2 pi i l (k + r M) / n) x[k + r M], M = n / LANES."""
        part = x.shape[1] >> 2
        for k in range(0, part, 4):
            i, at = 4 * k, 6 * k
            a, b, c, d = dft4(
                load_complex(x, k),
                load_complex(x, k + part),
                load_complex(x, k + 2 * part),
                load_complex(x, k + 3 * part),
            )
            a, b, c, d = transpose4(
                a,
                multiply(b, _factor(w, at, 0)),
                multiply(c, _factor(w, at, 1)),
                multiply(d, _factor(w, at, 2)),
            )
            store_complex(out, i, a)
            store_complex(out, i + 4, b)
            store_complex(out, i + 8, c)
            store_complex(out, i + 12, d)

"""Tensors of ciphertexts in blocks of columns. Arrays in; nothing raised or allocated.

A block holds WIDTH neighbouring words of one limb of every element, so that a weighted sum over
many elements reads memory in order and a block stays in a second-level cache.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from he.batched.block_sizes import SUMS, WIDTH
from ntt.jit import inline, kernel
from ntt.simd.integers import LANES, llvm_function, load, splat, store, u64x8, vmin

_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)


@intrinsic
def _product(typing_context, x, y):
    """The low 64 bits of the lanes' products."""

    def generate(context, builder, signature, arguments):
        return builder.mul(*arguments)

    return u64x8(u64x8, u64x8), generate


@intrinsic
def _nearest_quotient(typing_context, x, inverse):
    """round(x inverse) of signed lanes, in float64; inverse: its bits in every lane."""

    def generate(context, builder, signature, arguments):
        lanes, bits = arguments
        product = builder.fmul(
            builder.sitofp(lanes, _DOUBLES), builder.bitcast(bits, _DOUBLES)
        )
        nearest = llvm_function(builder, "llvm.rint.v8f64", _DOUBLES, [_DOUBLES])
        return builder.fptosi(builder.call(nearest, [product]), lanes.type)

    return u64x8(u64x8, u64x8), generate


@kernel
def to_blocks(blocks, rows, first, lo, hi):
    """Element first + k of blocks (parts, limbs, N / WIDTH, elements, WIDTH) = rows[k].

    rows (count, parts, limbs, N). Only blocks lo to hi of each limb are written.
    """
    for part in range(blocks.shape[0]):
        for limb in range(blocks.shape[1]):
            for b in range(lo, hi):
                start = b * WIDTH
                for k in range(rows.shape[0]):
                    target, source = blocks[part, limb, b, first + k], rows[k, part, limb]
                    for j in range(0, WIDTH, 8):
                        store(target, j, load(source, start + j))


@kernel
def from_blocks(row, blocks, element):
    """row (parts, limbs, N) = an element of blocks."""
    for part in range(blocks.shape[0]):
        for limb in range(blocks.shape[1]):
            target = row[part, limb]
            for b in range(blocks.shape[2]):
                source = blocks[part, limb, b, element]
                for j in range(0, WIDTH, 8):
                    store(target, b * WIDTH + j, load(source, j))


@inline
def _reduced(x, q, inverse):
    """x mod q in [0, q), for signed lanes and q from 2^16 to 2^61; inverse: the bits of 1 / q.

    |x / q| < 2^47, so that the product in float64 is off by less than 3 2^-53 2^47 < 1/16: the
    remainder of the nearest quotient lies in (-9/16 q, 9/16 q).
    """
    r = x - _product(_nearest_quotient(x, inverse), q)
    return vmin(r, r + q)


@inline
def _store_pair(sums, i, u, v):
    store(sums, i, u)
    store(sums, i + 8, v)


@inline
def _accumulate(sums, block, inputs, weights, shift, q, inverse):
    """sums[o, c] = sums[o, c] 2^shift + sum_s weights[s, o] block[inputs[s], c] mod q."""
    z = splat(shift)
    a0, a1, b0, b1 = load(sums, 0), load(sums, 8), load(sums, 16), load(sums, 24)
    c0, c1, d0, d1 = load(sums, 32), load(sums, 40), load(sums, 48), load(sums, 56)
    e0, e1, f0, f1 = load(sums, 64), load(sums, 72), load(sums, 80), load(sums, 88)
    g0, g1, h0, h1 = load(sums, 96), load(sums, 104), load(sums, 112), load(sums, 120)
    a0, a1, b0, b1 = a0 << z, a1 << z, b0 << z, b1 << z
    c0, c1, d0, d1 = c0 << z, c1 << z, d0 << z, d1 << z
    e0, e1, f0, f1 = e0 << z, e1 << z, f0 << z, f1 << z
    g0, g1, h0, h1 = g0 << z, g1 << z, h0 << z, h1 << z
    for s in range(inputs.size):
        source, w = block[inputs[s]], weights[s]
        x, y = load(source, 0), load(source, LANES)
        u, v = splat(w[0]), splat(w[1])
        a0, a1 = a0 + _product(x, u), a1 + _product(y, u)
        b0, b1 = b0 + _product(x, v), b1 + _product(y, v)
        u, v = splat(w[2]), splat(w[3])
        c0, c1 = c0 + _product(x, u), c1 + _product(y, u)
        d0, d1 = d0 + _product(x, v), d1 + _product(y, v)
        u, v = splat(w[4]), splat(w[5])
        e0, e1 = e0 + _product(x, u), e1 + _product(y, u)
        f0, f1 = f0 + _product(x, v), f1 + _product(y, v)
        u, v = splat(w[6]), splat(w[7])
        g0, g1 = g0 + _product(x, u), g1 + _product(y, u)
        h0, h1 = h0 + _product(x, v), h1 + _product(y, v)
    _store_pair(sums, 0, _reduced(a0, q, inverse), _reduced(a1, q, inverse))
    _store_pair(sums, 16, _reduced(b0, q, inverse), _reduced(b1, q, inverse))
    _store_pair(sums, 32, _reduced(c0, q, inverse), _reduced(c1, q, inverse))
    _store_pair(sums, 48, _reduced(d0, q, inverse), _reduced(d1, q, inverse))
    _store_pair(sums, 64, _reduced(e0, q, inverse), _reduced(e1, q, inverse))
    _store_pair(sums, 80, _reduced(f0, q, inverse), _reduced(f1, q, inverse))
    _store_pair(sums, 96, _reduced(g0, q, inverse), _reduced(g1, q, inverse))
    _store_pair(sums, 112, _reduced(h0, q, inverse), _reduced(h1, q, inverse))


@inline
def _emit(row, start, sums, place, offset, fresh, q):
    """WIDTH words of row = sums + offset where fresh, else row + sums, modulo q."""
    for j in range(0, WIDTH, LANES):
        before = offset if fresh else load(row, start + j)
        total = before + load(sums, place + j)
        store(row, start + j, vmin(total, total - q))


@kernel
def weighted_sums(
    target, blocks, inputs, weights, phases, tiles, offsets, fresh, moduli, inverses, sums, lo, hi
):
    """Weighted sums of elements of blocks, modulo each limb's modulus: rows of target.

    target (outputs, parts, limbs, N) in [0, q), where fresh set to the sums plus offsets
    (parts, limbs, outputs), else added to; blocks (parts, limbs, N / WIDTH, elements, WIDTH), of
    which blocks [lo, hi) are computed. A tile (first, count, begin, end) makes `count` outputs from
    `first` on in the phases [begin, end). A phase (begin, end, row, shift) multiplies the sums so
    far by 2^shift and adds, for s in [begin, end), element inputs[s] times weights[row + s - begin]
    (of OUTPUTS sums, signed, in two's complement); that must stay in int64, and is then reduced.
    moduli (limbs,), inverses (limbs,) the bits of their float64 reciprocals; sums: SUMS words of
    scratch.
    """
    zero = splat(np.uint64(0))
    for part in range(target.shape[1]):
        for limb in range(target.shape[2]):
            q, inverse = splat(moduli[limb]), splat(inverses[limb])
            for b in range(lo, hi):
                block = blocks[part, limb, b]
                for tile in range(tiles.shape[0]):
                    for i in range(0, SUMS, LANES):
                        store(sums, i, zero)
                    for p in range(tiles[tile, 2], tiles[tile, 3]):
                        begin, end, row = phases[p, 0], phases[p, 1], phases[p, 2]
                        chosen, factors = inputs[begin:end], weights[row : row + end - begin]
                        shift = np.uint64(phases[p, 3])
                        _accumulate(sums, block, chosen, factors, shift, q, inverse)
                    first = tiles[tile, 0]
                    for k in range(tiles[tile, 1]):
                        row, offset = target[first + k, part, limb], offsets[part, limb, first + k]
                        _emit(row, b * WIDTH, sums, k * WIDTH, splat(offset), fresh, q)

"""The loops of the encoder. Arrays in; nothing raised or allocated."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel
from ntt.reduction import add, reduce_once, shoup, shoup_lazy, subtract


@kernel
def residues_of_float(out, values, moduli, one_shoup):
    """out[r, i] = rint(values[i]) mod moduli[r].

    |values[i]| < 2^62; one_shoup[r] = floor(2^64 / moduli[r]).
    """
    one = np.uint64(1)
    for r in range(moduli.size):
        q, shoup_one = moduli[r], one_shoup[r]
        for i in range(values.size):
            rounded = np.rint(values[i])
            magnitude = np.uint64(np.int64(abs(rounded)))
            rest = reduce_once(shoup_lazy(magnitude, one, shoup_one, q), q)
            out[r, i] = reduce_once(q - rest, q) if rounded < 0 else rest


@kernel
def centred_values(out, residues, moduli, half, inverses, inverses_shoup, weights):
    """out[i] = the value in (-Q/2, Q/2) whose residues are residues[:, i], rounded to float64.

    Garner's mixed radix digits d_k of x; x is negative where they exceed those of (Q - 1) / 2, and
    Q - x is then 1 + the number with digits q_k - 1 - d_k. half: the digits of (Q - 1) / 2;
    inverses[k, j] = q_j^-1 mod q_k with its Shoup constant; weights[k] = q_0 .. q_(k-1) as float,
    infinite beyond float64.
    """
    one = np.uint64(1)
    count = moduli.size
    digits = np.empty(count, dtype=np.uint64)
    for i in range(out.size):
        for k in range(count):
            q = moduli[k]
            d = residues[k, i]
            for j in range(k):
                other = digits[j] % q
                d = shoup(subtract(d, other, q), inverses[k, j], inverses_shoup[k, j], q)
            digits[k] = d
        negative = False
        for k in range(count - 1, -1, -1):
            if digits[k] != half[k]:
                negative = digits[k] > half[k]
                break
        value = 0.0
        for k in range(count - 1, -1, -1):
            d = digits[k]
            if negative:
                d = moduli[k] - one - d
                if k == 0:
                    d += one
            if d != 0:
                value += np.float64(d) * weights[k]
        out[i] = -value if negative else value


@kernel
def centred_values_two_limbs(out, residues, moduli, inverse, inverse_shoup, one_shoup, q0_mod):
    """`centred_values` for values that two of at least three limbs hold; False where one is not.

    x = d_0 + q_0 d_1 with d_0 in [0, q_0) and d_1 in (-q_1/2, q_1/2) is the value in
    (-Q/2, Q/2) as soon as it has every other limb's residue too, because it is unique.
    inverse = q_0^-1 mod q_1; one_shoup[k] = floor(2^64 / q_k); q0_mod (2, limbs): q_0 mod q_k and
    its Shoup constant.
    """
    one = np.uint64(1)
    q0, q1 = moduli[0], moduli[1]
    half = q1 >> one
    weight = np.float64(q0)
    for i in range(out.size):
        low = residues[0, i]
        rest = reduce_once(shoup_lazy(low, one, one_shoup[1], q1), q1)
        high = shoup(subtract(residues[1, i], rest, q1), inverse, inverse_shoup, q1)
        negative = high > half
        magnitude = q1 - high if negative else high
        for k in range(2, moduli.size):
            q = moduli[k]
            rest = reduce_once(shoup_lazy(low, one, one_shoup[k], q), q)
            product = shoup(magnitude, q0_mod[0, k], q0_mod[1, k], q)
            value = subtract(rest, product, q) if negative else add(rest, product, q)
            if value != residues[k, i]:
                return False
        if negative:
            # Both summands are negative or zero, so nothing cancels.
            out[i] = -(np.float64(q0 - low) + np.float64(magnitude - one) * weight)
        else:
            out[i] = np.float64(low) + np.float64(magnitude) * weight
    return True

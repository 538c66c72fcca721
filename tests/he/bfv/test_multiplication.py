"""The product in RNS against exact integers: the tensor, times t / Q, rounded."""

from __future__ import annotations

import math

import numpy as np

from he.bfv.multiplication import Multiplication, auxiliary_chain
from he.rlwe.rns import context


def integers(residues, moduli):
    """Coefficients (N,) as centred Python integers."""
    Q = math.prod(moduli)
    total = sum(
        row.astype(object) * (Q // q * pow(Q // q, -1, q))
        for row, q in zip(residues, moduli, strict=True)
    )
    return [int(v) for v in (total + Q // 2) % Q - Q // 2]


def negacyclic(a, b):
    N = len(a)
    out = [0] * N
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            if i + j < N:
                out[i + j] += x * y
            else:
                out[i + j - N] -= x * y
    return out


def coefficients(scheme, ct):
    ops = context(scheme.params).q(ct.level)
    return [integers(ops.inverse(part.copy()), ops.moduli) for part in ct.data]


def scaled(x, t, Q):
    """round(t x / Q) of each coefficient."""
    return [(2 * t * v + Q) // (2 * Q) for v in x]


def slow_product(scheme, a, b):
    """round(t / Q tensor) over the integers, the parts centred."""
    (a0, a1), (b0, b1) = coefficients(scheme, a), coefficients(scheme, b)
    cross = [x + y for x, y in zip(negacyclic(a0, b1), negacyclic(a1, b0), strict=True)]
    Q = math.prod(scheme.params.q[: a.level + 1])
    parts = [negacyclic(a0, b0), cross, negacyclic(a1, b1)]
    return [scaled(part, scheme.params.t, Q) for part in parts]


def decrypted(scheme, parts, Q):
    """round(t / Q (c_0 + c_1 s + c_2 s^2)) mod t with Python integers."""
    s = [int(v) for v in scheme.secret.coefficients]
    s2 = negacyclic(s, s)
    phase = [
        (x + y + z + Q // 2) % Q - Q // 2
        for x, y, z in zip(parts[0], negacyclic(parts[1], s), negacyclic(parts[2], s2), strict=True)
    ]
    return [v % scheme.params.t for v in scaled(phase, scheme.params.t, Q)]


def test_tensor__same_message_as_the_rounded_integer_tensor(scheme):
    a, b = scheme.encrypt(scheme.slots(1)), scheme.encrypt(scheme.slots(2))
    Q = math.prod(scheme.params.q)
    fast = scheme.evaluator.tensor(a, b)
    expected = decrypted(scheme, slow_product(scheme, a, b), Q)
    assert [int(v) for v in scheme.decryptor.decrypt(fast).data] == expected
    assert decrypted(scheme, coefficients(scheme, fast), Q) == expected


def test_tensor__noise_within_one_bit_and_a_half_of_the_integer_tensor(small):
    """Rounding b to R / Q times its value adds less noise than a fresh ciphertext has: the sum of
    two equal variances is half a bit, and the largest of N coefficients varies by another."""
    a, b = small.encrypt(small.slots(1)), small.encrypt(small.slots(2))
    moduli = small.params.q
    slow = slow_product(small, a, b)
    data = np.array([[[v % q for v in part] for q in moduli] for part in slow], dtype=np.uint64)
    ops = context(small.params).q(a.level)
    exact = small.evaluator.result(ops.forward(data), a.noise)
    fast = small.decryptor.noise_budget(small.evaluator.tensor(a, b))
    assert abs(fast - small.decryptor.noise_budget(exact)) <= 1.5


def test_tensor__each_part_is_near_the_rounded_integer_tensor(scheme):
    """Parts next to 0, Q and Q / 2, the edges of every centred lift.

    Rounding b's parts to integers changes the tensor's by N Q / 2 * 1 / 2 a product, two products
    at most, times t / R with R >= Q (1 - 2^-10), then rounded: by t N / 2 (1 + 2^-9) + 1 in all.
    """
    params = scheme.params
    Q, N, t = math.prod(params.q), params.N, params.t
    near = Q >> 20
    edges = [0, 1, Q - 1, Q // 2 - near, Q // 2 + near, Q // 3]
    rng = np.random.default_rng(3)
    ops = context(params).q(params.max_level)
    values = [[edges[int(k)] for k in rng.integers(0, len(edges), N)] for _ in range(2)]
    data = np.array([[[v % q for v in part] for q in params.q] for part in values], dtype=np.uint64)
    a = scheme.evaluator.result(ops.forward(data), scheme.encrypt(scheme.slots(1)).noise)
    fast = coefficients(scheme, scheme.evaluator.tensor(a, a))
    bound = t * N // 2 + (t * N >> 10) + 1
    for part, slow in zip(fast, slow_product(scheme, a, a), strict=True):
        for x, y in zip(part, slow, strict=True):
            assert abs((x - y + Q // 2) % Q - Q // 2) <= bound


def test_auxiliary_chain__is_as_large_as_q_and_apart_from_it(scheme):
    params = scheme.params
    chain = auxiliary_chain(params).tables.moduli
    extra = chain[len(params.q) :]
    assert chain[: len(params.q)] == params.q
    assert not set(extra) & {*params.q, *params.p}
    assert math.prod(extra) >= math.prod(params.q) * 1023 // 1024


def test_multiplication__backends_agree(small):
    import ntt

    a, b = small.encrypt(small.slots(4)).data, small.encrypt(small.slots(5)).data
    level = small.params.max_level
    results = []
    for name in ntt.available_backends():
        ntt.set_backend(name)
        try:
            results.append(Multiplication(small.params, level)(a, b))
        finally:
            ntt.set_backend(None)
    for other in results[1:]:
        assert np.array_equal(results[0], other)

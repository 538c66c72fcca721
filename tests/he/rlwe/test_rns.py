"""Base conversions against Python integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from he.ckks.params import CKKSParameters
from he.rlwe.rns import RNSContext, context
from he.rlwe.rns_kernels import add_small
from ntt.limbs import LimbOps

REASON = "unit test"
N = 64
# One, several and wide special primes; digits of one and of several primes.
SHAPES = [(0, 30, 1), (3, 30, 4), (4, 36, 1), (5, 45, 3), (4, 30, 2), (2, 54, 1)]
CONTEXTS = [
    RNSContext(CKKSParameters.build(depth, N=N, scale_bits=bits, dnum=dnum, insecure_reason=REASON))
    for depth, bits, dnum in SHAPES
]
# Levels of words: of their own, and shared; two words a level.
CONTEXTS += [
    RNSContext(CKKSParameters.build(4, N=N, insecure_reason=REASON, **arguments))
    for arguments in (
        {"scale_bits": 28, "word_bits": 50},
        {"scale_bits": 30, "word_bits": 24},
        {"scale_bits": [20, 30, 40, 50, 60], "word_bits": 50},
        {"scale_bits": 52, "dnum": 3},
    )
]
contexts = st.sampled_from(CONTEXTS)


def to_residues(values: list[int], ops: LimbOps) -> np.ndarray:
    """Integer coefficients as transformed residues."""
    rows = [[v % q for v in values] for q in ops.moduli]
    return ops.forward(np.array(rows, dtype=np.uint64))


def from_residues(x: np.ndarray, ops: LimbOps) -> list[int]:
    """The coefficients in [0, Q) of transformed residues, by the Chinese remainder theorem."""
    rows = ops.inverse(x.copy())
    Q = math.prod(ops.moduli)
    weights = [Q // q * pow(Q // q, -1, q) for q in ops.moduli]
    return [sum(w * int(r) for w, r in zip(weights, column, strict=True)) % Q for column in rows.T]


def draw_values(data: st.DataObject, Q: int, D: int) -> list[int]:
    """Uniform ones, with multiples of D, their halves and both ends of the range among them."""
    half = D // 2
    edges = [0, 1, Q - 1, half, half + 1, D - half - 1, D - half, D, Q - half, Q - half - 1]
    k = data.draw(st.integers(0, Q // D - 1))
    edges += [k * D, k * D + half, k * D + half + 1, k * D + D - 1]
    seed = data.draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    uniform = [int.from_bytes(rng.bytes(Q.bit_length() // 8 + 8), "little") % Q for _ in range(N)]
    return [v % Q for v in edges] + uniform[len(edges) :]


def check_division(
    data, context, rows: tuple[int, ...], dropped: int, coming: tuple[int, ...] = ()
) -> None:
    ops, kept = context.limbs(rows), context.limbs((*rows[:-dropped], *coming))
    moduli = ops.moduli
    D, M = math.prod(moduli[-dropped:]), math.prod(moduli)
    K = math.prod(context.tables.moduli[row] for row in coming)
    values = draw_values(data, M, D)
    divided = context.division(rows, dropped, coming)(to_residues(values, ops))
    Q = M // D * K
    for value, quotient in zip(values, from_residues(divided, kept), strict=True):
        rounded, rest = divmod(value * K + D // 2, D)
        if quotient != rounded % Q:
            # x K / D lies so close to the middle of two integers that float64 cannot tell; then the
            # other one is as good.
            assert dropped > 1
            assert min(rest, D - rest) <= D * dropped**2 * 2.0**-52
            assert quotient in ((rounded + 1) % Q, (rounded - 1) % Q)


@given(contexts, st.data())
def test_division__rounds_exactly(context, data) -> None:
    level = data.draw(st.integers(0, context.params.max_level))
    levels = context.params.levels
    special = len(levels[level].specials)
    check_division(data, context, context.qp_rows(level), special)
    if level:
        lower = data.draw(st.integers(0, level - 1))
        shared = levels[level].shared(levels[lower])
        going, coming = levels[level].limbs - shared, levels[lower].rows[shared:]
        check_division(data, context, context.q_rows(level), going, coming)
        check_division(data, context, context.qp_rows(level), special + going, coming)


@given(contexts, st.data())
def test_change__is_the_division_to_the_lower_level(context, data) -> None:
    """What rescaling and dropping ask for is what `test_division__rounds_exactly` divides by."""
    level = data.draw(st.integers(0, context.params.max_level))
    lower = data.draw(st.integers(0, level))
    if level == lower:
        return
    Q, lower_Q = context.params.modulus(level), context.params.modulus(lower)
    x = [3 * (Q // lower_Q) + 1, Q - 5 * (Q // lower_Q) - 1] + [0] * (N - 2)
    found = context.change(level, lower)(to_residues(x, context.q(level)))
    expected = [(v * lower_Q + Q // 2) // Q % lower_Q for v in x]
    assert from_residues(found, context.q(lower)) == expected


@given(st.lists(st.integers(-(2**12) + 1, 2**12 - 1), min_size=1), st.data())
def test_add_small__is_that_of_integers(values, data) -> None:
    q = data.draw(st.sampled_from([4099, (1 << 61) - 1]))
    edges = st.sampled_from([0, 1, q // 2, q - 1])
    row = data.draw(st.lists(edges, min_size=len(values), max_size=len(values)))
    shift = data.draw(edges)
    residues, small = np.array(row, dtype=np.uint64), np.array(values)
    add_small(residues, small, np.uint64(q), np.uint64(shift), 5)
    assert residues.tolist() == [(x + v + shift) % q for x, v in zip(row, values, strict=True)]
    assert small.tolist() == [v + 5 for v in values]


@given(contexts, st.data())
def test_division_of_sum__rounds_exactly(context, data) -> None:
    level = data.draw(st.integers(0, context.params.max_level))
    rows = (*context.q_rows(level), context.special_rows(level)[0])
    ops, kept = context.limbs(rows), context.q(level)
    M, D = math.prod(ops.moduli), ops.moduli[-1]
    values = draw_values(data, M, D)
    addend = data.draw(st.lists(st.integers(-4095, 4095), min_size=N, max_size=N))
    x = to_residues(values, ops)
    last = np.stack((x[-1], np.array(addend).view(np.uint64)))
    out = context.division(rows, 1).of_sum(np.empty_like(x[:-1]), x[:-1], last)
    expected = [(v + e + D // 2) // D % (M // D) for v, e in zip(values, addend, strict=True)]
    assert from_residues(out, kept) == expected


@given(contexts, st.data())
def test_decomposition__gives_small_digits_with_the_right_residues(context, data) -> None:
    params = context.params
    level = data.draw(st.integers(0, params.max_level))
    q, qp = context.q(level), context.qp(level)
    Q, QP = math.prod(q.moduli), math.prod(qp.moduli)
    values = draw_values(data, Q, q.moduli[0])
    c = to_residues(values, q)
    before = c.copy()
    digits = context.decomposition(level)(c)
    assert (c == before).all()
    assert len(digits) == params.digits(level)
    for digit, rows in zip(digits, params.digit_rows(level), strict=True):
        D = math.prod(q.moduli[r] for r in rows)
        for value, d in zip(values, from_residues(digit, qp), strict=True):
            centred = d - QP if 2 * d > QP else d
            assert (centred - value) % D == 0
            assert 2 * abs(centred) <= len(rows) * D


@given(data=st.data(), context=contexts)
def test_scaled_decomposition__has_the_same_digits_times_the_scales(context, data) -> None:
    level = data.draw(st.integers(0, context.params.max_level))
    c = to_residues(draw_values(data, math.prod(context.q(level).moduli), 1), context.q(level))
    radix, ops = data.draw(st.sampled_from([1, 1 << 52])), context.qp(level)
    scales = context.mod_down(level).constants.scales(radix)
    digits = context.decomposition(level)(c)
    scaled = context.scaled_decomposition(level, True, radix)(c)
    for digit, found in zip(digits, scaled, strict=True):
        for row, times, scale, q in zip(digit, found, scales, ops.moduli, strict=True):
            assert (row.astype(object) * scale % q == times).all()
    special = context.params.special_modulus(level)
    for scale, q in zip(scales, ops.moduli, strict=True):
        assert (scale * (special if q not in context.params.p else 1) - radix) % q == 0


@given(contexts, st.data())
def test_decomposition__recomposes_to_P_times_the_polynomial(context, data) -> None:
    """With the gadget P (Q/D_j) [(Q/D_j)^-1]_{D_j}: the identity that key switching rests on."""
    params = context.params
    level = data.draw(st.integers(0, params.max_level))
    q, qp = context.q(level), context.qp(level)
    Q, P = math.prod(q.moduli), params.special_modulus(level)
    values = draw_values(data, Q, q.moduli[0])
    digits = context.decomposition(level)(to_residues(values, q))
    total = [0] * N
    for digit, rows in zip(digits, params.digit_rows(level), strict=True):
        D = math.prod(q.moduli[r] for r in rows)
        gadget = P * (Q // D) * pow(Q // D, -1, D)
        for i, d in enumerate(from_residues(digit, qp)):
            total[i] += gadget * d
    assert all((t - P * v) % (Q * P) == 0 for t, v in zip(total, values, strict=True))


def test_conversions__are_the_same_bits_on_every_backend() -> None:
    narrow = RNSContext(
        CKKSParameters.build(5, N=256, scale_bits=40, dnum=3, insecure_reason=REASON)
    )
    level = narrow.params.max_level
    rng = np.random.default_rng(1)
    moduli = np.array(narrow.qp(level).moduli, dtype=np.uint64)[:, None]
    x = rng.integers(0, 2**63, (len(moduli), 256), dtype=np.uint64) % moduli
    results = []
    for backend in ntt.available_backends():
        ntt.set_backend(backend)
        try:
            digits = narrow.decomposition(level)(x[: level + 1].copy())
            results.append((digits, narrow.mod_down_rescale(level)(x.copy())))
        finally:
            ntt.set_backend(None)
    for digits, quotient in results[1:]:
        assert (digits == results[0][0]).all()
        assert (quotient == results[0][1]).all()


def test_context__is_shared_by_equal_parameters() -> None:
    one, two = (
        CKKSParameters.build(1, N=64, scale_bits=30, insecure_reason=REASON) for _ in range(2)
    )
    assert context(one) is context(two)


@pytest.mark.parametrize("level", [0, 2, 4])
def test_rows__are_q_then_the_special_primes(level: int) -> None:
    made = CONTEXTS[2]
    assert made.q_rows(level) == tuple(range(level + 1))
    expected = made.params.q[: level + 1] + made.params.p
    assert made.qp(level).moduli == expected

"""Diagonals encoded at their period against the same diagonals encoded slot by slot."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import EncodedDiagonals
from he.ckks.circuits.linear_transform import LinearTransform, SlotMatrix
from he.ckks.encoding import embedding as embedding_module
from he.ckks.encoding import fft
from he.ckks.encoding.embedding import embedded_period, embedding
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.errors import EncodingError
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.rns import context
from ntt import threads
from tests.he.conftest import Scheme

SLOTS = 2048
LEAST = 2 * fft.min_length()
seeds = st.integers(0, 2**32 - 1)
periods = st.sampled_from([SLOTS >> k for k in range(SLOTS.bit_length())])


@functools.cache
def parameters(scale_bits: int) -> CKKSParameters:
    return CKKSParameters.build(
        3, N=2 * SLOTS, scale_bits=scale_bits, insecure_reason="unit test"
    )


def vector(seed: int, period: int, kind: str) -> np.ndarray:
    """All slots, repeating: of many sizes, or equal, or zero but for a few."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=period) * 10.0 ** rng.integers(-4, 4, period)
    if kind == "complex":
        values = values + 1j * rng.normal(size=period)
    if kind == "sparse":
        values *= rng.integers(0, 8, period) == 0
    if kind == "whole":
        values = rng.integers(-9, 9, period)
    return np.tile(values, SLOTS // period)


def slow(encoder: Encoder, arranged: ArrangedDiagonals) -> np.ndarray:
    """Each diagonal rolled and encoded alone in the whole ring, (terms, limbs_QP, N)."""
    level, params = arranged.level, encoder.params
    giants = np.repeat(arranged.giants, np.diff(arranged.starts))
    rows = []
    for slots, giant in zip(arranged.vectors, giants, strict=True):
        full = np.zeros(SLOTS, dtype=np.result_type(slots, np.float64))
        full[: slots.size] = slots
        coefficients = encoder.coefficients(np.roll(full, giant), params.scales[level])
        rows.append(encoder.residues(coefficients, level, context(params).qp(level)))
    return np.stack(rows)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, SLOTS - 1),
            periods,
            st.sampled_from(["real", "complex", "sparse", "whole"]),
            seeds,
        ),
        min_size=1,
        max_size=10,
        unique_by=lambda drawn: drawn[0],
    ),
    st.integers(1, 3),
    st.sampled_from([30, 43, 54]),
)
def test_encode__at_the_period_gives_the_bits_of_the_whole_ring(drawn, level, scale_bits) -> None:
    params = parameters(scale_bits)
    encoder = Encoder(params)
    diagonals = {shift: vector(seed, period, kind) for shift, period, kind, seed in drawn}
    arranged = ArrangedDiagonals.of(params, diagonals, level)
    transform = LinearTransform.encode(encoder, diagonals, level)
    assert (transform.diagonals == slow(encoder, arranged)).all()
    again = np.empty(arranged.shape, dtype=np.uint64)
    arranged.rounded().encode(again, encoder)
    assert (again == transform.weights).all()
    assert transform.period == arranged.period
    assert transform.period <= max(LEAST, *(period for _, period, _, _ in drawn))
    assert transform.weights.nbytes == arranged.weight_bytes
    # Half of the weights of real diagonals follows from the other half.
    real = all(kind != "complex" for _, _, kind, _ in drawn)
    assert transform.mirrored == (real and transform.period >= 128)
    words = transform.diagonals.size * transform.period // SLOTS
    assert transform.weights.size == words >> transform.mirrored


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("period", [1, LEAST, 4 * LEAST, SLOTS])
def test_encode__on_any_number_of_threads_tells_of_every_diagonal(
    period, count, monkeypatch
) -> None:
    monkeypatch.setattr(threads, "machine_threads", lambda: 2)
    params = parameters(43)
    diagonals = {k: vector(k, period, "real") for k in range(21)}
    arranged = ArrangedDiagonals.of(params, diagonals, 2)
    told: list[int] = []
    with threads.limit(count):
        weights = np.empty(arranged.shape, dtype=np.uint64)
        arranged.encode(weights, Encoder(params), told.append)
    assert sum(told) == 21
    with threads.limit(1):
        alone = LinearTransform.encode(Encoder(params), diagonals, 2)
    assert (weights == alone.weights).all()


def test_rounded__keeps_32_bits_a_coefficient_where_they_hold_all() -> None:
    params = parameters(30)
    small = {k: vector(k, 4 * LEAST, "real") / 1e6 for k in range(3)}
    rounded = ArrangedDiagonals.of(params, small, 2).rounded()
    assert rounded.whole is not None
    assert (rounded.whole.dtype, rounded.whole.shape) == (np.int32, (3, 4 * LEAST))
    assert rounded.vectors == ()
    assert rounded.rounded() is rounded
    large = ArrangedDiagonals.of(params, {0: np.full(SLOTS, 9.0)}, 2)
    assert large.rounded() is large


def test_encode__short_vectors_and_zeros_repeat_only_where_they_are_zero() -> None:
    params = parameters(30)
    short, zero = np.ones(8), np.zeros(3)
    assert LinearTransform.encode(Encoder(params), {0: short}, 1).period == SLOTS
    assert LinearTransform.encode(Encoder(params), {5: zero}, 1).period == LEAST


def test_encode__a_slot_that_is_not_finite_is_named() -> None:
    params = parameters(30)
    for period in (1, SLOTS):
        bad = vector(1, period, "real")
        bad[:] = np.where(bad == bad[0], np.inf, bad)
        with pytest.raises(EncodingError, match="slot 0 is inf: it must be finite"):
            LinearTransform.encode(Encoder(params), {0: bad}, 1)
        bad[0] = np.nan
        with pytest.raises(EncodingError, match="must be finite"):
            LinearTransform.encode(Encoder(params), {0: bad}, 1)
    with pytest.raises(EncodingError, match="largest coefficient"):
        LinearTransform.encode(Encoder(params), {0: np.full(SLOTS, 1e300)}, 1)


def test_embedded_period__is_all_slots_without_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded_period(2 * SLOTS, 1) == LEAST
    assert embedded_period(2 * SLOTS, 1024) == 1024
    assert embedded_period(64, 1) == 32
    monkeypatch.setattr(embedding_module, "cpu_features", frozenset)
    embedding.cache_clear()
    assert embedded_period(2 * SLOTS, 1) == SLOTS
    embedding.cache_clear()


@given(st.sampled_from([1 << k for k in range(8, 15)]), st.data(), seeds, st.booleans())
def test_embedding__of_repeating_slots_is_that_of_one_period(N, data, seed, is_complex) -> None:
    """Every other coefficient is 0, and no bit differs: what `embedded_period` states."""
    if 4 * fft.min_length() > N or embedded_period(N, 1) == N // 2:
        return
    inner = 1 << data.draw(st.integers((4 * fft.min_length()).bit_length() - 1, N.bit_length() - 1))
    scale = 2.0 ** data.draw(st.floats(20, 120))
    rng = np.random.default_rng(seed)
    slots = rng.normal(size=inner // 2) * 10.0 ** rng.integers(-9, 9, inner // 2)
    if is_complex:
        slots = slots + 1j * rng.normal(size=inner // 2)
    expected = np.zeros(N)
    expected[:: N // inner] = embedding(inner).coefficients(slots, scale)
    repeated = np.tile(slots, N // inner)
    assert (embedding(N).coefficients(repeated, scale) == expected).all()


@functools.cache
def scheme() -> Scheme:
    return Scheme(parameters(36))


@settings(max_examples=8, deadline=None)
@given(periods, st.sampled_from(["real", "complex"]), st.integers(1, 3), seeds)
def test_apply__at_the_period_gives_the_bits_of_whole_diagonals(period, kind, level, seed) -> None:
    s = scheme()
    blocks = {
        (0, i): LinearTransform.encode(
            s.encoder, {k: vector(seed + k, max(period >> i, 1), kind) for k in (0, 1, 5, 6)}, level
        )
        for i in range(2)
    }
    whole = {at: expanded(block) for at, block in blocks.items()}
    needs = KeyNeeds.union(block.needs for block in blocks.values())
    ev = Evaluator(s.params, s.generator.evaluation_keys(s.secret, needs))
    vectors = [[s.encrypt(s.random(g + i), level).ct for i in range(2)] for g in range(5)]
    matrices = SlotMatrix(ev, blocks), SlotMatrix(ev, whole)
    for found, expected in zip(*(m.apply(vectors) for m in matrices), strict=True):
        assert (found[0].data == expected[0].data).all()


def expanded(block: LinearTransform) -> EncodedDiagonals:
    """The same diagonals with a word for each column."""
    terms, limbs, N = block.diagonals.shape
    weights = np.moveaxis(block.diagonals.reshape(terms, limbs, N // 8, 8), 0, 2)
    names = ("params", "level", "babies", "giants", "starts", "baby_of")
    fields = {name: getattr(block, name) for name in names}
    return EncodedDiagonals(**fields, weights=np.ascontiguousarray(weights))

"""The embedding on vectors beside NumPy's, and both beside the sum that defines it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.encoding import embedding as module
from he.ckks.encoding import fft
from he.ckks.encoding.embedding import Embedding, PlainEmbedding, VectorEmbedding, embedding

SMALLEST = 4 * fft.min_length()
seeds = st.integers(0, 2**32 - 1)
degrees = st.sampled_from([SMALLEST << k for k in range(6)])


def bound(N: int) -> float:
    """The stated one: root mean square, relative."""
    return float(2.0**-53 * (3 + 5 * np.log2(N // 2)))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


def evaluations(coefficients: np.ndarray) -> np.ndarray:
    """p(zeta^(3^i)) in longdouble: O(N^2)."""
    N = coefficients.size
    exponents = [pow(3, i, 2 * N) for i in range(N // 2)]
    angles = np.arctan2(np.longdouble(0), np.longdouble(-1)) * np.arange(2 * N) / N
    powers = np.outer(exponents, np.arange(N)) % (2 * N)
    wide = coefficients.astype(np.longdouble)
    return np.cos(angles)[powers] @ wide + 1j * (np.sin(angles)[powers] @ wide)


def both(N: int) -> list[Embedding]:
    return [PlainEmbedding(N), VectorEmbedding(N)]


@pytest.mark.parametrize("N", [SMALLEST, 2 * SMALLEST, 4 * SMALLEST])
def test_embedding__is_the_sum_that_defines_it(N: int) -> None:
    rng = np.random.default_rng(N)
    a = rng.normal(size=N)
    expected = evaluations(a)
    for embed in both(N):
        assert rms(embed.slots(a, 3.0) / 3 - expected) <= bound(N) * rms(expected)
        real = embed.real_slots(a, 3.0)
        assert real.dtype == np.float64
        assert rms(real / 3 - expected.real) <= bound(N) * rms(expected)


@pytest.mark.parametrize("N", [8, 16, 64, 128, 256, 1024, 8192])
def test_embedding__of_real_slots_is_fixed_by_an_inversion_to_the_bit(N: int) -> None:
    """p_(N - j) = -p_j and p_(N/2) = 0: half of the coefficients tells the others."""
    rng = np.random.default_rng(N)
    slots = rng.normal(size=N // 2) * 10.0 ** rng.integers(-9, 9, N // 2)
    for embed in (PlainEmbedding(N), embedding(N)):
        a = embed.coefficients(slots, 2.0**40)
        assert a[N // 2] == 0
        assert (a[N // 2 + 1 :] == -a[N // 2 - 1 : 0 : -1]).all()


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("N", [SMALLEST, 2 * SMALLEST, 4 * SMALLEST])
def test_embedding__coefficients_have_the_slots_as_values(N: int, real: bool) -> None:
    rng = np.random.default_rng(N)
    slots = rng.normal(size=N // 2)
    if not real:
        slots = slots + 1j * rng.normal(size=N // 2)
    kept = slots.copy()
    for embed in both(N):
        a = embed.coefficients(slots, 2.0**40)
        assert (slots == kept).all()
        # The map is sqrt(2 / N) times an isometry, so errors are the same on either side.
        assert rms(evaluations(a) / 2.0**40 - slots) <= bound(N) * rms(slots)


@given(degrees, seeds, st.floats(1e-300, 1e300))
def test_embedding__on_vectors_is_numpys(N: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    plain, vector = both(N)
    real, a = rng.normal(size=(2, N // 2)), rng.normal(size=N)
    for slots in (real[0], real[0] + 1j * real[1]):
        expected = plain.coefficients(slots, scale) / scale
        found = vector.coefficients(slots, scale) / scale
        assert rms(found - expected) <= 2 * bound(N) * rms(expected)
    expected = plain.slots(a, scale) / scale
    assert rms(vector.slots(a, scale) / scale - expected) <= 2 * bound(N) * rms(expected)
    found = vector.real_slots(a, scale) / scale
    assert rms(found - expected.real) <= 2 * bound(N) * rms(expected)


@pytest.mark.parametrize("N", [SMALLEST, 2 * SMALLEST])
def test_embedding__of_one_coefficient_at_a_time(N: int) -> None:
    """Every position of every vector loop: its ends and its middle are written apart."""
    for j in range(N):
        a = np.zeros(N)
        a[j] = 1.0
        plain, vector = both(N)
        expected = plain.slots(a, 1.0)
        # Each value has magnitude 1, so the bound of the mean times sqrt(N / 2) bounds each.
        limit = 2 * bound(N) * np.sqrt(N / 2)
        assert np.abs(vector.slots(a, 1.0) - expected).max() <= limit
        assert np.abs(vector.real_slots(a, 1.0) - expected.real).max() <= limit
        back = vector.coefficients(expected, 1.0)
        assert np.abs(back - a).max() <= 2 * limit


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.inf), complex(np.nan, 0)])
def test_embedding__of_a_slot_that_is_not_finite_has_no_finite_mean(bad: complex) -> None:
    """What `Encoder` relies on to find it: the first coefficient tells."""
    for embed in both(SMALLEST):
        for place in (0, 1, SMALLEST // 3, SMALLEST // 2 - 1):
            slots = np.ones(SMALLEST // 2, dtype=np.complex128 if type(bad) is complex else float)
            slots[place] = bad
            assert not np.isfinite(embed.coefficients(slots, 1.0)[0])


@pytest.mark.parametrize("N", [SMALLEST << k for k in range(6)])
def test_kernels__stay_inside_their_arrays(N: int, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, buffers = 64, []

    def guarded(shape: tuple[int, ...]) -> np.ndarray:
        buffer = np.full(int(np.prod(shape)) + 2 * guard, 7.0)
        buffers.append(buffer)
        return buffer[guard:-guard].reshape(shape)

    monkeypatch.setattr(module, "_scratch", lambda length: guarded((2, 2, length)))
    embed = VectorEmbedding(N)
    real, a = guarded((N // 2,)), guarded((N,))
    complex_slots = guarded((N,)).view(np.complex128)
    out = {"out": guarded((N,)), "half": guarded((N // 2,))}

    def empty(shape: object, dtype: type = np.float64) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize // 8
        return out["out" if size == N else "half"].view(dtype)

    monkeypatch.setattr(np, "empty", empty)
    embed.coefficients(real, 1.0)
    embed.coefficients(complex_slots, 1.0)
    embed.slots(a, 1.0)
    embed.real_slots(a, 1.0)
    monkeypatch.undo()
    assert all((b[:guard] == 7).all() and (b[-guard:] == 7).all() for b in buffers)


def test_embedding__is_plain_where_vectors_do_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(embedding(SMALLEST // 2), PlainEmbedding)
    monkeypatch.setattr(module, "cpu_features", frozenset)
    embedding.cache_clear()
    assert isinstance(embedding(SMALLEST), PlainEmbedding)
    embedding.cache_clear()

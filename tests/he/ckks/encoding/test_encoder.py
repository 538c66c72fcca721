"""The encoder against the canonical embedding, evaluated point by point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.ciphertext import Plaintext
from he.ckks.encoding.encoder import Encoder
from he.ckks.params import CKKSParameters
from he.errors import EncodingError, ParametersMismatchError

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(["below eight lanes", "tiny", "small", "two digits", "wide primes"])


def integer_coefficients(s, plaintext: Plaintext) -> list[int]:
    """The centred coefficients, by the Chinese remainder theorem in Python integers."""
    ops = s.evaluator.context.q(plaintext.level)
    rows = ops.inverse(plaintext.data.copy())
    Q = math.prod(ops.moduli)
    weights = [Q // q * pow(Q // q, -1, q) for q in ops.moduli]
    values = [sum(w * int(r) for w, r in zip(weights, c, strict=True)) % Q for c in rows.T]
    return [v - Q if 2 * v > Q else v for v in values]


def embedding(s, coefficients: list[int], scale: float) -> np.ndarray:
    """p(zeta^(3^i)) / scale for every slot i: O(N^2)."""
    N = s.params.N
    exponents = [pow(3, i, 2 * N) for i in range(N // 2)]
    powers = np.outer(exponents, np.arange(N)) % (2 * N)
    return np.exp(1j * np.pi * powers / N) @ np.array([c / scale for c in coefficients])


def tolerance(s, scale: float, size: float) -> float:
    """Rounding N coefficients by 1/2 each, and N products in float64 here and there."""
    return s.params.N / 2 / scale + 8 * s.params.N * 2.0**-53 * size


@given(names, seeds, st.integers(20, 60), st.floats(0.01, 16), st.data())
def test_encode__is_the_canonical_embedding(schemes, name, seed, bits, size, data) -> None:
    s = schemes(name)
    scale = 2.0**bits
    level = data.draw(st.integers(1, s.params.max_level))
    slots = s.random(seed, size)
    plaintext = s.encoder.encode(slots, level, scale)
    assert (plaintext.level, plaintext.scale) == (level, scale)
    values = embedding(s, integer_coefficients(s, plaintext), scale)
    assert np.abs(values - slots).max() <= tolerance(s, scale, size)
    assert np.abs(s.encoder.decode(plaintext) - values).max() <= 8 * s.params.N * 2.0**-53 * size


@given(names, seeds, st.data())
def test_decode__inverts_encode_at_every_level_and_scale(schemes, name, seed, data) -> None:
    s = schemes(name)
    level = data.draw(st.integers(0, s.params.max_level))
    largest = math.log2(math.prod(s.params.q[: level + 1])) - 4
    # Beyond 2^62 coefficients take the exact path; they fill anything from one to all limbs.
    scale = 2.0 ** data.draw(st.floats(15, largest))
    slots = s.random(seed)
    plaintext = s.encoder.encode(slots, level, scale)
    assert np.abs(s.encoder.decode(plaintext) - slots).max() <= tolerance(s, scale, 1.5)
    real = s.encoder.decode_real(plaintext)
    assert real.dtype == np.float64
    assert np.abs(real - slots.real).max() <= tolerance(s, scale, 1.5)


def test_encode__of_scalars_short_vectors_and_other_types(small) -> None:
    encode, decode, n = small.encoder.encode, small.encoder.decode, small.params.slots
    close = {"rtol": 0, "atol": tolerance(small, small.params.scales[-1], 8)}
    assert np.allclose(decode(encode(2.5)), np.full(n, 2.5), **close)
    assert np.allclose(decode(encode(1 - 2j)), np.full(n, 1 - 2j), **close)
    assert np.allclose(decode(encode(np.array(3))), np.full(n, 3), **close)
    assert np.allclose(decode(encode([1, 2.5, -3j])), [1, 2.5, -3j] + [0] * (n - 3), **close)
    assert np.allclose(decode(encode(np.array([True, False]))), [1] + [0] * (n - 1), **close)
    bytes_ = np.arange(n, dtype=np.int8)[:5]
    assert np.allclose(decode(encode(bytes_)), [*range(5)] + [0] * (n - 5), **close)
    assert not decode(encode([])).any()


def test_constants__are_the_same_at_every_point(small) -> None:
    data = small.encoder.encode(2.0).data
    assert (data == data[:, :1]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.nan)])
def test_encode__names_the_slot_that_is_not_finite(small, bad) -> None:
    with pytest.raises(EncodingError, match="slot 2 is"):
        small.encoder.encode([0, 1, bad])
    with pytest.raises(EncodingError, match="finite"):
        small.encoder.encode(bad)


def test_encode__refuses_what_does_not_fit(small) -> None:
    with pytest.raises(EncodingError, match="at most 128"):
        small.encoder.encode(np.zeros(129))
    with pytest.raises(EncodingError, match="shape"):
        small.encoder.encode(np.zeros((2, 2)))
    for values in ("text", [None], [object()]):
        with pytest.raises(EncodingError, match="numbers"):
            small.encoder.encode(values)
    for level in (-1, 5):
        with pytest.raises(EncodingError, match="from 0 to 4"):
            small.encoder.encode(1.0, level)
    for scale in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(EncodingError, match="scale"):
            small.encoder.encode(1.0, scale=scale)


@pytest.mark.parametrize("values", [1e308, np.full(128, 1e308), 2.0**200])
def test_encode__refuses_values_beyond_the_modulus(small, values) -> None:
    with pytest.raises(EncodingError, match="use smaller values, a smaller scale or a higher"):
        small.encoder.encode(values)


def test_encode__at_the_edge_of_the_modulus(small) -> None:
    """A constant is one coefficient, so Q/2 is met exactly: below it fits, above it does not."""
    half = small.params.q[0] / 2
    fits = small.encoder.encode((half - 2) / 2**20, level=0, scale=2.0**20)
    assert abs(small.encoder.decode(fits)[0].real - (half - 2) / 2**20) <= 0.5 / 2**20
    with pytest.raises(EncodingError, match="level 0 holds values below"):
        small.encoder.encode((half + 2) / 2**20, level=0, scale=2.0**20)


def test_encode__at_a_modulus_beyond_float64() -> None:
    params = CKKSParameters.build(30, N=64, scale_bits=40, insecure_reason="unit test")
    assert params.log_qp > 1024
    encoder = Encoder(params)
    slots = np.linspace(-1, 1, 32)
    assert np.abs(encoder.decode_real(encoder.encode(slots)) - slots).max() < 2.0**-30
    assert np.abs(encoder.decode_real(encoder.encode(slots, scale=2.0**900)) - slots).max() < 1e-12
    with pytest.raises(EncodingError):
        encoder.encode(1e308, scale=2.0**1000)


def test_decode__refuses_a_foreign_plaintext(schemes, small) -> None:
    other = schemes("two digits")
    with pytest.raises(ParametersMismatchError):
        small.encoder.decode(other.encoder.encode(1.0))

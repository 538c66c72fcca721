"""Slots and coefficients against the definition: evaluations at powers of a root modulo t."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.bfv import BatchEncoder, BFVParameters, CoefficientEncoder
from he.errors import BatchingError, EncodingError, ParametersMismatchError
from ntt import primitive_root


def evaluate(coefficients, x, t):
    value = 0
    for c in reversed([int(c) for c in coefficients]):
        value = (value * x + c) % t
    return value


def test_encode__slot_is_the_evaluation_at_zeta_to_the_power_of_three(scheme):
    N, t = scheme.params.N, scheme.params.t
    values = scheme.slots(1)
    data = scheme.encoder.encode(np.array(values, dtype=np.int64)).data
    zeta = primitive_root(t, 2 * N)
    for i in range(0, N // 2, max(1, N // 16)):
        point = pow(zeta, pow(3, i, 2 * N), t)
        assert evaluate(data, point, t) == values[i]
        assert evaluate(data, pow(point, -1, t), t) == values[N // 2 + i]


def test_decode__inverts_encode(scheme):
    t, N = scheme.params.t, scheme.params.N
    values = np.array(scheme.slots(2), dtype=np.int64)
    plaintext = scheme.encoder.encode(values)
    assert np.array_equal(scheme.encoder.decode_residues(plaintext), values.astype(np.uint64))
    centred = scheme.encoder.decode(plaintext)
    assert centred.min() >= -(t // 2)
    assert centred.max() < t - t // 2
    assert np.array_equal(centred % t, values)
    assert np.array_equal(scheme.encoder.decode(scheme.encoder.encode(-values)) % t, -values % t)
    assert scheme.encoder.decode(scheme.encoder.encode(7 - t)).tolist() == [7] * N


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.int64, bool])
def test_encode__every_integer_type(small, dtype):
    values = np.array([0, 1, 1, 0, 1], dtype=dtype)
    decoded = small.encoder.decode(small.encoder.encode(values))
    assert decoded.tolist() == [0, 1, 1, 0, 1] + [0] * (small.params.N - 5)


def test_encode__matrix_fills_both_rows_from_the_left(small):
    rows = np.array([[1, 2, 3], [-4, 5, -6]])
    decoded = small.encoder.decode(small.encoder.encode(rows)).reshape(2, -1)
    assert decoded[:, :3].tolist() == rows.tolist()
    assert not decoded[:, 3:].any()


@given(data=st.data())
def test_coefficients__round_trip_and_products(small, data):
    t, N = small.params.t, small.params.N
    encoder = CoefficientEncoder(small.params)
    values = data.draw(st.lists(st.integers(1 - t, t - 1), max_size=N))
    decoded = encoder.decode(encoder.encode(np.array(values, dtype=np.int64)))
    assert [int(v) % t for v in decoded] == [v % t for v in values] + [0] * (N - len(values))


def test_coefficients__a_plain_modulus_that_is_a_power_of_two(small):
    from he import KeyGenerator
    from he.bfv import Decryptor, Encryptor

    for t in (2, 256, 3 * 5 * 7, (1 << 60) - 2):
        params = BFVParameters(
            N=64, q=_primes(64, 50, 4), p=_primes(64, 49, 1), digit_limbs=1, t=t,
            insecure_reason="unit test",
        )
        secret = KeyGenerator(params).secret_key()
        encoder = CoefficientEncoder(params)
        values = np.random.default_rng(0).integers(0, t, 64)
        ct = Encryptor(params, secret).encrypt(encoder.encode(values))
        decoded = encoder.decode(Decryptor(params, secret).decrypt(ct))
        assert [int(v) % t for v in decoded] == values.tolist()
        with pytest.raises(BatchingError, match=f"plain modulus {t} has no slots"):
            BatchEncoder(params)


def _primes(N, bits, count):
    from ntt import find_primes

    return find_primes(bits, N, count)


def test_encode__refuses_what_does_not_fit(small):
    t, N = small.params.t, small.params.N
    for bad in (t, -t, [0, t], np.uint64(2**63 + 5), np.array([2**64 - 1], dtype=np.uint64)):
        with pytest.raises(EncodingError, match="does not fit the plain modulus"):
            small.encoder.encode(bad)
    with pytest.raises(EncodingError, match="integers"):
        small.encoder.encode([0.5])
    with pytest.raises(EncodingError, match="integers"):
        small.encoder.encode([2**70])
    with pytest.raises(EncodingError, match=f"at most {N}"):
        small.encoder.encode(np.zeros(N + 1, dtype=np.int64))
    for shape in ((3, 2), (2, N // 2 + 1), (1, 2, 2)):
        with pytest.raises(EncodingError):
            small.encoder.encode(np.zeros(shape, dtype=np.int64))
    other = BFVParameters.build(1, N=256, plain_bits=16, insecure_reason="unit test")
    with pytest.raises(ParametersMismatchError):
        small.encoder.decode(BatchEncoder(other).encode(1))

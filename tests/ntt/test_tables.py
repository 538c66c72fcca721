from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from ntt.backends import layout
from ntt.oracle import bit_reverse
from ntt.tables import bit_reversal, float_factors, multiply_modulo, shoup_constants
from tests.strategies import primes, residue_rows

N = 64
MODULI = (*ntt.find_primes(50, N, 2), ntt.find_primes(20, N, 1)[0])


def in_lanes(w: list[int]) -> list[int]:
    """The order of `layout`: each eight of the last stage, and of the stage before."""
    found = list(w)
    for i in range(N // 4, N):
        lanes = layout.LANES_OF_STAGE_BEFORE if i < N // 2 else layout.LANES_OF_LAST_STAGE
        found[i] = w[i - i % 8 + lanes[i % 8]]
    return found


@pytest.mark.parametrize("word_bits", [52, 64])
def test_for_word__twiddles_are_powers_in_the_stated_order(word_bits: int) -> None:
    tables = ntt.NTTTables(N, MODULI).for_word(word_bits)
    for row, q in zip(tables, MODULI, strict=True):
        psi = ntt.primitive_root(q, 2 * N)
        w = [pow(psi, bit_reverse(i, 6), q) for i in range(N)]
        w_inverse = [pow(psi, -bit_reverse(i, 6), q) for i in range(N)]
        if word_bits == 52:
            w, w_inverse = in_lanes(w), in_lanes(w_inverse)
        blocks = row[layout.COLUMNS :].reshape(4, N).tolist()
        assert blocks[layout.W] == w
        assert blocks[layout.W_SHOUP] == [(x << word_bits) // q for x in w]
        assert blocks[layout.W_INVERSE] == w_inverse
        assert blocks[layout.W_INVERSE_SHOUP] == [(x << word_bits) // q for x in w_inverse]
        scale = pow(N, -1, q)
        assert int(row[layout.N_INVERSE]) == scale
        assert int(row[layout.N_INVERSE_W]) == scale * w_inverse[1] % q


def test_for_word__the_inverse_of_two_keeps_its_place() -> None:
    """The constants take w_inverse[1] before the order of lanes."""
    for small in (8, 16, 32):
        (q,) = ntt.find_primes(30, small, 1)
        row = ntt.NTTTables(small, [q]).for_word(52)[0]
        psi = ntt.primitive_root(q, 2 * small)
        assert int(row[layout.N_INVERSE_W]) == pow(small, -1, q) * pow(psi, -small // 2, q) % q


def test_for_word__is_read_only_and_computed_once() -> None:
    tables = ntt.NTTTables(N, MODULI)
    array = tables.for_word(52)
    assert array is tables.for_word(52)
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


@given(st.data())
def test_shoup_constants__are_exact_quotients(data: st.DataObject) -> None:
    q = data.draw(primes(N, max_bits=61))
    w = data.draw(residue_rows(q, N))
    for word_bits in (52, 64) if q < 1 << 50 else (64,):
        expected = [(int(x) << word_bits) // q for x in w]
        assert shoup_constants(w, q, word_bits).tolist() == expected


@given(st.data())
def test_float_factors__are_balanced_and_rounded(data: st.DataObject) -> None:
    q = data.draw(primes(N, max_bits=50))
    w = data.draw(residue_rows(q, N))
    values, quotients = (bits.view(np.float64) for bits in float_factors(w, q))
    for x, value, quotient in zip(w.tolist(), values.tolist(), quotients.tolist(), strict=True):
        assert (int(value) - x) % q == 0
        assert 2 * abs(value) < q
        assert quotient == int(value) / q


@given(st.data())
def test_multiply_modulo__as_python_integers(data: st.DataObject) -> None:
    q = data.draw(primes(N))
    a, b = data.draw(residue_rows(q, N)), data.draw(st.integers(0, q - 1))
    assert multiply_modulo(a, b, q).tolist() == [int(x) * b % q for x in a]


@pytest.mark.parametrize("count", [1, 2, 8, 1024])
def test_bit_reversal__as_the_oracle(count: int) -> None:
    bits = count.bit_length() - 1
    assert bit_reversal(count).tolist() == [bit_reverse(i, bits) for i in range(count)]


def test_rows__finds_each_modulus() -> None:
    tables = ntt.NTTTables(N, MODULI)
    assert tables.rows(MODULI[::-1]).tolist() == [2, 1, 0]
    with pytest.raises(ntt.ModulusError, match="not in"):
        tables.rows([17])


def test_tables__say_what_they_hold() -> None:
    tables = ntt.NTTTables(N, MODULI)
    assert repr(tables) == "NTTTables(N=64, 3 moduli of 20-50 bits)"
    assert tables.largest_modulus_bits == 50
    assert tables.all_rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize("N", [0, 4, 100, 1 << 18])
def test_tables__wrong_ring_degree_is_refused(N: int) -> None:
    with pytest.raises(ntt.RingDegreeError):
        ntt.NTTTables(N, MODULI)


@pytest.mark.parametrize(
    ("moduli", "message"),
    [
        ((), "at least one"),
        ((MODULI[0], MODULI[0]), "not distinct"),
        ((MODULI[0], 97), "no negacyclic NTT"),
        ((129,), "not prime"),
        ((1 << 62,), "out of range"),
    ],
)
def test_tables__wrong_moduli_are_refused(moduli: tuple[int, ...], message: str) -> None:
    with pytest.raises(ntt.ModulusError, match=message):
        ntt.NTTTables(N, moduli)


@pytest.mark.parametrize("bits", [45, 58])
@pytest.mark.parametrize("inner", [8, 64, 256])
def test_subring__evaluates_polynomials_in_a_power_of_x(inner: int, bits: int) -> None:
    """The evaluations of p(X^g) are those of p, each g times in a row."""
    N = 256
    tables = ntt.NTTTables(N, ntt.find_primes(bits, N, 2))
    small = tables.subring(inner)
    assert tables.subring(inner) is small
    assert small.subring(8).subring(8).moduli == tables.moduli
    rng = np.random.default_rng(inner)
    x = np.stack([rng.integers(0, q, inner, dtype=np.uint64) for q in tables.moduli])
    spread = np.zeros((2, N), dtype=np.uint64)
    spread[:, :: N // inner] = x
    expected = ntt.forward(spread, tables)
    found = ntt.forward(x, small)
    assert (np.repeat(found, N // inner, axis=1) == expected).all()
    assert (ntt.inverse(found, small) == x).all()
    innermost = ntt.forward(x[:, :8], small.subring(8))
    spread = np.zeros((2, N), dtype=np.uint64)
    spread[:, :: N // 8] = x[:, :8]
    assert (np.repeat(innermost, N // 8, axis=1) == ntt.forward(spread, tables)).all()


@pytest.mark.parametrize("bits", [28, 45, 50, 58])
@pytest.mark.parametrize("N", [16, 32, 64, 128, 1024, 4096])
def test_mirrored__evaluates_polynomials_that_are_fixed_by_an_inversion(N: int, bits: int) -> None:
    """The evaluations of p(X) = p(1/X) read the same backwards; the first half comes alone."""
    outer = ntt.NTTTables(4 * N, ntt.find_primes(bits, 4 * N, 2))
    for tables in (outer.subring(N), ntt.NTTTables(N, outer.moduli)):
        half = tables.mirrored()
        assert tables.mirrored() is half
        assert half.N == N // 2
        rng = np.random.default_rng(N)
        p = np.zeros((2, N), dtype=np.uint64)
        folded = np.empty((2, N // 2), dtype=np.uint64)
        for row, q in enumerate(tables.moduli):
            p[row, : N // 2] = rng.integers(0, q, N // 2, dtype=np.uint64)
            p[row, N // 2 + 1 :] = (q - p[row, N // 2 - 1 : 0 : -1]) % q
            unit = tables.imaginary_unit(q)
            assert unit * unit % q == q - 1
            folded[row] = [
                (int(p[row, j]) - (unit * int(p[row, N // 2 - j]) if j else 0)) % q
                for j in range(N // 2)
            ]
        evaluations = ntt.forward(p, tables)
        assert (evaluations == evaluations[:, ::-1]).all()
        assert (ntt.forward(folded, half) == evaluations[:, : N // 2]).all()
        assert (ntt.inverse(evaluations[:, : N // 2], half) == folded).all()


def test_mirrored__has_no_further_tables() -> None:
    half = ntt.NTTTables(64, ntt.find_primes(30, 64, 1)).mirrored()
    with pytest.raises(ntt.RingDegreeError, match="no such tables"):
        half.mirrored()
    with pytest.raises(ntt.RingDegreeError, match="no subring of degree 16"):
        half.subring(16)
    with pytest.raises(ntt.RingDegreeError):
        ntt.NTTTables(8, ntt.find_primes(30, 8, 1)).mirrored()


def test_subring__is_no_larger_than_the_ring() -> None:
    tables = ntt.NTTTables(64, ntt.find_primes(30, 256, 1))
    for N in (128, 256):
        with pytest.raises(ntt.RingDegreeError, match=f"no subring of degree {N}"):
            tables.subring(N)
    with pytest.raises(ntt.RingDegreeError):
        tables.subring(24)

from __future__ import annotations

import math
import random

import galois
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from ntt.modulus import check_ntt_modulus, check_ring_degree


@given(st.integers(-5, 10_000))
def test_is_prime__small_numbers_as_by_trial_division(n: int) -> None:
    assert ntt.is_prime(n) == (n > 1 and all(n % d for d in range(2, math.isqrt(max(n, 0)) + 1)))


@given(st.integers(1 << 40, (1 << 64) - 1))
def test_is_prime__large_numbers_as_galois(n: int) -> None:
    assert ntt.is_prime(n) == galois.is_prime(n)


@pytest.mark.parametrize("n", [2047, 3215031751, 3825123056546413051])
def test_is_prime__strong_pseudoprimes_to_the_first_bases_are_composite(n: int) -> None:
    assert not ntt.is_prime(n)


@pytest.mark.parametrize("q", [-7, 0, 1, 2, 3, 4, (1 << 61), (1 << 61) + 15])
def test_modulus__out_of_range_is_refused(q: int) -> None:
    with pytest.raises(ntt.ModulusError, match=str(q)):
        ntt.Modulus(q)


@pytest.mark.parametrize("q", [9, 2047, (1 << 50) - 1])
def test_modulus__composite_is_refused(q: int) -> None:
    with pytest.raises(ntt.ModulusError, match="not prime"):
        ntt.Modulus(q)


@pytest.mark.parametrize("q", [5, 7, 17, 1152921504606844417, (1 << 61) - 1])
@pytest.mark.parametrize("word_bits", [52, 64])
def test_modulus__constants_are_their_definitions(q: int, word_bits: int) -> None:
    modulus, word = ntt.Modulus(q), 1 << word_bits
    n = modulus.bits
    assert 1 << (n - 1) <= q < 1 << n
    mu = modulus.barrett_mu(word_bits)
    assert mu * q <= word << (n - 2) < (mu + 1) * q
    assert mu < word // 2
    negative_inverse = modulus.montgomery_negative_inverse(word_bits)
    assert 0 <= negative_inverse < word
    assert (negative_inverse * q + 1) % word == 0
    w_shoup = modulus.shoup(q - 1, word_bits)
    assert w_shoup * q <= (q - 1) * word < (w_shoup + 1) * q


def test_modulus__is_frozen() -> None:
    with pytest.raises(AttributeError):
        ntt.Modulus(17).value = 19  # type: ignore[misc]


@pytest.mark.parametrize("N", [8, 1024, 1 << 17])
def test_check_ring_degree__accepts_powers_of_two(N: int) -> None:
    check_ring_degree(N)


@pytest.mark.parametrize("N", [-8, 0, 1, 4, 12, 1000, 1 << 18, 1024.0, "1024", None])
def test_check_ring_degree__refuses_others(N: object) -> None:
    with pytest.raises(ntt.RingDegreeError, match="power of two"):
        check_ring_degree(N)  # type: ignore[arg-type]


def test_check_ntt_modulus__names_the_residue_and_the_way_out() -> None:
    with pytest.raises(ntt.ModulusError, match=r"q mod 2N is 35, needed 1.*find_primes\(10, 32"):
        check_ntt_modulus(547, 32)


@given(st.integers(3, 12), st.integers(20, 61))
def test_find_primes__are_the_largest_of_their_size(log_N: int, bits: int) -> None:
    N = 1 << log_N
    found = ntt.find_primes(bits, N, 2)
    assert list(found) == sorted(found, reverse=True)
    friendly = [
        q
        for q in range((1 << bits) // (2 * N) * (2 * N) + 1, found[-1] - 1, -2 * N)
        if q.bit_length() == bits and galois.is_prime(q)
    ]
    assert friendly == list(found)


def test_find_primes__excluded_primes_are_passed_over() -> None:
    first, second, third = ntt.find_primes(40, 1024, 3)
    assert ntt.find_primes(40, 1024, 2, exclude={second}) == (first, third)


@pytest.mark.parametrize(("bits", "N", "count"), [(2, 8, 1), (62, 8, 1), (20, 1 << 17, 4)])
def test_find_primes__what_does_not_exist_is_refused(bits: int, N: int, count: int) -> None:
    with pytest.raises(ntt.ModulusError):
        ntt.find_primes(bits, N, count)


def test_find_primes__wrong_ring_degree_is_refused() -> None:
    with pytest.raises(ntt.RingDegreeError):
        ntt.find_primes(40, 1000, 1)


@given(st.floats(2.0**30, 2.0**49), st.integers(3, 14), st.integers(1, 4))
def test_find_primes_near__are_nearest_first(target: float, log_N: int, count: int) -> None:
    N = 1 << log_N
    found = ntt.find_primes_near(target, N, count)
    distances = [abs(q - target) for q in found]
    assert distances == sorted(distances)
    reach = int(distances[-1])
    lowest = (int(target) - reach) // (2 * N) * (2 * N) + 1
    nearer = [
        q
        for q in range(lowest, int(target) + reach, 2 * N)
        if abs(q - target) < distances[-1] and ntt.is_prime(q)
    ]
    assert set(nearer) <= set(found)
    assert all(q % (2 * N) == 1 and q < 1 << 50 for q in found)


def test_find_primes_near__too_few_is_refused() -> None:
    with pytest.raises(ntt.ModulusError, match="needed"):
        ntt.find_primes_near(2.0**19, 1 << 17, 5)


@pytest.mark.parametrize("q", [17, 97, 12289, 65537])
def test_primitive_root__is_the_smallest_of_all(q: int) -> None:
    order = 2
    while (q - 1) % (2 * order) == 0:
        order *= 2
        roots = [r for r in range(2, q) if pow(r, order // 2, q) == q - 1]
        assert ntt.primitive_root(q, order) == roots[0]


@pytest.mark.parametrize("bits", [50, 60])
def test_primitive_root__is_the_smallest_power_of_that_of_galois(bits: int) -> None:
    order = 256
    q = ntt.find_primes(bits, order // 2, 1)[0]
    root = galois.GF(q).primitive_root_of_unity(order)
    assert ntt.primitive_root(q, order) == min(int(root**k) for k in range(1, order, 2))


@pytest.mark.parametrize(("q", "order"), [(17, 32), (17, 3), (17, 1), (97, 64)])
def test_primitive_root__what_does_not_exist_is_refused(q: int, order: int) -> None:
    with pytest.raises(ntt.ModulusError, match="order"):
        ntt.primitive_root(q, order)


def test_primitive_root__has_exact_order_for_random_primes() -> None:
    generator = random.Random(1)
    for _ in range(20):
        q = ntt.find_primes(generator.randint(30, 61), 512, 1)[0]
        assert pow(ntt.primitive_root(q, 1024), 512, q) == q - 1


@pytest.mark.parametrize("bits", [31, 32, 33, 50])
def test_primitive_root__is_the_smallest_of_all_odd_powers(bits: int) -> None:
    """Of primes whose products fit a word, and of others."""
    for q in ntt.find_primes(bits, 256, 3):
        root = ntt.primitive_root(q, 512)
        assert root == min(pow(root, k, q) for k in range(1, 512, 2))

"""The hoisted quotients of every backend against Python's integers."""

import math

import numpy as np
import pytest

import ntt
from ntt import oracle
from ntt.backends import select
from ntt.constants import LimbDivision, Scalars
from ntt.hoisting import KeyOperands, VectorMoves
from ntt.limbs import LimbOps
from ntt.tables import NTTTables, bit_reversal

N = 128
PATTERN = np.uint64(0xDEADBEEFCAFEF00D)
GUARD = 64


def automorphism(element, degree=N):
    """y[i] = x[result[i]] for x -> x^element in the transformed domain."""
    order = bit_reversal(degree)
    return order[((2 * order + 1) * element % (2 * degree) - 1) // 2]


class Problem:
    """Random, or largest, operands of a product with keys and a division by the last primes."""

    def __init__(self, bits, digits, kept, dropped, elements, *, largest=False):
        rng = np.random.default_rng(bits + digits)
        moduli = ntt.find_primes(bits, N, kept + dropped)
        self.tables, self.kept = NTTTables(N, moduli), kept
        limbs = kept + dropped
        ends = np.array(self.tables.moduli, dtype=np.uint64)[:, None]

        def residues(*shape):
            high = np.broadcast_to(ends, (*shape, limbs, N))
            return high - 1 if largest else rng.integers(0, high, dtype=np.uint64)

        self.scaled_digits = residues(digits)
        self.addend = np.ascontiguousarray(residues()[:kept])
        # A key may have more digits and limbs than the ciphertext.
        self.keys = [np.concatenate([residues(digits + 1, 2)] * 2, axis=2) for _ in elements]
        self.key_rows = [rng.integers(0, 2, limbs) * limbs + np.arange(limbs) for _ in elements]
        self.permutations = [automorphism(e) for e in elements]

    def run(self, *parts):
        """The quotients of some keys, computed between guard words, part by part."""
        ops = LimbOps(self.tables, self.tables.all_rows)
        shape = len(self.keys), 2, self.kept, N
        out = np.full(math.prod(shape) + 2 * GUARD, PATTERN)
        memory = np.full(ops.quotient_words + 2 * GUARD, PATTERN)
        operands = KeyOperands.of(
            self.keys, self.key_rows, [VectorMoves.of(p) for p in self.permutations]
        )
        quotients = out[GUARD:-GUARD].reshape(shape)
        division = LimbDivision(ops.moduli, self.kept)
        for part in parts:
            ops.hoisted_quotients(
                quotients, self.scaled_digits, self.addend, operands, division,
                memory[None, GUARD:-GUARD], part,
            )
        for array in (out, memory):
            assert (array[:GUARD] == PATTERN).all()
            assert (array[-GUARD:] == PATTERN).all()
        return quotients

    def expected(self, n):
        """Products summed, taken to coefficients, divided as integers, and back."""
        moduli = self.tables.moduli
        D, Q = math.prod(moduli[self.kept :]), math.prod(moduli)
        key = self.keys[n][: len(self.scaled_digits)][:, :, self.key_rows[n]].astype(object)
        sums = (self.scaled_digits[:, None].astype(object) * key).sum(axis=0)
        radix = LimbOps(self.tables, self.tables.all_rows).product_radix
        for r, q in enumerate(moduli):  # what the digits were multiplied by
            scale = radix * pow(D, -1, q) if r < self.kept else radix
            sums[:, r] *= pow(scale, -1, q)
        result = np.empty((2, self.kept, N), dtype=object)
        for p in range(2):
            total = 0
            for r, q in enumerate(moduli):
                coefficients = np.array(oracle.inverse(sums[p, r] % q, q), dtype=object)
                total = total + coefficients * (Q // q) * pow(Q // q, -1, q)
            quotient = (total % Q + D // 2) // D
            for r, q in enumerate(moduli[: self.kept]):
                row = np.array(oracle.forward(quotient % q, q), dtype=object)
                result[p, r] = (row + (self.addend[r].astype(object) if p == 0 else 0)) % q
        return result[..., self.permutations[n]]


@pytest.mark.parametrize("dropped", [1, 2, 3])
@pytest.mark.parametrize("digits", [1, 3])
def test_hoisted_quotients__divide_add_and_permute(backend, digits, dropped):
    problem = Problem(40, digits, 2, dropped, (5, 2 * N - 1, 1))
    quotients = problem.run(slice(0, 6))
    for n in range(3):
        assert (quotients[n] == problem.expected(n)).all()


@pytest.mark.parametrize("bits", [28, 50])
@pytest.mark.parametrize("digits", [4, 5, 6, 7, 33])
def test_hoisted_quotients__the_largest_residues_and_many_digits(backend, bits, digits):
    """Of 50-bit products `ifma` reduces 4 at a time (floor(2^52 / q)) and `fma` 6: both edges are
    passed.
    """
    for largest in (True, False):
        problem = Problem(bits, digits, 1, 2, (3,), largest=largest)
        assert (problem.run(slice(0, 2))[0] == problem.expected(0)).all()


def test_hoisted_quotients__with_many_dropped_limbs(backend):
    """More terms than `ifma` converts between two reductions."""
    problem = Problem(49, 2, 1, 9, (3,))
    assert (problem.run(slice(0, 2))[0] == problem.expected(0)).all()


def test_hoisted_quotients__of_some_keys_leave_the_others_alone(backend):
    problem = Problem(40, 2, 1, 2, (3, 5, 7))
    quotients = problem.run(slice(2, 4))
    assert (quotients[1] == problem.expected(1)).all()
    assert (quotients[[0, 2]] == PATTERN).all()


@pytest.mark.parametrize("bits", [40, 50])
@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_hoisted_quotients__parts_of_a_key_one_by_one(backend, bits, cut):
    problem = Problem(bits, 6, 2, 2, (3, 5, 7))
    quotients = problem.run(slice(0, cut), slice(cut, 6))
    for n in range(3):
        assert (quotients[n] == problem.expected(n)).all()


@pytest.mark.parametrize("dropped", [2, 6])
def test_hoisted_quotients__of_a_large_ring(backend, dropped):
    """Where remainders are converted some limbs at a time: the bits of the scalar kernels."""
    degree, kept, digits = 1 << 16, 9, 2
    moduli = ntt.find_primes(45, degree, kept + dropped)
    tables, rng = NTTTables(degree, moduli), np.random.default_rng(dropped)
    ends = np.array(tables.moduli, dtype=np.uint64)[:, None]
    c = rng.integers(0, ends, (digits, kept + dropped, degree), dtype=np.uint64)
    key = rng.integers(0, ends, (digits, 2, kept + dropped, degree), dtype=np.uint64)
    moves = VectorMoves.of(automorphism(5, degree))
    operands = KeyOperands.of([key], [tables.all_rows], [moves])
    division = LimbDivision(tables.moduli, kept)
    results = []
    for backend_of in (backend, select.backend_module("scalar")):
        ops = LimbOps(tables, tables.all_rows, backend_of)
        scaled = Scalars(division.scales(ops.product_radix), ops.moduli)
        scaled_digits = ops.multiply_scalar(np.empty_like(c), c, scaled)
        memory = np.empty((1, ops.quotient_words), dtype=np.uint64)
        out = np.empty((1, 2, kept, degree), dtype=np.uint64)
        for part in (slice(0, 2),) if dropped > 2 else (slice(0, 1), slice(1, 2)):
            ops.hoisted_quotients(
                out, scaled_digits, c[0, :kept], operands, division, memory, part
            )
        results.append(out)
    assert (results[0] == results[1]).all()

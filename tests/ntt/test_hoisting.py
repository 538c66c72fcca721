"""The hoisted product of every backend against Python's integers, and its operands."""

import itertools

import numpy as np
import pytest

import ntt
from ntt import hoisting
from ntt.addresses import addresses_of
from ntt.backends.layout import VECTOR
from ntt.hoisting import HoistedOperands, VectorMoves, run_of, weights_shape
from ntt.limbs import LimbOps
from ntt.tables import NTTTables, bit_reversal

PATTERN = np.uint64(0xDEADBEEFCAFEF00D)
GUARD = 64


def automorphism(element, N):
    """y[i] = x[result[i]] for x -> x^element in the transformed domain."""
    order = bit_reversal(N)
    return order[((2 * order + 1) * element % (2 * N) - 1) // 2]


class Problem:
    """Random, or largest, operands of a hoisted product over the last limbs of a chain."""

    def __init__(
        self, N, bits, images, digits, elements, groups, *, runs=None, mirrored=None, largest=False,
        limbs=3, seed=0,
    ):
        rng = np.random.default_rng(seed)
        self.tables = NTTTables(N, ntt.find_primes(bits, N, limbs))
        self.N, self.limbs, self.images, self.groups = N, limbs, images, groups
        moduli = np.array(self.tables.moduli, dtype=np.uint64)[:, None]

        def residues(*shape):
            high = np.broadcast_to(moduli, (*shape, limbs, N))
            return high - 1 if largest else rng.integers(0, high, dtype=np.uint64)

        self.digits = residues(images, digits)
        self.addends = residues(images, 2)
        # A key may have more digits and limbs than the ciphertext.
        self.keys = [
            None if e == 1 else np.concatenate([residues(digits + 1, 2)] * 2, axis=2)
            for e in elements
        ]
        self.key_rows = [rng.integers(0, 2, limbs) * limbs + np.arange(limbs) for _ in elements]
        self.permutations = [automorphism(e, N) for e in elements]
        self.starts = [np.cumsum([0, *sizes]) for sizes in groups]
        self.product_of = [rng.integers(0, len(elements), s[-1]) for s in self.starts]
        self.weights = [residues(s[-1]) for s in self.starts]
        stored = []
        halves = mirrored or [False] * len(groups)
        for o, (run, half) in enumerate(zip(runs or [1] * len(groups), halves, strict=True)):
            words = self.weights[o][..., ::run]
            rows, lanes = N // max(run, VECTOR), max(VECTOR // run, 1)
            if half:
                words = words[..., : words.shape[-1] // 2]
                rows //= 2
            all_words = np.concatenate((words, words[..., ::-1]), axis=-1) if half else words
            self.weights[o] = np.repeat(all_words, run, axis=-1)
            split = words.reshape(len(words), limbs, rows, lanes)
            stored.append(np.ascontiguousarray(np.moveaxis(split, 0, 2)))
        self.operands = HoistedOperands.of(
            self.keys,
            self.key_rows,
            [VectorMoves.of(p) for p in self.permutations],
            stored,
            self.starts,
            self.product_of,
            mirrored,
        )

    def run(self, first=0, cuts=()):
        """Limbs from `first` on, computed between guard words, part by part between `cuts`."""
        sums = self.operands.sums
        out = self._guarded(self.images * sums * 2 * self.limbs * self.N)
        words = self.operands.scratch_words(self.images, self.digits.shape[1], self.N)
        memory = self._guarded(words)
        shaped = out[GUARD:-GUARD].reshape(self.images, sums, 2, self.limbs, self.N)
        ops = LimbOps(self.tables, self.tables.all_rows[first:])
        digits = np.ascontiguousarray(self.digits[:, :, first:])
        bounds = [0, *cuts, self.operands.blocks_of(self.limbs - first, self.N)]
        for lo, hi in itertools.pairwise(bounds):
            ops.hoisted_product(
                shaped, digits, self.addends, self.operands, first, memory[None, GUARD:-GUARD],
                slice(lo, hi),
            )
        for array in (out, memory):
            assert (array[:GUARD] == PATTERN).all()
            assert (array[-GUARD:] == PATTERN).all()
        assert (shaped[:, :, :, :first] == PATTERN).all()
        return shaped[:, :, :, first:]

    def expected(self, first=0):
        """The same sums of Python's integers."""
        moduli = np.array(self.tables.moduli, dtype=object)[first:, None]
        products = [self._product(b)[:, :, first:] for b in range(len(self.keys))]
        sums = [
            sum(
                self.weights[o][t, None, first:].astype(object) * products[self.product_of[o][t]]
                for t in range(begin, end)
            )
            for o, starts in enumerate(self.starts)
            for begin, end in itertools.pairwise(starts)
        ]
        return np.stack([s % moduli for s in sums], axis=1)

    def _product(self, b):
        if self.keys[b] is None:
            return self.addends.astype(object)
        key = self.keys[b][: self.digits.shape[1], :, self.key_rows[b]]
        total = (self.digits[:, :, None].astype(object) * key.astype(object)).sum(axis=1)
        total[:, 0] += self.addends[:, 0]
        moduli = np.array(self.tables.moduli, dtype=object)[:, None]
        return (total % moduli)[..., self.permutations[b]]

    @staticmethod
    def _guarded(words):
        return np.full(words + 2 * GUARD, PATTERN)


@pytest.mark.parametrize("images", [1, 2, 3, 4, 5, 9])
def test_hoisted_product__is_the_sum_of_weighted_permuted_products(backend, images):
    problem = Problem(128, 40, images, 3, (1, 3, 27, 255), [(2, 3), (1,)], seed=images)
    assert (problem.run() == problem.expected()).all()


@pytest.mark.parametrize("log_N", [7, 9, 11, 12])
def test_hoisted_product__any_number_of_column_blocks(backend, log_N):
    N = 1 << log_N
    problem = Problem(N, 45, 5, 2, (5, 2 * N - 1, 1, 9), [(4,)], limbs=1)
    assert (problem.run() == problem.expected()).all()
    assert N // problem.operands.columns == max(1, N // hoisting.COLUMNS)


@pytest.mark.parametrize("images", [1, 5])
@pytest.mark.parametrize("cuts", [(1,), (3,), (4,), (5, 6), range(1, 8)])
def test_hoisted_product__parts_of_the_columns_one_by_one(backend, images, cuts):
    N = 4 * hoisting.COLUMNS
    problem = Problem(N, 45, images, 2, (5, 2 * N - 1, 1), [(4,)], limbs=2)
    assert (problem.run(cuts=cuts) == problem.expected()).all()


def test_hoisted_product__of_some_limbs_leaves_the_others_alone(backend):
    problem = Problem(128, 40, 5, 2, (3, 1), [(3,)])
    assert (problem.run(first=1) == problem.expected(first=1)).all()
    whole = problem.run(first=2)
    assert whole.shape[3] == 1
    assert (whole == problem.expected(first=2)).all()


@pytest.mark.parametrize("bits", [28, 47, 48, 49, 50])
@pytest.mark.parametrize("terms", [15, 16, 17, 33])
def test_hoisted_product__the_largest_residues_and_many_terms(backend, bits, terms):
    """2^(104 - 2n) - 1 products fit the sums of `ifma`, 8 those of `fma`: both edges are passed."""
    for images in (1, 4):
        problem = Problem(
            128, bits, images, terms, (3, 1), [(terms, 1)], largest=True, limbs=1, seed=terms
        )
        assert (problem.run() == problem.expected()).all()


@pytest.mark.parametrize("images", [1, 5])
def test_hoisted_product__weights_that_repeat_in_a_row(backend, images):
    """Runs within a vector, of one vector, of several vectors, of all columns; two blocks."""
    N = 2048
    runs = [1, 2, 4, 8, 16, 128, N]
    groups = [(2, 3)] * len(runs)
    problem = Problem(N, 45, images, 2, (1, 3, 27), groups, runs=runs, limbs=2, seed=images)
    assert (problem.run() == problem.expected()).all()


@pytest.mark.parametrize("images", [1, 5])
@pytest.mark.parametrize("N", [128, 1024, 2048, 8192, 1 << 14])
def test_hoisted_product__weights_that_are_mirrored(backend, images, N):
    """With every run, beside matrices that are not; one block of columns or more in each half."""
    runs = [run for run in (1, 2, 4, 8, 16, N // 8, 1) if 2 * max(run, VECTOR) <= N]
    mirrored = [True] * (len(runs) - 1) + [False]
    groups = [(2, 3)] * len(runs)
    problem = Problem(
        N, 45, images, 2, (1, 3, 27), groups, runs=runs, mirrored=mirrored, limbs=2, seed=images
    )
    assert (problem.run() == problem.expected()).all()


@pytest.mark.parametrize("cuts", [(1,), (3,), (5, 6), range(1, 8)])
def test_hoisted_product__mirrored_weights_part_by_part(backend, cuts):
    N = 4 * hoisting.COLUMNS
    problem = Problem(N, 45, 1, 2, (5, 2 * N - 1, 1), [(4,)], mirrored=[True], limbs=2)
    assert (problem.run(cuts=cuts) == problem.expected()).all()


def test_run_of__refuses_weights_of_another_shape():
    for run in (1, 2, 4, 8, 64):
        assert run_of(np.zeros(weights_shape(2, 64, 3, run)), 64) == run
    for run in (1, 2, 4, 8, 32):
        assert run_of(np.zeros(weights_shape(2, 64, 3, run, mirrored=True)), 64, True) == run
    for shape in ((2, 8, 3, 16), (2, 0, 3, 8), (2, 3, 3, 8), (2, 5, 3, 1), (2, 16, 3, 1)):
        with pytest.raises(ValueError, match="no matrix for N = 64"):
            run_of(np.zeros(shape), 64)
    for shape in ((2, 8, 3, 8), (2, 0, 3, 1), (2, 3, 3, 8), (2, 4, 3, 16)):
        with pytest.raises(ValueError, match="that are mirrored are no matrix for N = 64"):
            run_of(np.zeros(shape), 64, mirrored=True)


def test_hoisted_product__without_terms_is_zero(backend):
    problem = Problem(128, 40, 5, 2, (3,), [(0, 2)])
    assert (problem.run()[:, 0] == 0).all()


@pytest.mark.parametrize("N", [8, 16, 128, 4096])
def test_vector_moves__carry_out_the_permutation(N):
    x = np.arange(N)
    for element in (1, 3, 9, 2 * N - 1, N + 1, 5):
        permutation = automorphism(element, N)
        move = VectorMoves.of(permutation)
        y = np.empty(N, dtype=np.int64)
        for v, word in enumerate(move.moves[0].tolist()):
            target, row = divmod(word, VECTOR)
            lanes = move.lanes.reshape(VECTOR, VECTOR)[row].astype(np.int64)
            y[target * VECTOR : (target + 1) * VECTOR] = x[v * VECTOR + lanes]
            assert move.moves[1, target] == v
        assert (y == x[permutation]).all()


def test_vector_moves__refuse_to_tear_vectors_apart():
    with pytest.raises(ValueError, match="whole vectors"):
        VectorMoves.of(np.roll(np.arange(64), 1))


def test_addresses__only_of_contiguous_words():
    words = np.zeros((4, 4), dtype=np.uint64)
    assert addresses_of([words, None]).tolist() == [words.ctypes.data, 0]
    for wrong in (words.T[1:], words[:, :2], words.astype(np.int64)):
        with pytest.raises(ValueError, match="C-contiguous uint64"):
            addresses_of([wrong])

"""Weighted sums of batched ciphertexts, held to Python integers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

import ntt
from he.batched import kernels as batched_kernels
from he.batched import weighted_sums
from he.batched.block_sizes import OUTPUTS, SUMS, WIDTH
from he.batched.blocks import Blocks, Elementwise
from he.batched.weighted_sums import WeightedSums
from he.errors import ParameterError

N = 64
MODULI = tuple(ntt.find_primes(50, N, 1) + ntt.find_primes(40, N, 1))


def elements(count, parts, seed=1, N=N, moduli=MODULI):
    """Residues with the edges 0 and q - 1 among them, (count, parts, limbs, N)."""
    rng = np.random.default_rng(seed)
    rows = np.stack(
        [rng.integers(0, q, (count, parts, N), dtype=np.uint64) for q in moduli], axis=2
    )
    for limb, q in enumerate(moduli):
        rows[:, 0, limb, :2] = 0, q - 1
    return rows


def slow(matrix, offsets, rows, moduli=MODULI):
    """The same sums on Python integers, (out, parts, limbs, N)."""
    values = rows.astype(object)
    dense = matrix.toarray().astype(object)
    out = np.tensordot(dense, values, axes=1)
    out[:, 0] += np.array(offsets, dtype=object)[:, None, None]
    return out % np.array(moduli, dtype=object)[:, None]


def outputs(sums, rows):
    """What comes out, put in the matrix's order."""
    parts = [batch.copy() for batch in sums(rows)]
    out = np.concatenate(parts)
    result = np.empty_like(out)
    result[sums.order] = out
    return result


def matrix_of(kind, weight, seed=2):
    """A dense layer, a convolution's windows in three channels, or rows of no pattern."""
    rng = np.random.default_rng(seed)
    if kind == "dense":
        return sparse.csr_array(rng.integers(-weight, weight + 1, (19, 21)))
    if kind == "windows":
        windows = [np.arange(first, first + 5) for first in range(0, 17, 2)]
        columns = np.concatenate(windows * 3)
        data = rng.integers(-weight, weight + 1, len(columns))
        starts = np.arange(0, len(columns) + 1, 5)
        return sparse.csr_array((data, columns, starts), shape=(27, 21))
    ragged = rng.integers(-weight, weight + 1, (9, 21))
    ragged[rng.random(ragged.shape) > 0.4] = 0
    ragged[3] = 0  # an output that is its offset alone
    return sparse.csr_array(ragged)


@pytest.mark.parametrize("kind", ["dense", "windows", "ragged"])
@pytest.mark.parametrize("weight", [1, 15, 1 << 12, 1 << 20, (1 << 45) - 1])
def test_sums__equal_python_integers(kind, weight):
    matrix = matrix_of(kind, weight)
    count, columns = matrix.shape
    offsets = [int(x) for x in np.random.default_rng(3).integers(-(1 << 60), 1 << 60, count)]
    rows = elements(columns, 2)
    expected = slow(matrix, offsets, rows)
    kept = Blocks.empty(2, len(MODULI), columns, N)
    kept.put(0, rows)
    sums = WeightedSums(matrix, offsets, MODULI)
    assert (outputs(sums, kept) == expected).all()
    assert (outputs(sums, iter([rows])) == expected).all()


@pytest.mark.parametrize(
    ("kept", "streamed"), [(1 << 30, 7 * 2 * 2 * N), (0, 1 << 30)], ids=["in passes", "all kept"]
)
def test_sums__of_elements_that_come_in_batches(monkeypatch, kept, streamed):
    """Outputs stay while inputs pass in groups of 7, or the inputs are all kept first."""
    monkeypatch.setattr(weighted_sums, "_KEPT_WORDS", kept)
    monkeypatch.setattr(weighted_sums, "_STREAMED_WORDS", streamed)
    monkeypatch.setattr(weighted_sums, "_WORDS", 5 * 2 * 2 * N)
    for kind in ("dense", "windows", "ragged"):
        matrix = matrix_of(kind, 1 << 14)
        rows = elements(21, 2)
        offsets = list(range(matrix.shape[0]))
        sums = WeightedSums(matrix, offsets, MODULI)
        batches = (rows[a:b] for a, b in itertools.pairwise([0, 1, 4, 12, 21]))
        assert (outputs(sums, batches) == slow(matrix, offsets, rows)).all()


def test_sums__do_not_depend_on_the_threads():
    matrix, rows = matrix_of("dense", 100), elements(21, 3)
    sums = WeightedSums(matrix, [5] * 19, MODULI)
    ntt.set_threads(1)
    alone = outputs(sums, iter([rows]))
    ntt.set_threads(None)
    assert (outputs(sums, iter([rows])) == alone).all()


@pytest.mark.parametrize("bits", [20, 30, 50, 56])
def test_sums__largest_residues_and_weights_that_reach_the_bound(bits):
    """All residues q - 1 and weights of one sign: the sums that come nearest to 2^63."""
    (q,) = ntt.find_primes(bits, N, 1)
    largest = max(1, ((1 << 63) // q >> 2) - 1)
    for weight in {largest, -largest, 1 << 40, -(1 << 40)}:
        matrix = sparse.csr_array(np.full((2, 40), weight, dtype=np.int64))
        rows = np.full((40, 1, 1, N), q - 1, dtype=np.uint64)
        result = outputs(WeightedSums(matrix, [0, q - 1], (q,)), iter([rows]))
        assert (result == slow(matrix, [0, q - 1], rows, (q,))).all()


def test_moduli__outside_the_range_are_refused():
    matrix = matrix_of("dense", 3)
    for q in (97, (1 << 60) - 93):
        with pytest.raises(ParameterError, match="bits are needed"):
            WeightedSums(matrix, [0] * 19, (q,))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.indices.__setitem__(3, 21),
        lambda m: m.indices.__setitem__(3, -1),
        lambda m: m.indptr.__setitem__(2, 1 << 20),
        lambda m: m.indptr.__setitem__(2, 0),
        lambda m: setattr(m, "data", m.data.astype(np.float64)),
        lambda m: setattr(m, "data", m.data[:-1]),
        lambda m: setattr(m, "indptr", m.indptr[:-1]),
    ],
)
def test_sums__of_a_matrix_that_points_outside_are_refused(change):
    matrix = matrix_of("dense", 3)
    change(matrix)
    with pytest.raises(ParameterError, match="CSR matrix of int64"):
        WeightedSums(matrix, [0] * 19, MODULI)


@pytest.mark.parametrize("kept", [0, 1 << 30])
def test_sums__of_elements_that_do_not_fit_are_refused(monkeypatch, kept):
    monkeypatch.setattr(weighted_sums, "_KEPT_WORDS", kept)
    sums = WeightedSums(matrix_of("dense", 3), [0] * 19, MODULI)
    with pytest.raises(ParameterError, match="offsets"):
        WeightedSums(matrix_of("dense", 3), [0] * 18, MODULI)
    rows = elements(21, 2)
    limb_less = np.ascontiguousarray(rows[:, :, :1])
    for wrong in (rows[:20], elements(22, 2), limb_less):
        with pytest.raises(ParameterError):
            outputs(sums, iter([wrong]))
        blocks = Blocks.empty(2, wrong.shape[2], len(wrong), N)
        blocks.put(0, wrong)
        with pytest.raises(ParameterError):
            outputs(sums, blocks)


def test_blocks__refuse_places_and_arrays_that_do_not_fit():
    rows = elements(5, 2)
    blocks = Blocks.empty(2, len(MODULI), 5, N)
    for first, given in [(1, rows), (-1, rows[:1]), (5, rows[:1]), (0, rows[..., : N // 2].copy()),
                         (0, rows[:, :1].copy()), (0, rows.astype(np.int64))]:  # fmt: skip
        with pytest.raises(ParameterError):
            blocks.put(first, given)
    for element in (-1, 5):
        with pytest.raises(ParameterError):
            blocks.row(element)
        with pytest.raises(ParameterError):
            blocks.taken(np.array([0, element]))
    for data in (blocks.data[..., :8].copy(), blocks.data[0], blocks.data.astype(np.int64)):
        with pytest.raises(ParameterError):
            Blocks(data)


def test_blocks__give_back_what_was_put():
    rows = elements(5, 2)
    blocks = Blocks.empty(2, len(MODULI), 5, N)
    blocks.put(0, rows[:2])
    blocks.put(2, rows[2:])
    assert blocks.shape == (2, len(MODULI), 5, N)
    assert (np.concatenate(list(blocks.rows())) == rows).all()
    assert (blocks.taken(np.array([3, 0])).row(1) == rows[0]).all()


def test_elementwise__every_element_in_order():
    rows = elements(21, 2)

    def last_part_twice(row, out):
        out[...] = row[1]

    layer = Elementwise(last_part_twice, 2, len(MODULI), "test rows")
    batches = [batch.copy() for batch in layer(iter([rows[:9], rows[9:]]))]
    assert (np.concatenate(batches) == rows[:, 1:].repeat(2, axis=1)).all()


class Guarded:
    """Arrays between guard words."""

    PATTERN = np.uint64(0xDEADBEEFCAFEF00D)

    def __init__(self):
        self._buffers = []

    def array(self, *shape, fill=1):
        size = int(np.prod(shape))
        buffer = np.full(size + 128, self.PATTERN)
        self._buffers.append(buffer)
        inside = buffer[64:-64].reshape(shape)
        inside[...] = fill
        return inside

    def intact(self):
        ends = (np.concatenate((b[:64], b[-64:])) for b in self._buffers)
        return all((end == self.PATTERN).all() for end in ends)


@pytest.mark.parametrize("count", [1, 7, 8, 9])
@pytest.mark.parametrize("inputs", [0, 1, 3])
def test_kernels__stay_inside_their_arrays(count, inputs):
    guarded = Guarded()
    make = guarded.array
    parts, limbs, columns = 2, 1, 3
    blocks = make(parts, limbs, N // WIDTH, columns, WIDTH)
    batched_kernels.to_blocks(blocks, make(columns, parts, limbs, N), 0, 0, N // WIDTH)
    batched_kernels.from_blocks(make(parts, limbs, N), blocks, columns - 1)
    tiles = -(-count // OUTPUTS)
    q = np.array([MODULI[0]], dtype=np.uint64)
    for fresh in (True, False):
        batched_kernels.weighted_sums(
            make(count, parts, limbs, N),
            blocks,
            np.arange(inputs),
            make(tiles * inputs, OUTPUTS),
            np.array([(0, inputs, t * inputs, 0) for t in range(tiles)]),
            np.array(
                [(t * OUTPUTS, min(OUTPUTS, count - t * OUTPUTS), t, t + 1) for t in range(tiles)]
            ),
            make(parts, limbs, count),
            fresh,
            q,
            (1 / q.astype(np.float64)).view(np.uint64),
            make(SUMS),
            0,
            N // WIDTH,
        )
    assert guarded.intact()

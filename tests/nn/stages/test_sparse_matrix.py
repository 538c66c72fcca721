"""Sparse matrices against SciPy's, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from nn.stages.sparse_matrix import SparseMatrix

seeds = st.integers(0, 2**32 - 1)


def random(seed: int) -> tuple[np.ndarray, np.random.Generator]:
    """A matrix with many zeros, whole rows and columns among them."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 30, 2)
    dense = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-9, 9, (rows, columns))
    dense[rng.random((rows, columns)) < 0.7] = 0
    dense[rng.integers(rows)] = 0
    dense[:, rng.integers(columns)] = 0
    return dense, rng


def csr(matrix: object) -> sparse.csr_array:
    """SciPy's matrix in the same form."""
    result = sparse.csr_array(matrix, dtype=np.float64)
    result.sum_duplicates()
    result.eliminate_zeros()
    return result


def assert_same(ours: SparseMatrix, theirs: sparse.csr_array) -> None:
    assert ours.shape == theirs.shape
    for name in ("data", "indices", "indptr"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@given(seeds)
def test_matrix__is_made_as_scipy_makes_it(seed: int) -> None:
    dense, rng = random(seed)
    assert_same(SparseMatrix.from_dense(dense), csr(dense))
    assert_same(SparseMatrix.of(sparse.csc_array(dense)), csr(dense))
    rows, columns = np.indices(dense.shape).reshape(2, -1)[:, rng.permutation(dense.size)]
    made = SparseMatrix.from_coordinates(dense[rows, columns], rows, columns, dense.shape)
    assert_same(made, csr(dense))
    assert made.nnz == np.count_nonzero(dense)
    assert (made.rows == csr(dense).tocoo().row).all()


@given(seeds)
def test_scaled__has_the_bits_of_a_diagonal_product(seed: int) -> None:
    dense, rng = random(seed)
    ours, theirs = SparseMatrix.from_dense(dense), csr(dense)
    left, right = (rng.normal(size=n) * (rng.random(n) < 0.8) for n in dense.shape)
    assert_same(ours.scaled(rows=left), csr(sparse.diags_array(left) @ theirs))
    assert_same(ours.scaled(columns=right), csr(theirs @ sparse.diags_array(right)))


@given(seeds)
def test_product__has_the_bits_of_scipy(seed: int) -> None:
    dense, rng = random(seed)
    ours, theirs = SparseMatrix.from_dense(dense), csr(dense)
    vector, vectors = rng.normal(size=dense.shape[1]), rng.normal(size=(dense.shape[1], 3))
    assert (ours @ vector).tobytes() == (theirs @ vector).tobytes()
    assert (ours @ vectors).tobytes() == (theirs @ vectors).tobytes()
    other = rng.normal(size=(dense.shape[1], 5)) * (rng.random((dense.shape[1], 5)) < 0.5)
    assert_same(ours @ SparseMatrix.from_dense(other), csr(theirs @ csr(other)))


def test_matrix__of_no_entries() -> None:
    empty = SparseMatrix.from_dense(np.zeros((3, 4)))
    assert empty.nnz == 0
    assert (empty @ np.ones(4) == np.zeros(3)).all()
    assert_same(empty.scaled(rows=np.ones(3)), csr((3, 4)))


def test_matrix__has_what_scipy_has() -> None:
    matrix = SparseMatrix.from_dense(np.array([[1.0, 0.0], [-2.0, 3.0]]))
    assert (matrix.power(2).toarray() == [[1, 0], [4, 9]]).all()
    assert (matrix.maximum(0).toarray() == [[1, 0], [0, 3]]).all()
    with pytest.raises(AttributeError, match="__wrapped__"):
        matrix.__wrapped__  # noqa: B018


def test_stages__of_a_network_are_made_and_packed_without_scipy() -> None:
    program = (
        "import sys, nn; from nn.stages.rewriting import rewrite; "
        "from nn.packed.packed_network import pack_network; "
        "pack_network(rewrite(nn.zoo.load('mnist')), 4096); print('scipy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "False"

"""Sparse matrices in compressed rows; SciPy computes only what few networks need.

SciPy's import takes longer than an encrypted image, and a server of most networks does no more with
the matrices of linear layers than to make, scale and pack them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from nn.network.layers import FloatArray
from ntt.lazy import LazyModule

if TYPE_CHECKING:
    from scipy import sparse
else:
    sparse = LazyModule("scipy.sparse")


class SparseMatrix:
    """A float64 matrix in compressed rows, in the order of its columns, without stored zeros.

    Row r has the entries ``data[indptr[r] : indptr[r + 1]]`` in the columns ``indices`` of the same
    range. What is not defined here is what SciPy's `csr_array` has.
    """

    def __init__(
        self, data: FloatArray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.data = data
        self.indices = indices
        self.indptr = indptr
        self.shape = shape

    @classmethod
    def from_coordinates(
        cls, values: FloatArray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
    ) -> Self:
        """``matrix[rows[k], columns[k]] = values[k]``; no place may occur twice."""
        kept = np.flatnonzero(values)
        rows, columns = rows[kept], columns[kept]
        order = np.argsort(rows.astype(np.int64) * shape[1] + columns, kind="stable")
        indptr = np.zeros(shape[0] + 1, dtype=np.int32)
        np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
        data = np.asarray(values[kept][order], dtype=np.float64)
        return cls(data, columns[order].astype(np.int32), indptr, shape)

    @classmethod
    def from_dense(cls, dense: FloatArray) -> Self:
        """The matrix of a two-dimensional array."""
        rows, columns = np.nonzero(dense)
        return cls.from_coordinates(dense[rows, columns], rows, columns, dense.shape)

    @classmethod
    def of(cls, matrix: sparse.sparray) -> Self:
        """A matrix of SciPy."""
        csr = sparse.csr_array(matrix, dtype=np.float64)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        return cls(csr.data, csr.indices, csr.indptr, csr.shape)

    @property
    def nnz(self) -> int:
        """Entries that are not zero."""
        return int(self.data.size)

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return np.arange(self.shape[0], dtype=np.int32).repeat(np.diff(self.indptr))

    @functools.cached_property
    def csr(self) -> sparse.csr_array:
        """The same as a matrix of SciPy."""
        return sparse.csr_array((self.data, self.indices, self.indptr), shape=self.shape)

    def scaled(self, *, rows: FloatArray | None = None, columns: FloatArray | None = None) -> Self:
        """The matrix with its rows and its columns multiplied by these factors."""
        values = self.data
        if rows is not None:
            values = rows.repeat(np.diff(self.indptr)) * values
        if columns is not None:
            values = values * columns[self.indices]
        if values.all():
            return type(self)(values, self.indices, self.indptr, self.shape)
        return self.from_coordinates(values, self.rows, self.indices, self.shape)

    @overload
    def __matmul__(self, other: SparseMatrix) -> SparseMatrix: ...

    @overload
    def __matmul__(self, other: FloatArray) -> FloatArray: ...

    def __matmul__(self, other: SparseMatrix | FloatArray) -> SparseMatrix | FloatArray:
        """The product, with the same bits as SciPy's: sums run over a row from left to right."""
        if isinstance(other, SparseMatrix):
            return SparseMatrix.of(self.csr @ other.csr)
        if other.ndim == 1:
            products = self.data * other[self.indices]
            sums = np.bincount(self.rows, weights=products, minlength=self.shape[0])
            return sums.astype(np.float64, copy=False)
        product: FloatArray = self.csr @ other
        return product

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"a sparse matrix has no attribute {name!r}")
        return getattr(self.csr, name)


def times_dense(
    values: FloatArray, rows: np.ndarray, columns: np.ndarray, height: int, dense: FloatArray
) -> FloatArray:
    """The matrix with these entries times `dense`: (height, k); entries of one place add up."""
    shape = (height, len(dense))
    product: FloatArray = sparse.csr_array((values, (rows, columns)), shape=shape) @ dense
    return product

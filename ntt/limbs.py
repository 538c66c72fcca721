"""`LimbOps`: every kernel, bound to the moduli of some limbs, split over threads.

The fast door of this package: its arrays are trusted, where `ntt.transform` checks them. They are
contiguous uint64 arrays (.., limbs, N) of residues in [0, q), unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ntt import threads
from ntt.backends import select
from ntt.backends.contract import Backend
from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.errors import ResidueShapeError
from ntt.hoisting import HoistedOperands, KeyOperands, VectorMoves
from ntt.tables import NTTTables
from ntt.workspace import workspace

# Below this many words a kernel ends before a second thread would have started. A transform costs
# as much as some eight sums or copies.
_MIN_WORDS_PER_THREAD = 1 << 15
_MIN_TRANSFORMED_WORDS_PER_THREAD = 1 << 13
# How many words of rows a division converts together: fewer rows share the reading of the sources,
# more of them leave a last-level cache.
_DIVIDED_WORDS = 1 << 20
# So few sources stay in a cache beside one row of each part.
_FEW_SOURCES = 3
_NO_MOVES = np.empty(0, dtype=np.uint32)
_NO_WORDS = np.empty(0, dtype=np.uint64)
_NO_FACTORS = _NO_WORDS, _NO_WORDS


class LimbOps:
    """The kernels on arrays whose limb axis stands for ``tables.moduli[rows]``, rows (limbs,).

    Every operation writes `out` and returns it; `out` may be an input unless stated otherwise. It
    computes with `backend`, default the one in force at that moment, and raises `BackendError` if
    the backends in force cannot hold the moduli or N.
    """

    def __init__(self, tables: NTTTables, rows: np.ndarray, backend: Backend | None = None) -> None:
        self.tables = tables
        self.rows = np.ascontiguousarray(rows, dtype=np.int64)
        self.moduli = tuple(tables.moduli[r] for r in self.rows)
        self._shape = (len(self.rows), tables.N)
        words = self.rows.size * tables.N
        self._is_short = words < 2 * _MIN_WORDS_PER_THREAD
        self._is_short_transform = words < 2 * _MIN_TRANSFORMED_WORDS_PER_THREAD
        self._tiled = {1: self.rows}
        self._fixed = None if backend is None else (backend, tables.for_word(backend.WORD_BITS))
        self._resolved: dict[str, tuple[Backend, np.ndarray]] = {}

    def empty(self, *leading: int) -> np.ndarray:
        """A new array (*leading, limbs, N), not initialised, in memory of the backend."""
        backend, _ = self._backend()
        return backend.allocate((*leading, *self._shape))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Coefficients to evaluations, in place; returns x (.., limbs, N)."""
        return self._transform("forward", x)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Evaluations to coefficients, in place; returns x (.., limbs, N)."""
        return self._transform("inverse", x)

    def add(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a + b; all (.., limbs, N)."""
        return self._elementwise("add", out, a, b)

    def subtract(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a - b; all (.., limbs, N)."""
        return self._elementwise("subtract", out, a, b)

    def negate(self, out: np.ndarray, a: np.ndarray) -> np.ndarray:
        """out = -a; both (.., limbs, N)."""
        return self._elementwise("negate", out, a)

    def multiply(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a b, element by element; all (.., limbs, N)."""
        return self._elementwise("multiply", out, a, b)

    def multiply_add(
        self, out: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray | None = None
    ) -> np.ndarray:
        """out = a b + c, element by element; all (.., limbs, N). c: default `out`."""
        return self._elementwise("multiply_add", out, a, b, out if c is None else c)

    def multiply_scalar(self, out: np.ndarray, a: np.ndarray, scalars: Scalars) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] scalars[r]; scalars (limbs,).

        a: any words below 2^52, or any words at all for moduli of more than 50 bits.
        """
        backend, tables = self._backend()
        flat_out, flat_a, rows = self._flat(out, a)
        values, shoup = self._tiled_as(rows, scalars.of(backend.WORD_BITS))
        self._split(
            backend.multiply_scalar, len(rows), flat_out, flat_a, values, shoup, rows, tables
        )
        return out

    def affine(
        self, out: np.ndarray, a: np.ndarray, scalars: Scalars, addends: np.ndarray
    ) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] scalars[r] + addends[r]; addends (limbs,) in [0, q).

        a and scalars as in `multiply_scalar`.
        """
        backend, tables = self._backend()
        flat_out, flat_a, rows = self._flat(out, a)
        constants = (*scalars.of(backend.WORD_BITS), addends)
        values, shoup, addends = self._tiled_as(rows, constants)
        self._split(
            backend.affine, len(rows), flat_out, flat_a, values, shoup, addends, rows, tables
        )
        return out

    def inverse_affine(
        self, out: np.ndarray, x: np.ndarray, scalars: Scalars | None, addends: np.ndarray
    ) -> np.ndarray:
        """out[.., r, :] = INTT(x[.., r, :]) scalars[r] + addends[r]; scalars None for 1."""
        backend, tables = self._backend()
        flat_out, flat_x, rows = self._flat(out, x)
        factors = _NO_FACTORS if scalars is None else scalars.of(backend.WORD_BITS)
        arguments = flat_out, flat_x, *self._tiled_as(rows, (*factors, addends)), rows, tables
        self._split_transforms(backend.inverse_affine, len(rows), *arguments)
        return out

    def add_scalar(self, out: np.ndarray, a: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] + scalars[r]; scalars uint64 (limbs,) in [0, q)."""
        backend, tables = self._backend()
        flat_out, flat_a, rows = self._flat(out, a)
        (values,) = self._tiled_as(rows, (scalars,))
        self._split(backend.add_scalar, len(rows), flat_out, flat_a, values, rows, tables)
        return out

    def permute(self, out: np.ndarray, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        """out[.., i] = x[.., permutation[i]] for rows of any moduli; out is not x.

        out, x (.., N). permutation: int64 (N,), of an automorphism in the transformed domain, as
        `he.rlwe.galois.permutation` makes it. It takes aligned groups of eight to such groups.
        """
        backend, tables = self._backend()
        _check_contiguous(out, x)
        flat_out, flat_x = out.reshape(-1, self.tables.N), x.reshape(-1, self.tables.N)
        self._split(backend.permute, len(flat_x), flat_out, flat_x, permutation, tables)
        return out

    def permute_add(self, out: np.ndarray, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        """out[.., r, i] += x[.., r, permutation[i]]; out is not x, permutation as in `permute`."""
        backend, tables = self._backend()
        flat_out, flat_x, rows = self._flat(out, x)
        self._split(backend.permute_add, len(rows), flat_out, flat_x, permutation, rows, tables)
        return out

    def tensor(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = (a0 b0, a0 b1 + a1 b0, a1 b1) for a, b (2, limbs, N).

        out (3, limbs, N) is not an input.
        """
        backend, tables = self._backend()
        self._split(backend.tensor, len(self.rows), out, a, b, self.rows, tables)
        return out

    def gadget_product(
        self, out: np.ndarray, digits: np.ndarray, key: np.ndarray, key_rows: np.ndarray
    ) -> np.ndarray:
        """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1.

        out (2, limbs, N), not an input, of which only the rows need be contiguous; digits
        (D, limbs, N); key (at least D, 2, key limbs, N); key_rows int64 (limbs,).
        """
        backend, tables = self._backend()
        self._split_transforms(
            backend.gadget_product, len(self.rows), out, digits, key, key_rows, self.rows, tables
        )
        return out

    def hoisted_product(
        self,
        out: np.ndarray,
        digits: np.ndarray,
        addends: np.ndarray,
        operands: HoistedOperands,
        first: int,
        memory: np.ndarray,
        part: slice,
    ) -> np.ndarray:
        """out[g, s, p] = sum_t weights[t] y[g, product_of[t], p] over the terms t of sum s, with
        y[g, b, p] = permutation_b(sum_d digits[g, d] keys[b][d, p] + (addends[g, 0] if p = 0)),
        or addends[g, p] where keys[b] is None.

        For images g and the blocks of columns in `part`, of the `operands.blocks_of` these limbs,
        in the calling thread. These limbs are limbs `first` and on of out
        (images, sums, 2, all limbs, N), not an input, and of addends (images, 2, all limbs, N);
        digits (images, D, limbs, N). memory: `operands.scratch_words` words, uint64.
        """
        backend, tables = self._backend()
        scratch = operands.scratch(memory, len(out))
        backend.hoisted_product(
            out, digits, addends, operands.keys, operands.blocks, operands.weighted, scratch, first,
            self.rows, tables, part.start, part.stop,
        )
        return out

    def convert(self, out: np.ndarray, y: np.ndarray, change: BasisChange) -> np.ndarray:
        """out[r] = sum_s weights[r, s] y[s] + offsets[r]; out (limbs, N) is not an input.

        y (sources, N), fewer than 2^11 of them: words below 2^50, or below 2^61 for larger moduli.
        """
        backend, tables = self._backend()
        conversion = change.of(backend.WORD_BITS)
        self._split(backend.convert, len(self.rows), out, y, conversion, self.rows, tables)
        return out

    def convert_forward(self, out: np.ndarray, y: np.ndarray, change: BasisChange) -> np.ndarray:
        """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); arrays as in `convert`."""
        backend, tables = self._backend()
        conversion = change.of(backend.WORD_BITS)
        self._split_transforms(
            backend.convert_forward, len(self.rows), out, y, conversion, self.rows, tables
        )
        return out

    def convert_digits(
        self, out: np.ndarray, x: np.ndarray, y: np.ndarray, first: int, change: DigitChange
    ) -> np.ndarray:
        """out[d, r] = x[first + r] scales[r] where that is a limb of digit d; elsewhere converted.

        Converted: ``NTT(sum_s weights[d, r, s] y[s] + offsets[d, r])`` over the digit's own y. out
        (digits, limbs, N) is not an input; x (.., N) transformed; y (.., N) in coefficients, as in
        `convert`.
        """
        backend, tables = self._backend()
        conversion, rows = change.of(backend.WORD_BITS), len(out) * len(self.rows)
        self._split_transforms(
            backend.convert_digits, rows, out, x, y, first, conversion, self.rows, tables
        )
        return out

    def divide(
        self,
        out: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        change: BasisChange,
        factors: Scalars,
        addend: np.ndarray | None = None,
        image: VectorMoves | None = None,
        secret: bool = False,
    ) -> np.ndarray:
        """out[p, r] = (x[p, r] - NTT(sum_s weights[r, s] y[p, s] + offsets[r])) factors[r], plus
        addend[r] if p = 0, permuted by `image`.

        out (parts, limbs, N), is not an input; x (parts, limbs, N), of which only the rows need be
        contiguous; y (parts, sources, N) as in `convert`; addend (limbs, N); factors (limbs,). The
        axis of the parts may be missing in out, x and y. secret: whether x is one; then nothing is
        written elsewhere than to out, and there is no image.
        """
        if out.ndim == 2:
            out, x, y = out[None], x[None], y[None]
            self.divide(out, x, y, change, factors, addend, image, secret=secret)
            return out.reshape(out.shape[1:])
        backend, tables = self._backend()
        word, N, parts = backend.WORD_BITS, self.tables.N, len(out)
        moves = _NO_MOVES if image is None else image.moves[0]
        lanes = _NO_WORDS if image is None else image.lanes
        added = _NO_WORDS.reshape(0, 1) if addend is None else addend
        arguments = (out, x, y, change.of(word), *factors.of(word), added, moves, lanes)

        few = y.shape[1] <= _FEW_SOURCES
        together = 1 if few else max(1, min(len(self.rows), _DIVIDED_WORDS // (parts * N)))
        in_place = secret or (image is None and out[0].size < _DIVIDED_WORDS)

        def work(lo: int, hi: int) -> None:
            memory = out if in_place else workspace("divided rows", (parts, together, N))
            backend.divide(*arguments, memory, self.rows, tables, lo, hi)

        least = 2 * _MIN_TRANSFORMED_WORDS_PER_THREAD
        threads.split(parts * len(self.rows), work, 1 if out.size < least else None)
        return out

    def hoisted_quotients(
        self,
        out: np.ndarray,
        digits: np.ndarray,
        addend: np.ndarray,
        operands: KeyOperands,
        division: LimbDivision,
        memory: np.ndarray,
        part: slice,
    ) -> np.ndarray:
        """out[n, p] = permutation_n(round(sum_d c[d] keys[n][d, p] / D) + addend if p = 0).

        For the pairs 2 n + p in `part`, in the calling thread. D is the product of the moduli that
        `division` drops, the last of these limbs. digits (digits, limbs, N) are c times
        ``division.scales(self.product_radix)``. out (keys, 2, kept limbs, N) is not an input;
        addend (kept limbs, N); memory: `quotient_words` words, uint64.
        """
        backend, tables = self._backend()
        constants = division.of(backend.WORD_BITS)
        backend.hoisted_quotients(
            out, digits, addend, operands.keys, constants, memory, self.rows, tables,
            part.start, part.stop,
        )
        return out

    @property
    def product_radix(self) -> int:
        """What the products of `hoisted_quotients` are divided by, for the backend in force."""
        backend, _ = self._backend()
        return backend.PRODUCT_RADIX

    @property
    def quotient_words(self) -> int:
        """How many words of scratch memory `hoisted_quotients` needs."""
        return 3 * len(self.rows) * self.tables.N

    # ------------------------------------------------------------ dispatch

    def _backend(self) -> tuple[Backend, np.ndarray]:
        """The backend to compute with and its tables; every operation asks once."""
        if self._fixed is not None:
            return self._fixed
        choice = select.get_backend()
        if choice not in self._resolved:
            backend = select.backend_for(self.tables.N, self.tables.largest_modulus_bits)
            self._resolved[choice] = backend, self.tables.for_word(backend.WORD_BITS)
        return self._resolved[choice]

    def _transform(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run the kernel `name` on x (.., limbs, N), in place; returns x."""
        backend, tables = self._backend()
        kernel = getattr(backend, name)
        alone = self._is_short_transform or threads.free_threads() == 1
        if alone and x.shape == self._shape:  # by the shortest way
            kernel(x, self.rows, tables, 0, len(self.rows))
        else:
            flat, rows = self._flat(x)
            self._split_transforms(kernel, len(rows), flat, rows, tables)
        return x

    def _elementwise(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        """Run the kernel `name` on arrays of one shape (.., limbs, N); returns the first."""
        backend, tables = self._backend()
        kernel = getattr(backend, name)
        if arrays[0].shape != self._shape:
            *flat, rows = self._flat(*arrays)
            self._split(kernel, len(rows), *flat, rows, tables)
        elif self._is_short:  # the most frequent case, by the shortest way
            kernel(*arrays, self.rows, tables, 0, len(self.rows))
        else:
            self._split(kernel, len(self.rows), *arrays, self.rows, tables)
        return arrays[0]

    def _flat(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arrays as (rows, N), and the row of the tables for each row."""
        _check_contiguous(*arrays)
        if arrays[0].shape == self._shape:
            return (*arrays, self.rows)
        N = self.tables.N
        repeat = arrays[0].size // (len(self.rows) * N)
        if repeat not in self._tiled:
            self._tiled[repeat] = np.tile(self.rows, repeat)
        return (*(a.reshape(-1, N) for a in arrays), self._tiled[repeat])

    def _tiled_as(
        self, rows: np.ndarray, constants: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Constants (limbs,) as often as `rows` from `_flat` repeats the limbs."""
        if rows is self.rows:
            return constants
        return tuple(np.tile(c, len(rows) // len(self.rows)) for c in constants)

    def _split(
        self,
        kernel: Callable[..., None],
        rows: int,
        *arguments: Any,
        least: int = _MIN_WORDS_PER_THREAD,
    ) -> None:
        """Run a kernel on range(rows), on several threads where each has `least` words or more."""
        if rows * self.tables.N < 2 * least:
            kernel(*arguments, 0, rows)
        else:
            threads.split(rows, lambda lo, hi: kernel(*arguments, lo, hi))

    def _split_transforms(self, kernel: Callable[..., None], rows: int, *arguments: Any) -> None:
        """`_split` of a kernel that transforms each row, or does as much."""
        self._split(kernel, rows, *arguments, least=_MIN_TRANSFORMED_WORDS_PER_THREAD)


def _check_contiguous(*arrays: np.ndarray) -> None:
    """Raise `ResidueShapeError` unless all are: what is written into a reshaped copy is lost."""
    for array in arrays:
        if not array.flags.c_contiguous:
            raise ResidueShapeError("residues must be C-contiguous: pass np.ascontiguousarray(x)")

"""`LimbOps`: every kernel, bound to the moduli of some limbs, split over threads.

The fast door of this package: its arrays are trusted, where `ntt.transform` checks them. They are
contiguous uint64 arrays (.., limbs, N) of residues in [0, q), unless stated otherwise.
"""

from __future__ import annotations

import numpy as np

from ntt import sharing, threads
from ntt.bound_kernels import (
    MIN_TRANSFORMED_WORDS_PER_THREAD,
    BoundKernels,
    check_contiguous,
)
from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.hoisting import HoistedOperands, KeyOperands, VectorMoves
from ntt.workspace import workspace

# How many words of rows a division converts together: fewer rows share the reading of the sources,
# more of them leave a last-level cache.
_DIVIDED_WORDS = 1 << 20
# So few sources stay in a cache beside one row of each part.
_FEW_SOURCES = 3
_NO_MOVES = np.empty(0, dtype=np.uint32)
_NO_WORDS = np.empty(0, dtype=np.uint64)
_NO_FACTORS = _NO_WORDS, _NO_WORDS


class LimbOps(BoundKernels):
    """The kernels on arrays whose limb axis stands for ``tables.moduli[rows]``, rows (limbs,).

    Every operation writes `out` and returns it; `out` may be an input unless stated otherwise. It
    computes with `backend`, default the one in force at that moment, and raises `BackendError` if
    the backends in force cannot hold the moduli or N.
    """

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
        check_contiguous(out, x)
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
        or addends[g, 2 pairs[b] + p] where keys[b] is None.

        For images g and the blocks of columns in `part`, of the `operands.blocks_of` these limbs.
        These limbs are limbs `first` and on of out (images, sums, 2, all limbs, N), not an input,
        and of addends (images, 2 pairs, all limbs, N); digits (images, D, limbs, N). memory
        (threads, `operands.scratch_words`), uint64: so many threads work at most.
        """
        backend, tables = self._backend()
        sharing.share_with_memory(
            backend.hoisted_product,
            lambda memory: (
                out, digits, addends, operands.keys, operands.blocks, operands.weighted,
                operands.scratch(memory, len(out)), first, self.rows, tables,
            ),
            memory,
            part.start,
            part.stop,
            len(memory),  # each part packs the digits of its rows anew
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
        least = MIN_TRANSFORMED_WORDS_PER_THREAD  # of both threads: a division reads twice as much
        items, count = parts * len(self.rows), threads.free_threads() if out.size >= least else 1
        if in_place:
            call = (*arguments, out, self.rows, tables)
            if count == 1:
                backend.divide(*call, 0, items)
            else:
                sharing.share(backend.divide, call, items, 0 if few else count)
            return out
        sharing.share_with_memory(
            backend.divide,
            lambda memory: (*arguments, memory, self.rows, tables),
            workspace("divided rows", (count, parts, together, N)),
            0,
            items,
            0 if few else count,
        )
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

        For the pairs 2 n + p in `part`. D is the product of the moduli that `division` drops, the
        last of these limbs. digits (digits, limbs, N) are c times
        ``division.scales(self.product_radix)``. out (keys, 2, kept limbs, N) is not an input;
        addend (kept limbs, N); memory (threads, `quotient_words`), uint64: so many threads work at
        most.
        """
        backend, tables = self._backend()
        constants = division.of(backend.WORD_BITS)
        pairs = part.stop - part.start
        # A key that two threads share is read twice, and so are its digits.
        whole = pairs % (2 * len(memory)) == 0 or pairs >= 4 * len(memory)
        sharing.share_with_memory(
            backend.hoisted_quotients,
            lambda memory: (
                out, digits, addend, operands.keys, constants, memory, self.rows, tables
            ),
            memory,
            part.start,
            part.stop,
            pairs // 2 if whole and pairs % 2 == 0 and part.start % 2 == 0 else pairs,
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

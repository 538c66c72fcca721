"""`LimbOps`: every kernel, bound to the moduli of some limbs, split over threads.

The fast door of this package: arrays are trusted (uint64, C-contiguous, last two axes (limbs, N),
values in [0, q)); `ntt.transform` is the checked one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ntt import threads
from ntt.backends import select
from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.errors import ResidueShapeError
from ntt.hoisting import HoistedOperands, KeyOperands
from ntt.tables import NTTTables

# Below this many words a kernel ends before a second thread would have started.
_MIN_WORDS_PER_THREAD = 1 << 16


class LimbOps:
    """Kernels on arrays whose limb axis stands for ``tables.moduli[rows]``.

    Arrays may carry leading axes, (..., limbs, N); `out` may be an input unless stated otherwise.
    """

    def __init__(self, tables: NTTTables, rows: np.ndarray) -> None:
        self.tables = tables
        self.rows = np.ascontiguousarray(rows, dtype=np.int64)
        self.moduli = tuple(tables.moduli[r] for r in self.rows)
        self._shape = (len(self.rows), tables.N)
        self._is_short = self.rows.size * tables.N < 2 * _MIN_WORDS_PER_THREAD
        self._tiled = {1: self.rows}
        self._resolved: dict[str, tuple[ModuleType, np.ndarray]] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Coefficients to evaluations, in place; returns x."""
        self._rowwise("forward", x)
        return x

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Evaluations to coefficients, in place; returns x."""
        self._rowwise("inverse", x)
        return x

    def add(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a + b."""
        return self._rowwise("add", out, a, b)

    def subtract(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a - b."""
        return self._rowwise("subtract", out, a, b)

    def negate(self, out: np.ndarray, a: np.ndarray) -> np.ndarray:
        """out = -a."""
        return self._rowwise("negate", out, a)

    def multiply(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out = a b, element by element."""
        return self._rowwise("multiply", out, a, b)

    def multiply_add(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """out += a b, element by element."""
        return self._rowwise("multiply_add", out, a, b)

    def multiply_scalar(self, out: np.ndarray, a: np.ndarray, scalars: Scalars) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] scalars[r]."""
        flat_out, flat_a, rows, repeat = self._flat(out, a)
        values, shoup = scalars.of(self._backend()[0].WORD_BITS)
        if repeat > 1:
            values, shoup = np.tile(values, repeat), np.tile(shoup, repeat)
        self._split("multiply_scalar", len(rows), (flat_out, flat_a, values, shoup, rows))
        return out

    def affine(
        self, out: np.ndarray, a: np.ndarray, scalars: Scalars, addends: np.ndarray
    ) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] scalars[r] + addends[r]; addends uint64 in [0, q)."""
        flat_out, flat_a, rows, repeat = self._flat(out, a)
        values, shoup = scalars.of(self._backend()[0].WORD_BITS)
        if repeat > 1:
            values, shoup, addends = (np.tile(v, repeat) for v in (values, shoup, addends))
        self._split("affine", len(rows), (flat_out, flat_a, values, shoup, addends, rows))
        return out

    def add_scalar(self, out: np.ndarray, a: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        """out[.., r, :] = a[.., r, :] + scalars[r]; scalars uint64 in [0, q)."""
        flat_out, flat_a, rows, repeat = self._flat(out, a)
        values = np.tile(scalars, repeat) if repeat > 1 else scalars
        self._split("add_scalar", len(rows), (flat_out, flat_a, values, rows))
        return out

    def permute(self, out: np.ndarray, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        """out[.., i] = x[.., permutation[i]] for rows of any moduli; out is not x.

        permutation: int64 (N,), of an automorphism in the transformed domain (as
        `he.rlwe.galois.permutation` makes it: it takes aligned groups of eight to such groups).
        """
        N = self.tables.N
        if not (out.flags.c_contiguous and x.flags.c_contiguous):
            raise ResidueShapeError("residues must be C-contiguous: pass np.ascontiguousarray(x)")
        flat_out, flat_x = out.reshape(-1, N), x.reshape(-1, N)
        self._split("permute", len(flat_x), (flat_out, flat_x, permutation))
        return out

    def permute_add(self, out: np.ndarray, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        """out[.., r, i] += x[.., r, permutation[i]], permutation as for `permute`."""
        flat_out, flat_x, rows, _ = self._flat(out, x)
        self._split("permute_add", len(rows), (flat_out, flat_x, permutation, rows))
        return out

    def tensor(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(a0 b0, a0 b1 + a1 b0, a1 b1); a, b (2, limbs, N), out (3, limbs, N), not an input."""
        self._split("tensor", len(self.rows), (out, a, b, self.rows))
        return out

    def gadget_product(
        self, out: np.ndarray, digits: np.ndarray, key: np.ndarray, key_rows: np.ndarray
    ) -> np.ndarray:
        """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]].

        out (2, limbs, N), of which only the rows need be contiguous; digits (D, limbs, N); key (at
        least D, 2, key limbs, N).
        """
        self._split("gadget_product", len(self.rows), (out, digits, key, key_rows, self.rows))
        return out

    def diagonal_product(
        self,
        out: np.ndarray,
        babies: np.ndarray,
        diagonals: np.ndarray,
        starts: np.ndarray,
        baby_of: np.ndarray,
    ) -> np.ndarray:
        """out[g, p, r] = sum of diagonals[t, r] babies[baby_of[t], p, r] over the terms t of g.

        Those are starts[g] <= t < starts[g + 1]. out (groups, 2, limbs, N); babies
        (B, 2, limbs, N); diagonals (T, limbs, N).
        """
        arguments = (out, babies, diagonals, starts, baby_of, self.rows)
        self._split("diagonal_product", len(self.rows), arguments)
        return out

    def hoisted_product(
        self,
        out: np.ndarray,
        digits: np.ndarray,
        addends: np.ndarray,
        operands: HoistedOperands,
        first: int,
        memory: np.ndarray,
    ) -> np.ndarray:
        """out[g, s, p] = sum_t weights[t] y[g, product_of[t], p] over the terms t of sum s, with
        y[g, b, p] = permutation_b(sum_d digits[g, d] keys[b][d, p] + (addends[g, 0] if p = 0)),
        or addends[g, p] where keys[b] is None.

        For images g, in the calling thread. These limbs are limbs `first` and on of out
        (images, sums, 2, all limbs, N) and of addends (images, 2, all limbs, N); digits
        (images, D, limbs, N). memory: `operands.scratch_words` words.
        """
        images, count, _, N = digits.shape
        module, tables = self._backend()
        scratch = operands.scratch(memory, images, count, N)
        module.hoisted_product(
            out, digits, addends, *operands.arrays, *scratch, first, self.rows, tables,
            0, len(self.rows),
        )
        return out

    def convert(self, out: np.ndarray, y: np.ndarray, change: BasisChange) -> np.ndarray:
        """out[r] = sum_s weights[r, s] y[s] + offsets[r]; y (sources, N), out not in y."""
        weights, shoup = change.weights.of(self._backend()[0].WORD_BITS)
        arguments = (out, y, weights, shoup, change.offsets, self.rows)
        self._split("convert", len(self.rows), arguments)
        return out

    def convert_forward(self, out: np.ndarray, y: np.ndarray, change: BasisChange) -> np.ndarray:
        """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) in coefficients."""
        weights, shoup = change.weights.of(self._backend()[0].WORD_BITS)
        arguments = (out, y, weights, shoup, change.offsets, self.rows)
        self._split("convert_forward", len(self.rows), arguments)
        return out

    def convert_digits(
        self, out: np.ndarray, x: np.ndarray, y: np.ndarray, first: int, change: DigitChange
    ) -> np.ndarray:
        """out[d, r] = x[first + r] times its scale where that is a limb of digit d, elsewhere the
        transform of the weighted sum of the digit's own y, plus an offset.

        out (digits, limbs, N); x (.., N) transformed; y (.., N) in coefficients.
        """
        word = self._backend()[0].WORD_BITS
        factors = (*change.scales.of(word), *change.weights.of(word))
        arguments = (out, x, y, first, change.spans, *factors, change.offsets, self.rows)
        self._split("convert_digits", len(out) * len(self.rows), arguments)
        return out

    def divide(
        self, out: np.ndarray, x: np.ndarray, y: np.ndarray, change: BasisChange, factors: Scalars
    ) -> np.ndarray:
        """out[r] = (x[r] - NTT(converted y)[r]) factors[r]; out (limbs, N) is not x."""
        word = self._backend()[0].WORD_BITS
        weights, weights_shoup = change.weights.of(word)
        values, values_shoup = factors.of(word)
        arguments = (out, x, y, weights, weights_shoup, change.offsets, values, values_shoup)
        self._split("divide", len(self.rows), (*arguments, self.rows))
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
        """out[n, p] = permutation_n(round(sum_d digits[d] keys[n][d, p] / D) + addend if p = 0).

        For the keys n of `part`, in the calling thread. D is the product of the last of these
        limbs' moduli. out (keys, 2, kept limbs, N), addend (kept limbs, N); digits (D, limbs, N)
        times the division's `scales` of these limbs' `product_radix`. memory: `quotient_words`
        words.
        """
        module, tables = self._backend()
        constants = division.arrays(module.WORD_BITS)
        module.hoisted_quotients(
            out, digits, addend, *operands.arrays, *constants, memory, self.rows, tables,
            part.start, part.stop,
        )
        return out

    @property
    def product_radix(self) -> int:
        """What the products of `hoisted_quotients` are divided by, for the backend in use."""
        radix: int = self._backend()[0].PRODUCT_RADIX
        return radix

    @property
    def quotient_words(self) -> int:
        """Words of the scratch memory of `hoisted_quotients`."""
        return 3 * len(self.rows) * self.tables.N

    # ------------------------------------------------------------ dispatch

    def _rowwise(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        if arrays[0].shape == self._shape:  # the common case, by the shortest way
            if self._is_short:
                module, tables = self._backend()
                getattr(module, name)(*arrays, self.rows, tables, 0, len(self.rows))
            else:
                self._split(name, len(self.rows), (*arrays, self.rows))
        else:
            *flat, rows, _ = self._flat(*arrays)
            self._split(name, len(rows), (*flat, rows))
        return arrays[0]

    def _flat(self, *arrays: np.ndarray) -> tuple[Any, ...]:
        """The arrays as (rows, N), the table row of each, and how often the limbs repeat."""
        N = self.tables.N
        if not all(a.flags.c_contiguous for a in arrays):
            # `reshape` would copy, and what a kernel writes into a copy is lost.
            raise ResidueShapeError("residues must be C-contiguous: pass np.ascontiguousarray(x)")
        repeat = arrays[0].size // (len(self.rows) * N)
        if repeat not in self._tiled:
            self._tiled[repeat] = np.tile(self.rows, repeat)
        return (*(a.reshape(-1, N) for a in arrays), self._tiled[repeat], repeat)

    def _backend(self) -> tuple[ModuleType, np.ndarray]:
        choice = select.get_backend()
        if choice not in self._resolved:
            module = select.backend_for(self.tables.N, self.tables.largest_modulus_bits)
            self._resolved[choice] = module, self.tables.for_word(module.WORD_BITS)
        return self._resolved[choice]

    def _split(self, name: str, rows: int, arguments: tuple[Any, ...]) -> None:
        module, tables = self._backend()
        kernel: Callable[..., None] = getattr(module, name)
        if rows * self.tables.N < 2 * _MIN_WORDS_PER_THREAD:
            kernel(*arguments, tables, 0, rows)
        else:
            threads.split(rows, lambda lo, hi: kernel(*arguments, tables, lo, hi))

"""What every backend defines: its kernels, the types of their arguments, its limits, its memory.

This is the one place that states them. `ntt.backends.select` compiles each kernel for the types
given here and for no others, `ntt.warming` does so before a kernel is needed, and tests compare the
kernels of every backend with these names and arguments.

For all kernels: q is the modulus of a row, and residues are in [0, q) before and after. `tables` is
`NTTTables.for_word` of the backend's word. ``rows[r]`` is the row of `tables` for row r of the
arrays. A kernel works on rows [lo, hi) and leaves the other rows as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Protocol, get_origin, get_type_hints

import numpy as np


class ArrayType(NamedTuple):
    """An argument that is an array: what Numba's type of it is made from, without Numba.

    word: the name of the element type. layout: "C" for a contiguous array, "A" for any.
    """

    axes: int
    word: str = "uint64"
    layout: str = "C"
    readonly: bool = False


# Contiguous uint64 arrays by the number of their axes. A kernel only reads those called `In`: they
# may be writable or not. It writes those called `Words`. Numba converts no array inside a tuple, so
# the arrays of named tuples must be writable and are `Words`, too.
In1 = Annotated[np.ndarray, ArrayType(1, readonly=True)]
In2 = Annotated[np.ndarray, ArrayType(2, readonly=True)]
In3 = Annotated[np.ndarray, ArrayType(3, readonly=True)]
In4 = Annotated[np.ndarray, ArrayType(4, readonly=True)]
Words1 = Annotated[np.ndarray, ArrayType(1)]
Words2 = Annotated[np.ndarray, ArrayType(2)]
Words3 = Annotated[np.ndarray, ArrayType(3)]
Words4 = Annotated[np.ndarray, ArrayType(4)]
Words5 = Annotated[np.ndarray, ArrayType(5)]
# A written array of which only the rows need be contiguous, and one that is only read.
Rows3 = Annotated[np.ndarray, ArrayType(3, layout="A")]
ReadRows3 = Annotated[np.ndarray, ArrayType(3, layout="A", readonly=True)]
# Arrays of int64, read, and those of named tuples, of int64 and uint32.
Index = Annotated[np.ndarray, ArrayType(1, "int64", readonly=True)]
Indices1 = Annotated[np.ndarray, ArrayType(1, "int64")]
Indices2 = Annotated[np.ndarray, ArrayType(2, "int64")]
Moves1 = Annotated[np.ndarray, ArrayType(1, "uint32", readonly=True)]
Moves2 = Annotated[np.ndarray, ArrayType(2, "uint32")]


class Conversion(NamedTuple):
    """A change of basis: row r becomes ``sum_s weights[r, s] y[s] + offsets[r]``.

    weights, in [0, q), and their Shoup constants (targets, sources); offsets (targets,), in [0, q).
    """

    weights: Words2
    weights_shoup: Words2
    offsets: Words1


class DigitConversion(NamedTuple):
    """The conversions of several digits, and the factors of the limbs that belong to a digit.

    spans (digits, 2): the first source of a digit, and the source after its last. scales (targets,)
    and their Shoup constants: the factors, or empty if all are 1. weights (digits, targets, most
    sources), their Shoup constants, and offsets (digits, targets): as in `Conversion`, in [0, q).
    """

    spans: Indices2
    scales: Words1
    scales_shoup: Words1
    weights: Words3
    weights_shoup: Words3
    offsets: Words2


class DivisionConstants(NamedTuple):
    """The two conversions of a division by the last limbs (`ntt.constants.LimbDivision`).

    terms: from the dropped limbs to the terms of the remainder in mixed radix. rest: from the terms
    to x / D less the quotient, in the kept limbs.
    """

    terms: Conversion
    rest: Conversion


class Keys(NamedTuple):
    """Keys that digits are multiplied by, and the permutations of the products.

    addresses (keys,): the address of the first word of each key (digits, 2, key limbs, N), or 0 for
    no key. limbs (keys,): the number of key limbs. rows (keys, limbs): the limb of the key for each
    limb of the product. moves (keys, N / 8) and lanes (keys, 64): those of `VectorMoves`.
    pairs (keys,): the number of the pair of addends that stands for no key.
    """

    addresses: Words1
    limbs: Indices1
    rows: Indices2
    moves: Moves2
    lanes: Words2
    pairs: Indices1


class Blocks(NamedTuple):
    """The blocks of columns that a hoisted product works on one after the other.

    sources (keys, blocks): the block that the permutation of a key takes to each block. order
    (blocks, keys): the keys in the order in which a block takes them, so that keys that read the
    same source follow one another.
    """

    sources: Indices2
    order: Indices2


class WeightedSums(NamedTuple):
    """The weighted sums of products that several matrices ask for.

    runs (matrices,): how often each weight of a matrix repeats in a row, a power of two r that
    divides N. mirrored (matrices,): 1 where the weights of the second half of the columns are those
    of the first half backwards, and are not there; else 0. addresses (matrices,): the address of
    the first word of the weights of a matrix, (limbs, N / max(r, 8), terms, max(8 / r, 1)) in
    [0, q), with half as many rows where they are mirrored. first_sums (matrices + 1,): the first
    sum of each matrix, and the number of all sums. starts: for each matrix, the first term of each
    of its sums, and the number of its terms. product_of: for each matrix, the product that each of
    its terms weighs.
    """

    addresses: Words1
    runs: Indices1
    mirrored: Indices1
    first_sums: Indices1
    starts: Indices1
    product_of: Indices1


class Scratch(NamedTuple):
    """Scratch memory of a hoisted product (`ntt.hoisting.HoistedOperands.scratch`)."""

    products: Words2
    pair: Words2
    factors: Words1
    packed: Words1


class Kernels(Protocol):
    """The kernels, in the order in which `ntt.warming` compiles them."""

    @staticmethod
    def forward(x: Words2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """Rows of x (rows, N) from coefficients to evaluations, as `ntt.forward`, in place."""

    @staticmethod
    def inverse(x: Words2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """Rows of x (rows, N) from evaluations to coefficients, as `ntt.inverse`, in place."""

    @staticmethod
    def add(out: Words2, a: In2, b: In2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """out = a + b; all (rows, N). out may be a or b."""

    @staticmethod
    def subtract(out: Words2, a: In2, b: In2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """out = a - b; arrays as in `add`."""

    @staticmethod
    def negate(out: Words2, a: In2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """out = -a; arrays as in `add`."""

    @staticmethod
    def multiply(out: Words2, a: In2, b: In2, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """out = a b, element by element; arrays as in `add`."""

    @staticmethod
    def multiply_add(
        out: Words2, a: In2, b: In2, c: In2, rows: Index, tables: In2, lo: int, hi: int
    ) -> None:
        """out = a b + c, element by element; all (rows, N). out may be a, b or c."""

    @staticmethod
    def multiply_scalar(
        out: Words2, a: In2, scalars: In1, scalars_shoup: In1, rows: Index, tables: In2,
        lo: int, hi: int,
    ) -> None:
        """out[r] = a[r] scalars[r]; scalars (rows,) with their Shoup constants.

        a need not be reduced: any words below 2^52, and for 64-bit backends any words.
        """

    @staticmethod
    def affine(
        out: Words2, a: In2, scalars: In1, scalars_shoup: In1, addends: In1, rows: Index,
        tables: In2, lo: int, hi: int,
    ) -> None:
        """out[r] = a[r] scalars[r] + addends[r]; a as in `multiply_scalar`, addends (rows,)."""

    @staticmethod
    def add_scalar(
        out: Words2, a: In2, scalars: In1, rows: Index, tables: In2, lo: int, hi: int
    ) -> None:
        """out[r] = a[r] + scalars[r]; scalars (rows,)."""

    @staticmethod
    def inverse_affine(
        out: Words2, x: In2, scalars: In1, scalars_shoup: In1, addends: In1, rows: Index,
        tables: In2, lo: int, hi: int,
    ) -> None:
        """out[r] = INTT(x[r]) scalars[r] + addends[r]; out may be x.

        scalars (rows,) with their Shoup constants, or both empty for factors of 1; addends (rows,).
        """

    @staticmethod
    def permute(out: Words2, x: In2, permutation: Index, tables: In2, lo: int, hi: int) -> None:
        """out[r, i] = x[r, permutation[i]]; out is not x.

        permutation (N,): of an automorphism in the transformed domain, which takes aligned groups
        of eight to aligned groups of eight.
        """

    @staticmethod
    def permute_add(
        out: Words2, x: In2, permutation: Index, rows: Index, tables: In2, lo: int, hi: int
    ) -> None:
        """out[r, i] += x[r, permutation[i]]; arrays as in `permute`."""

    @staticmethod
    def tensor(out: Words3, a: In3, b: In3, rows: Index, tables: In2, lo: int, hi: int) -> None:
        """out = (a0 b0, a0 b1 + a1 b0, a1 b1); out (3, rows, N) is not an input, a, b (2, rows, N).
        """

    @staticmethod
    def gadget_product(
        out: Rows3, digits: In3, key: In4, key_rows: Index, rows: Index, tables: In2,
        lo: int, hi: int,
    ) -> None:
        """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1.

        out (2, rows, N); digits (D, rows, N); key (at least D, 2, key limbs, N); key_rows (rows,).
        """

    @staticmethod
    def hoisted_product(
        out: Words5, digits: In4, addends: In4, keys: Keys, blocks: Blocks, sums: WeightedSums,
        scratch: Scratch, first: int, rows: Index, tables: In2, lo: int, hi: int,
    ) -> None:
        """out[g, s, p, first + r] = sum_t weights[t, first + r] products[product_of[t]].

        The sum is over the terms t of sum s, for every image g, part p = 0, 1, and row r. Product b
        is the permutation of sum_d digits[g, d, r] keys[b][d, p], plus addends[g, 0, first + r] if
        p = 0. The product of no key is addends[g, 2 pairs[b] + p, first + r] itself.

        out (images, sums, 2, limbs, N); digits (images, D, rows, N); addends (images, 2 pairs,
        limbs, N). [lo, hi) counts the blocks of columns of all rows, one row after the other.
        """

    @staticmethod
    def convert(
        out: Words2, y: In2, conversion: Conversion, rows: Index, tables: In2, lo: int, hi: int
    ) -> None:
        """out[r] = sum_s weights[r, s] y[s] + offsets[r]; out (rows, N).

        y (sources, N): fewer than 2^11 sources, words below 2^MAX_MODULUS_BITS.
        """

    @staticmethod
    def convert_forward(
        out: Words2, y: In2, conversion: Conversion, rows: Index, tables: In2, lo: int, hi: int
    ) -> None:
        """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); arrays as in `convert`."""

    @staticmethod
    def convert_digits(
        out: Words3, x: In2, y: In2, first: int, conversion: DigitConversion, rows: Index,
        tables: In2, lo: int, hi: int,
    ) -> None:
        """Limb r of digit d is ``x[first + r] scales[r]`` if it is the digit's own, else converted.

        The digit's own limbs are those with spans[d, 0] <= first + r < spans[d, 1]. The others are
        `convert_forward` of y[spans[d, 0] : spans[d, 1]] with the weights and offsets of the digit.
        out (digits, rows, N): [lo, hi) counts the digits of all limbs, one limb after the other.
        x, y (limbs, N); y as in `convert`.
        """

    @staticmethod
    def divide(
        out: Words3, x: ReadRows3, y: In3, conversion: Conversion, factors: In1,
        factors_shoup: In1, addend: In2, moves: Moves1, lanes: In1, memory: Words3, rows: Index,
        tables: In2, lo: int, hi: int,
    ) -> None:
        """(x[p, r] - NTT(sum_s weights[r, s] y[p, s] + offsets[r])) factors[r], permuted.

        out (parts, rows, N), is not an input; x (parts, at least rows, N); y (parts, sources, N) as
        in `convert`; factors (rows,) with their Shoup constants. addend (rows, N), or (0, N) for
        none, is added to part 0 before the permutation. moves (N / 8,) and lanes (64,): those of
        `VectorMoves`, or empty for the order as it is. memory (parts, any number of rows, N): so
        many rows are converted together. It may be out if nothing is permuted.
        [lo, hi) counts the parts of all rows, one row after the other.
        """

    @staticmethod
    def hoisted_quotients(
        out: Words4, digits: In3, addend: In2, keys: Keys, division: DivisionConstants,
        memory: Words1, rows: Index, tables: In2, lo: int, hi: int,
    ) -> None:
        """out[n, p] = the permutation of round(sum_d c[d] keys[n][d, p] / D), lo <= 2 n + p < hi.

        D is the product of the moduli of the rows that `division` drops; ``digits = c scales`` with
        its `scales` for PRODUCT_RADIX. `addend` is added to part p = 0 before the permutation.
        out (keys, 2, kept, N); digits (D, rows, N); addend (kept, N); memory: 3 rows N words.
        """


class Backend(Kernels, Protocol):
    """A backend: a module with the kernels, their limits, and the memory that they work in."""

    __name__: str

    WORD_BITS: int
    """The word of the tables and of Shoup constants: 64, 52, or `layout.FLOAT_BITS`."""

    MAX_MODULUS_BITS: int
    """The bit length of the largest modulus."""

    MIN_RING_DEGREE: int
    """The smallest ring degree N."""

    PRODUCT_RADIX: int
    """What `hoisted_quotients` divides the products with keys by."""

    @staticmethod
    def allocate(shape: tuple[int, ...]) -> np.ndarray:
        """A new contiguous uint64 array, not initialised, that the kernels can read and write."""


KERNELS = tuple(name for name, value in vars(Kernels).items() if isinstance(value, staticmethod))
"""The names of the kernels."""


def argument_types(kernel: str) -> tuple[Any, ...]:
    """The Numba types of the arguments of a kernel, in order."""
    hints = get_type_hints(getattr(Kernels, kernel), include_extras=True)
    return tuple(_numba_type(hint) for name, hint in hints.items() if name != "return")


def _numba_type(hint: Any) -> Any:
    from numba import types

    if hint is int:
        return types.int64
    if get_origin(hint) is Annotated:
        axes, word, layout, readonly = hint.__metadata__[0]
        return types.Array(getattr(types, word), axes, layout, readonly)
    fields = get_type_hints(hint, include_extras=True).values()
    return types.BaseTuple.from_types([_numba_type(field) for field in fields], hint)

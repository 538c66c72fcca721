"""What the hoisted operations of `ntt.limbs.LimbOps` take besides the ciphertexts' own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ntt.addresses import addresses_of
from ntt.backends.contract import Blocks, Keys, Scratch, WeightedSums
from ntt.backends.layout import VECTOR as VECTOR

COLUMNS = 1024
"""How many columns a kernel works on at a time: products of four images fit a cache of 1 MiB."""


@dataclass(frozen=True, eq=False)
class VectorMoves:
    """A permutation of N = 8 n columns that moves whole vectors of 8, and lanes inside each.

    moves (2, n), uint32: moves[0, v] = 8 w + l means that source vector v goes to vector w with its
    lanes in the order of row l of `lanes`; moves[1, w] = v. lanes (64,), uint64: 8 rows.
    """

    moves: np.ndarray
    lanes: np.ndarray

    @classmethod
    def of(cls, permutation: np.ndarray) -> VectorMoves:
        """The moves of ``y[i] = x[permutation[i]]``, int64 (N,).

        Raises `ValueError` if the permutation tears a vector apart. That of an automorphism in the
        transformed domain does not: a block of 2^k columns holds the exponents of one remainder
        modulo 2N / 2^k, and in a vector the order of the lanes depends on the place of the first.
        """
        vectors = permutation.reshape(-1, VECTOR)
        sources, first = vectors[:, 0] // VECTOR, vectors[:, 0] % VECTOR
        lanes = np.zeros((VECTOR, VECTOR), dtype=np.uint64)
        lanes[first] = vectors % VECTOR
        if (vectors != sources[:, None] * VECTOR + lanes[first].astype(np.int64)).any():
            raise ValueError(f"this permutation does not move whole vectors of {VECTOR} columns")
        moves = np.empty((2, len(vectors)), dtype=np.uint32)
        moves[0, sources] = np.arange(len(vectors)) * VECTOR + first
        moves[1] = sources
        return cls(moves, lanes.ravel())


def weights_shape(
    limbs: int, N: int, terms: int, run: int, mirrored: bool = False
) -> tuple[int, int, int, int]:
    """The shape of the weights of a matrix, of which every `run` columns in a row share one word.

    run: a power of two that divides N. A row holds the words of one vector of columns, or of
    several vectors with the same words: (limbs, N / max(run, 8), terms, max(8 / run, 1)). mirrored:
    the words of the second half of the columns are those of the first half backwards, and only
    those of the first half are there, in half as many rows; N / max(run, 8) is then 2 or more.
    """
    return limbs, (N // max(run, VECTOR)) >> mirrored, terms, max(VECTOR // run, 1)


def run_of(weights: np.ndarray, N: int, mirrored: bool = False) -> int:
    """How many columns in a row share one word of weights in a `weights_shape`."""
    limbs, rows, terms, lanes = weights.shape
    run: int = max(N // max((rows << mirrored) * lanes, 1), 1)
    if not rows or N % run or weights.shape != weights_shape(limbs, N, terms, run, mirrored):
        half = " that are mirrored" if mirrored else ""
        raise ValueError(f"weights of shape {weights.shape}{half} are no matrix for N = {N}")
    return run


@dataclass(frozen=True, eq=False)
class HoistedOperands:
    """Keys, permutations and weights of a hoisted product (`ntt.limbs.LimbOps.hoisted_product`).

    count: the number of keys. sums: the number of sums of all matrices. terms: the most terms of a
    matrix. columns: how many a kernel works on at a time. keys, blocks, weighted: the arguments of
    the kernels. owners: the arrays whose addresses these hold, kept alive.
    """

    count: int
    sums: int
    terms: int
    columns: int
    keys: Keys = field(repr=False)
    blocks: Blocks = field(repr=False)
    weighted: WeightedSums = field(repr=False)
    owners: tuple[object, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        keys: Sequence[np.ndarray | None],
        key_rows: Sequence[np.ndarray],
        permutations: Sequence[VectorMoves],
        weights: Sequence[np.ndarray],
        starts: Sequence[np.ndarray],
        product_of: Sequence[np.ndarray],
        mirrored: Sequence[bool] | None = None,
        pairs: Sequence[int] | None = None,
    ) -> HoistedOperands:
        """The operands of a product of `len(keys)` keys and `len(weights)` matrices.

        For each key: keys (digits, 2, key limbs, N), or None for the addends themselves; key_rows
        (limbs,), the limb of the key for each limb; permutations; pairs, the number of the pair of
        addends that stands for no key, by default 0. For each matrix: weights
        (limbs, N / max(r, 8), terms, max(8 / r, 1)) that repeat r times in a row (`weights_shape`),
        starts (sums + 1,), product_of (terms,); mirrored, by default not. Keys and weights are
        contiguous uint64 in [0, q), the rest integers. Raises `ValueError` if they are not.
        """
        moves = [p.moves for p in permutations]
        N = VECTOR * moves[0].shape[1]
        halves = [False] * len(weights) if mirrored is None else list(mirrored)
        columns = min(N // 2 if any(halves) else N, COLUMNS)
        vectors = columns // VECTOR
        sources = np.stack([m[1, ::vectors] // vectors for m in moves]).astype(np.int64)
        # Keys that read the same columns follow one another, so that the digits stay in the cache.
        order = np.ascontiguousarray(np.argsort(sources, axis=0, kind="stable").T)
        weighted = WeightedSums(
            addresses_of(weights),
            np.array(
                [run_of(w, N, half) for w, half in zip(weights, halves, strict=True)],
                dtype=np.int64,
            ),
            np.array(halves, dtype=np.int64),
            np.cumsum([0, *(len(s) - 1 for s in starts)], dtype=np.int64),
            np.concatenate(starts).astype(np.int64),
            np.concatenate(product_of).astype(np.int64),
        )
        return cls(
            len(keys),
            int(weighted.first_sums[-1]),
            max(w.shape[2] for w in weights),
            columns,
            _keys(keys, key_rows, permutations, pairs),
            Blocks(sources, order),
            weighted,
            (tuple(keys), tuple(weights)),
        )

    def blocks_of(self, limbs: int, N: int) -> int:
        """How many blocks of columns so many limbs have."""
        return limbs * (N // self.columns)

    def scratch_words(self, images: int, digits: int, N: int) -> int:
        """How many words of scratch memory the kernels need."""
        fixed = 2 * self.columns + VECTOR * self.terms
        return images * self._product_words + fixed + min(images, 4) * (digits + 1) * N

    def scratch(self, memory: np.ndarray, images: int) -> Scratch:
        """`scratch_words` words of memory (words,), uint64, as the kernels take them."""
        first = images * self._product_words
        second = first + 2 * self.columns
        third = second + VECTOR * self.terms
        return Scratch(
            memory[:first].reshape(images, self._product_words),
            memory[first:second].reshape(2, self.columns),
            memory[second:third],
            memory[third:],
        )

    @property
    def _product_words(self) -> int:
        return 2 * self.count * self.columns


@dataclass(frozen=True, eq=False)
class KeyOperands:
    """Keys and permutations of hoisted quotients (`ntt.limbs.LimbOps.hoisted_quotients`).

    keys: the argument of the kernels. owners: the arrays whose addresses it holds, kept alive.
    """

    keys: Keys = field(repr=False)
    owners: tuple[np.ndarray, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        keys: Sequence[np.ndarray],
        key_rows: Sequence[np.ndarray],
        permutations: Sequence[VectorMoves],
    ) -> KeyOperands:
        """The operands of `len(keys)` quotients.

        For each: keys (digits, 2, key limbs, N), contiguous uint64; key_rows (limbs,), the limb of
        the key for each limb; permutations, of the quotient. Raises `ValueError` for keys that are
        not such arrays.
        """
        return cls(_keys(keys, key_rows, permutations), tuple(keys))


def _keys(
    keys: Sequence[np.ndarray | None],
    key_rows: Sequence[np.ndarray],
    permutations: Sequence[VectorMoves],
    pairs: Sequence[int] | None = None,
) -> Keys:
    return Keys(
        addresses_of(keys),
        np.array([0 if key is None else key.shape[2] for key in keys], dtype=np.int64),
        np.array(key_rows, dtype=np.int64),
        np.stack([p.moves[0] for p in permutations]),
        np.stack([p.lanes for p in permutations]),
        np.array([0] * len(keys) if pairs is None else pairs, dtype=np.int64),
    )

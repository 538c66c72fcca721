"""What the hoisted product of `ntt.limbs.LimbOps` takes besides the ciphertexts' own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ntt.addresses import addresses_of
from ntt.backends.hoisting import VECTOR as VECTOR

COLUMNS = 1024
"""Columns that are worked on at a time: their products, of four images, fit a cache of 1 MiB."""


@dataclass(frozen=True, eq=False)
class VectorMoves:
    """A permutation of N = 8 n columns that moves whole vectors of 8, and lanes inside each.

    moves[0, v] = 8 w + l: source vector v goes to vector w, its lanes in the order of row l of
    `lanes` (8 rows, flat); moves[1, w] = v. uint32 and uint64.
    """

    moves: np.ndarray
    lanes: np.ndarray

    @classmethod
    def of(cls, permutation: np.ndarray) -> VectorMoves:
        """Of ``y[i] = x[permutation[i]]``; ValueError if it tears a vector apart.

        Multiplying the exponents of a bit-reversed transform by an odd number does not: a block of
        2^k columns holds the exponents of one remainder modulo 2N / 2^k, and in a vector the order
        of the lanes depends on the place of the first one.
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


@dataclass(frozen=True, eq=False)
class HoistedOperands:
    """Keys, permutations and weights of a hoisted product (`ntt.limbs.LimbOps.hoisted_product`).

    `arrays` are the kernels' arguments; `owners` keeps alive what they hold by address.
    """

    count: int
    sums: int
    columns: int
    arrays: tuple[np.ndarray, ...] = field(repr=False)
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
    ) -> HoistedOperands:
        """keys (digits, 2, key limbs, N), None for the addend itself, with the limb of the key for
        each limb (limbs,) and the permutation of its product, one each. weights (limbs, N / 8,
        terms, 8), of as many matrices as there are `starts` (sums + 1,) and `product_of` (terms,).
        """
        N = VECTOR * permutations[0].moves.shape[1]
        columns = min(N, COLUMNS)
        moves = np.stack([p.moves for p in permutations])
        blocks = moves[:, 1, :: columns // VECTOR] // (columns // VECTOR)
        arrays = (
            addresses_of(keys),
            np.array([0 if key is None else key.shape[2] for key in keys], dtype=np.int64),
            np.ascontiguousarray(key_rows, dtype=np.int64),
            moves,
            # Keys that read the same columns one after the other: the digits stay in the cache.
            np.ascontiguousarray(np.argsort(blocks, axis=0, kind="stable").T),
            np.stack([p.lanes for p in permutations]),
            addresses_of(weights),
            np.cumsum([0, *(len(s) - 1 for s in starts)]),
            np.concatenate(starts).astype(np.int64),
            np.concatenate(product_of).astype(np.int64),
        )
        sums = int(arrays[7][-1])
        return cls(len(keys), sums, columns, arrays, (tuple(keys), tuple(weights)))

    def scratch_words(self, images: int, digits: int, N: int) -> int:
        """Words of the scratch memory that the kernels need."""
        return images * self._product_words + 2 * self.columns + min(images, 4) * (digits + 1) * N

    def scratch(
        self, memory: np.ndarray, images: int, digits: int, N: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`scratch_words` words of memory as the kernels want them."""
        first = images * self._product_words
        second = first + 2 * self.columns
        return (
            memory[:first].reshape(images, self._product_words),
            memory[first:second].reshape(2, self.columns),
            memory[second:],
        )

    @property
    def _product_words(self) -> int:
        return 2 * self.count * self.columns


@dataclass(frozen=True, eq=False)
class KeyOperands:
    """Keys and permutations of hoisted quotients (`ntt.limbs.LimbOps.hoisted_quotients`).

    `arrays` are the kernels' arguments; `owners` keeps alive what they hold by address.
    """

    arrays: tuple[np.ndarray, ...] = field(repr=False)
    owners: tuple[np.ndarray, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        keys: Sequence[np.ndarray],
        key_rows: Sequence[np.ndarray],
        permutations: Sequence[VectorMoves],
    ) -> KeyOperands:
        """keys (digits, 2, key limbs, N), with the limb of the key for each limb (limbs,) and the
        permutation of its quotient.
        """
        arrays = (
            addresses_of(keys),
            np.array([key.shape[2] for key in keys], dtype=np.int64),
            np.array(key_rows, dtype=np.int64),
            np.stack([p.moves[0] for p in permutations]),
            np.stack([p.lanes for p in permutations]),
        )
        return cls(arrays, tuple(keys))

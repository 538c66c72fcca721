"""What a packed affine map costs, by which packings are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from he.ckks.circuits.bsgs import BabyGiant
from nn.packed.layout import TensorLayout

Block = tuple[int, int]
"""The indices of an output ciphertext and of an input ciphertext."""


@dataclass(frozen=True)
class PackingCost:
    """The costs of the parts of a packed affine map, relative to one baby rotation.

    - `baby`: a rotation of an input ciphertext, whose decomposition is shared.
    - `giant`: a rotation of a sum of products, which is decomposed anew.
    - `fold`: a rotation of an output ciphertext.
    - `diagonal`: a product with a plaintext vector.
    - `ciphertext`: what each further output ciphertext costs later: a relinearization and a
      rescaling at least.
    - `spread`: each doubling of the output's period, which costs a fold of the next Linear.
    - `weights`: a product's vector, times the share of the slots with which it repeats: the weights
      that are kept and read.
    - `key`: each distinct rotation step outside `known_rotations`; its Galois key takes memory.
    """

    baby: float = 1.0
    giant: float = 4.0
    fold: float = 4.0
    diagonal: float = 0.25
    ciphertext: float = 8.0
    spread: float = 4.0
    weights: float = 0.0
    key: float = 0.0
    known_rotations: frozenset[int] = frozenset()

    def total(
        self,
        splits: Mapping[Block, BabyGiant],
        folds: Sequence[int],
        diagonals: int,
        in_layout: TensorLayout,
        out_layout: TensorLayout,
    ) -> float:
        """The cost of a packed affine map with these parts."""
        rotations = frozenset(folds).union(*(plan.rotations for plan in splits.values()))
        repeated = max(in_layout.period, out_layout.period) / in_layout.n_slots
        return (
            self.baby * len(_baby_rotations(splits))
            + self.giant * len(_giant_rotations(splits))
            + self.fold * len(folds) * out_layout.ciphertexts
            + self.diagonal * diagonals
            + self.weights * diagonals * repeated
            + self.ciphertext * (out_layout.ciphertexts - 1)
            + self.spread * (out_layout.period.bit_length() - 1)
            + self.key * len(rotations - self.known_rotations)
        )


def _baby_rotations(splits: Mapping[Block, BabyGiant]) -> set[tuple[int, int]]:
    """The pairs (input ciphertext, nonzero step); the blocks of one input share them."""
    return {(i, step) for (_, i), plan in splits.items() for step in plan.babies if step}


def _giant_rotations(splits: Mapping[Block, BabyGiant]) -> set[tuple[int, int]]:
    """The pairs (output ciphertext, nonzero step); the inputs are summed first."""
    return {(o, step) for (o, _), plan in splits.items() for step in plan.giants if step}


DEFAULT_COST = PackingCost()

FRUGAL_COST = PackingCost(giant=4.0, diagonal=0.1, weights=0.5, key=1.0)
"""For networks whose keys and weights fill the memory: more products, of vectors that repeat."""

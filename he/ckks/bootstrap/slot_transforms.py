"""The sparse matrices of the embedding, encoded for the levels at which they are applied.

The slots of `slot_matrices` are those of a ciphertext with every odd one conjugated. A rotation of
such slots by an odd number of steps is one of the ciphertext's that conjugates, too: the Galois
element (-3)^k in place of 3^k.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from he.ckks.bootstrap.circuit import KeyKind
from he.ckks.bootstrap.key_needs import (
    baby_elements,
    element_of_conjugating_rotation,
    giant_element,
    rotation_elements,
)
from he.ckks.bootstrap.slot_matrices import Diagonals
from he.ckks.bootstrap.stepped import SteppedTransform
from he.ckks.bootstrap.steps import in_order, rotations
from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.bsgs import BabyGiant
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import encoded
from he.ckks.circuits.linear_transform import LinearTransform
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from ntt.memory import large_array


class ConjugatingTransform(LinearTransform):
    """A linear map whose rotations by an odd number of steps conjugate, too."""

    def element(self, step: int) -> int:
        """The Galois element (-3)^step."""
        return element_of_conjugating_rotation(step, self.params.N)


def unconjugated(vector: np.ndarray, slots: int) -> np.ndarray:
    """A vector for slots with every odd one conjugated, repeated to all slots of a ciphertext."""
    filled = np.tile(vector, slots // vector.size)
    filled[1::2] = filled[1::2].conj()
    return filled


@dataclass(frozen=True, eq=False)
class SlotTransform:
    """One sparse matrix at one level: what it needs, and its encoding.

    plan: its baby steps and giant steps; giant steps are even, since a diagonal is encoded rotated
    by minus its giant step. keys: of which kind (`BootstrapCircuit`).
    """

    params: CKKSParameters
    matrix: Diagonals
    level: int
    plan: BabyGiant
    keys: KeyKind

    @classmethod
    def of(
        cls, params: CKKSParameters, matrix: Diagonals, level: int, keys: KeyKind
    ) -> SlotTransform:
        """The cheapest plan of a matrix whose shifts are multiples of one step.

        They begin at 0 where all giant steps have one key (`slot_matrices.from_zero`).
        """
        n = next(iter(matrix.values())).size
        shifts = in_order(matrix, n) if keys == "fast" else sorted(matrix)
        return cls(params, matrix, level, rotations(shifts, params.slots, keys), keys)

    @property
    def elements(self) -> set[int]:
        """The Galois elements of the rotations that have keys."""
        return rotation_elements(self.plan, self.keys, self.params.N)

    @property
    def weight_bytes(self) -> int:
        """The size of the encoded matrix."""
        if self.keys != "fast":
            limbs = self.params.levels[self.level].limbs
            return 8 * len(self.plan.terms) * limbs * self.params.N
        return self.arranged().weight_bytes

    def encode(
        self, encoder: Encoder, advance: Callable[[int], object] | None = None
    ) -> ConjugatingTransform | SteppedTransform:
        """The matrix, encoded on all threads; advance: as in `ArrangedDiagonals.encode`."""
        if self.keys == "fast":
            return encoded(ConjugatingTransform, self.arranged(), encoder, advance)

        def filled(giant: int, shape: tuple[int, ...]) -> np.ndarray:
            block = large_array(shape)
            for row, vector in zip(block, self._turned(giant), strict=True):
                scale = self.params.scales[self.level]
                np.copyto(row, encoder.encode(vector, self.level, scale).data)
            return block

        return self.stepped(filled)

    def arranged(self) -> ArrangedDiagonals:
        """The diagonals in the order in which they are encoded and read."""
        vectors = {shift: self._vector(shift) for _, _, shift in self.plan.terms}
        return ArrangedDiagonals.of(self.params, vectors, self.level, self.plan)

    def stepped(
        self, filled: Callable[[int, tuple[int, ...]], np.ndarray]
    ) -> SteppedTransform:
        """The matrix by steps; filled: (giant step's number, shape) -> its encoded diagonals."""
        limbs, N = self.params.levels[self.level].limbs, self.params.N
        sums = []
        for giant in range(len(self.plan.giants)):
            babies = [b for g, b, _ in self.plan.terms if g == giant]
            sums.append((babies[0], filled(giant, (len(babies), limbs, N))))
        return SteppedTransform(
            self.params, self.level, tuple(baby_elements(self.plan, self.keys, N)),
            giant_element(self.plan, N), self.keys == "small", tuple(sums),
        )  # fmt: skip

    def _turned(self, giant: int) -> Iterator[np.ndarray]:
        """The diagonals of a giant step, rotated by minus it, in the order of baby steps."""
        step = self.plan.giants[giant]
        for g, _, shift in self.plan.terms:
            if g == giant:
                yield np.roll(self._vector(shift), step)

    def _vector(self, shift: int) -> np.ndarray:
        size = next(iter(self.matrix.values())).size
        return unconjugated(self.matrix[shift % size], self.params.slots)


class SlotMap:
    """A chain of encoded matrices, each applied to the result of the one before.

    turn: the Galois element of a rotation in front of all of them, 1 for none.
    """

    def __init__(
        self, transforms: Iterable[ConjugatingTransform | SteppedTransform], turn: int = 1
    ) -> None:
        self._transforms = list(transforms)
        self._turn = turn

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The product of all matrices with x: one level lower for each."""
        if self._turn != 1:
            x = evaluator.automorphism(x, self._turn)
        for transform in self._transforms:
            x = transform.apply(evaluator, x)
        return x

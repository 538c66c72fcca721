"""The sparse matrices of the embedding, encoded for the levels at which they are applied.

The slots of `slot_matrices` are those of a ciphertext with every odd one conjugated. A rotation of
such slots by an odd number of steps is one of the ciphertext's that conjugates, too: the Galois
element (-3)^k in place of 3^k.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from he.ckks.bootstrap.slot_matrices import Diagonals
from he.ckks.bootstrap.steps import baby_giant, in_order
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.circuits.bsgs import BabyGiant
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import encoded
from he.ckks.circuits.linear_transform import LinearTransform
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe import galois


class ConjugatingTransform(LinearTransform):
    """A linear map whose rotations by an odd number of steps conjugate, too."""

    def element(self, step: int) -> int:
        """The Galois element (-3)^step."""
        return element_of_conjugating_rotation(step, self.params.N)


def element_of_conjugating_rotation(step: int, N: int) -> int:
    """(-3)^step modulo 2 N: a rotation, and a conjugation where step is odd."""
    element = galois.element_of_rotation(step, N)
    return element if step % 2 == 0 else 2 * N - element


def unconjugated(vector: np.ndarray, slots: int) -> np.ndarray:
    """A vector for slots with every odd one conjugated, repeated to all slots of a ciphertext."""
    filled = np.tile(vector, slots // vector.size)
    filled[1::2] = filled[1::2].conj()
    return filled


@dataclass(frozen=True, eq=False)
class SlotTransform:
    """One sparse matrix at one level: what it needs, and its encoding.

    plan: its baby steps and giant steps; giant steps are even, since a diagonal is encoded rotated
    by minus its giant step. small_keys: whether a handful of keys is used (`SteppedTransform`).
    """

    params: CKKSParameters
    matrix: Diagonals
    level: int
    plan: BabyGiant
    small_keys: bool

    @classmethod
    def of(
        cls, params: CKKSParameters, matrix: Diagonals, level: int, small_keys: bool
    ) -> SlotTransform:
        """The cheapest plan of a matrix whose shifts are multiples of one step."""
        n = next(iter(matrix.values())).size
        plan = baby_giant(in_order(matrix, n), params.slots)
        return cls(params, matrix, level, plan, small_keys)

    @property
    def elements(self) -> set[int]:
        """The Galois elements of its rotations."""
        steps = {*self.plan.babies, *self.plan.giants} - {0}
        if self.small_keys:
            steps = {*self._few_steps()} - {0}
        return {element_of_conjugating_rotation(step, self.params.N) for step in steps}

    @property
    def weight_bytes(self) -> int:
        """The size of the encoded matrix."""
        return self.arranged().weight_bytes

    def encode(
        self, encoder: Encoder, advance: Callable[[int], object] | None = None
    ) -> ConjugatingTransform | SteppedTransform:
        """The matrix, encoded on all threads; advance: as in `ArrangedDiagonals.encode`."""
        if self.small_keys:
            return self._stepped(encoder)
        return encoded(ConjugatingTransform, self.arranged(), encoder, advance)

    def arranged(self) -> ArrangedDiagonals:
        """The diagonals in the order in which they are encoded and read."""
        slots = self.params.slots
        vectors = {
            shift % slots: unconjugated(self.matrix[shift % self._size], slots)
            for _, _, shift in self.plan.terms
        }
        return ArrangedDiagonals.of(self.params, vectors, self.level, self.plan)

    def _few_steps(self) -> tuple[int, int, int]:
        """The least baby step, the least giant step, and the lowest giant step."""
        babies, giants = self.plan.babies, self.plan.giants
        giant = giants[1] - giants[0] if len(giants) > 1 else 0
        return babies[1], giant % self.params.slots, giants[0]

    def _stepped(self, encoder: Encoder) -> SteppedTransform:
        slots, params = self.params.slots, self.params
        steps = self._few_steps()
        diagonals: dict[tuple[int, int], Plaintext] = {}
        for g, b, shift in self.plan.terms:
            # Every rotation behind the product is taken back before it.
            vector = np.roll(unconjugated(self.matrix[shift % self._size], slots), g * steps[1])
            scale = params.scales[self.level]
            diagonals[g, b] = encoder.encode(vector, self.level, scale)
        return SteppedTransform(self.level, len(self.plan.babies), steps, diagonals)

    @property
    def _size(self) -> int:
        return next(iter(self.matrix.values())).size


@dataclass(frozen=True, eq=False)
class SteppedTransform:
    """The same map by a handful of keys: rotations by the least baby step, the least giant step
    and the lowest one, each used again and again.

    ``y = r^low(sum_g R^g(sum_b d[g, b] r^b(x)))``, the outer sum by Horner's rule (the minimum key
    switching of ARK: Kim et al., MICRO 2022, section 4.1). The diagonals are encoded at the level
    of x, rotated as `SlotTransform` says.
    """

    level: int
    babies: int
    steps: tuple[int, int, int]
    diagonals: Mapping[tuple[int, int], Plaintext]

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The map of x, one level lower."""
        N = evaluator.params.N
        baby, giant, lowest = (element_of_conjugating_rotation(step, N) for step in self.steps)
        if self.steps[2]:
            x = evaluator.automorphism(x, lowest)
        rotated = [x]
        for _ in range(self.babies - 1):
            rotated.append(evaluator.automorphism(rotated[-1], baby))
        total: Ciphertext | None = None
        for g in sorted({g for g, _ in self.diagonals}, reverse=True):
            if total is not None:
                total = evaluator.automorphism(total, giant)
            for b, image in enumerate(rotated):
                diagonal = self.diagonals.get((g, b))
                if diagonal is not None:
                    term = evaluator.multiply_plain(image, diagonal, rescale=False)
                    total = term if total is None else evaluator.add(total, term)
        assert total is not None
        return evaluator.rescale(total)


class SlotMap:
    """A chain of encoded matrices, each applied to the result of the one before."""

    def __init__(self, transforms: Iterable[ConjugatingTransform | SteppedTransform]) -> None:
        self._transforms = list(transforms)

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The product of all matrices with x: one level lower for each."""
        for transform in self._transforms:
            x = transform.apply(evaluator, x)
        return x

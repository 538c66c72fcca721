"""Linear maps on slots: diagonals, baby-step giant-step, double hoisting.

``y[i] = sum_k diagonals[k][i] x[i + k]`` with indices modulo the slot count (Halevi and Shoup,
CRYPTO 2014). The baby rotations share one decomposition and stay in QP, the giant ones share one
division by P q (double hoisting: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021,
section 4). One level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from he import galois
from he.ciphertext import Ciphertext
from he.ckks.bsgs import BabyGiant, split
from he.ckks.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.errors import LevelExhaustedError, LevelMismatchError, ParameterError
from he.keys import KeyNeeds
from he.params import CKKSParameters
from he.rns import context
from he.workspace import workspace


@dataclass(frozen=True, eq=False)
class LinearTransform:
    """An encoded linear map, for ciphertexts at `level`.

    diagonals (terms, limbs_QP, N) are grouped by giant step: those of giant g are rows
    ``starts[g] .. starts[g + 1]``, each to be multiplied by baby step ``baby_of[row]`` and already
    rotated by minus the giant step.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: np.ndarray
    baby_of: np.ndarray
    diagonals: np.ndarray

    @classmethod
    def encode(
        cls,
        encoder: Encoder,
        diagonals: Mapping[int, np.ndarray],
        level: int,
        plan: BabyGiant | None = None,
    ) -> LinearTransform:
        """Encode {shift: vector of N/2 slots} for use at `level`.

        plan: how shifts split into baby and giant steps; None finds a cheap one. Raises
        `LevelExhaustedError` at level 0, `EncodingError` for bad vectors.
        """
        params = encoder.params
        if level < 1:
            raise LevelExhaustedError(
                f"a linear transform rescales, so it cannot be encoded for level {level}: at least "
                f"level 1 is needed"
            )
        if not diagonals:
            raise ParameterError("a linear transform needs at least one diagonal")
        slots = params.slots
        vectors = {shift % slots: np.asarray(v) for shift, v in diagonals.items()}
        if len(vectors) != len(diagonals):
            raise ParameterError(f"two diagonals have the same shift modulo {slots}")
        plan = plan if plan is not None else split(tuple(vectors), slots)
        ops = context(params).qp(level)
        scale = params.scales[level]
        by_giant: list[list[tuple[int, int]]] = [[] for _ in plan.giants]
        for giant, baby, shift in plan.terms:
            by_giant[giant].append((baby, shift % slots))
        kept = [g for g, terms in enumerate(by_giant) if terms]
        starts = np.zeros(len(kept) + 1, dtype=np.int64)
        starts[1:] = np.cumsum([len(by_giant[g]) for g in kept])
        baby_of = np.empty(starts[-1], dtype=np.int64)
        encoded = np.empty((starts[-1], len(ops.moduli), params.N), dtype=np.uint64)
        row = 0
        for g in kept:
            for baby, shift in by_giant[g]:
                rotated = np.roll(_full(vectors[shift], slots), plan.giants[g])
                encoded[row] = encoder.residues(encoder.coefficients(rotated, scale), ops)
                baby_of[row] = baby
                row += 1
        giants = tuple(plan.giants[g] % slots for g in kept)
        babies = tuple(step % slots for step in plan.babies)
        return cls(params, level, babies, giants, starts, baby_of, encoded)

    @property
    def needs(self) -> KeyNeeds:
        """The Galois keys that `apply` uses."""
        N = self.params.N
        steps = {*self.babies, *self.giants} - {0}
        return KeyNeeds(galois={galois.element_of_rotation(k, N): self.level for k in steps})

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The map of x, one level below; `apply_sum` with one term."""
        return apply_sum(evaluator, [(self, x)])


class HoistedRotations:
    """The baby steps of one ciphertext: P times its rotations, undivided in QP.

    Made once per ciphertext and used by every linear transform of it.
    """

    def __init__(self, evaluator: Evaluator, x: Ciphertext, steps: Sequence[int]) -> None:
        N = evaluator.params.N
        switcher = evaluator.switcher(x.level)
        elements = {k: galois.element_of_rotation(k, N) for k in steps if k}
        keys = {k: evaluator.keys.for_element(e, x.level) for k, e in elements.items()}
        self.index = {k: i for i, k in enumerate(steps)}
        shape = (2, switcher.limbs_qp, N)
        self.data = workspace("baby steps", (len(steps), *shape))
        digits = switcher.decompose(x.data[1]) if keys else None
        for k, i in self.index.items():
            if k == 0 or digits is None:
                switcher.special_multiple(x.data, self.data[i])
                continue
            switched = switcher.gadget_product(digits, keys[k], workspace("switched", shape))
            switcher.add_special_multiple(switched[0], x.data[0])
            switcher.permute(self.data[i], switched, elements[k])


def apply_sum(
    evaluator: Evaluator, terms: Sequence[tuple[LinearTransform, Ciphertext]]
) -> Ciphertext:
    """The sum of linear transforms of ciphertexts, with one division at the end.

    All at one level and scale; the result is one level below, at its canonical scale.
    """
    first = terms[0][1]
    switcher = evaluator.switcher(first.level)
    shape = (2, switcher.limbs_qp, evaluator.params.N)
    total = workspace("transform total", shape)
    total.fill(0)
    for transform, x in terms:
        _check(evaluator, transform, x, first)
        hoisted = HoistedRotations(evaluator, x, transform.babies)
        sums = workspace("giant sums", (len(transform.giants), *shape))
        switcher.qp.diagonal_product(
            sums, hoisted.data, transform.diagonals, transform.starts, transform.baby_of
        )
        for giant, group in zip(transform.giants, sums, strict=True):
            if giant == 0:
                switcher.qp.add(total, total, group)
                continue
            element = galois.element_of_rotation(giant, evaluator.params.N)
            key = evaluator.keys.for_element(element, x.level)
            # Only the part that meets the secret is divided by P and switched again.
            masked = switcher.mod_down_part(group[1])
            digits = switcher.decompose(masked)
            switched = switcher.gadget_product(digits, key, workspace("switched", shape))
            switcher.qp.add(switched[0], switched[0], group[0])
            switcher.permute_add(total, switched, element)
    data = switcher.mod_down_rescale(total)
    q_last = evaluator.params.q[first.level]
    scale = first.scale * evaluator.params.scales[first.level] / q_last
    return evaluator.result(data, scale)


def _check(
    evaluator: Evaluator, transform: LinearTransform, x: Ciphertext, first: Ciphertext
) -> None:
    evaluator.check_pair(x, first)
    if transform.params != evaluator.params or transform.level != x.level:
        raise LevelMismatchError(
            f"the transform is encoded for level {transform.level}, the ciphertext is at level "
            f"{x.level}: encode it for that level, or use drop_to"
        )
    if x.parts != 2:
        raise ParameterError(f"a linear transform acts on 2 parts, not {x.parts}: relinearize")


def _full(vector: np.ndarray, slots: int) -> np.ndarray:
    full = np.zeros(slots, dtype=np.result_type(vector, np.float64))
    full[: vector.size] = vector
    return full

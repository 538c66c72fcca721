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
from he.errors import (
    EncodingError,
    LevelExhaustedError,
    LevelMismatchError,
    ParameterError,
    ParametersMismatchError,
)
from he.keys import KeyNeeds
from he.params import CKKSParameters
from he.rns import context
from he.trace import Block, Tracer
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
        if level > params.max_level:
            raise LevelMismatchError(
                f"level {level} is above the highest, {params.max_level}"
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
        """The map of x: one level below, at its canonical scale."""
        return apply_matrix(evaluator, {(0, 0): self}, [x])[0]


def apply_matrix(
    evaluator: Evaluator,
    blocks: Mapping[tuple[int, int], LinearTransform],
    inputs: Sequence[Ciphertext],
) -> list[Ciphertext]:
    """``out[o] = sum_i blocks[o, i](inputs[i])`` for a vector that spans several ciphertexts.

    The baby steps of an input serve all its blocks, the giant steps of an output all the inputs
    that meet there, and each output is divided once. Inputs at one level and scale; outputs one
    level below, at its canonical scale. Every output 0 .. max(o) needs a block.
    """
    first = inputs[0]
    switcher = evaluator.switcher(first.level)
    shape = (2, switcher.limbs_qp, evaluator.params.N)
    outputs = 1 + max(o for o, _ in blocks)
    sums: list[dict[int, np.ndarray]] = [{} for _ in range(outputs)]
    for i, x in enumerate(inputs):
        column = {o: block for (o, j), block in blocks.items() if j == i}
        for transform in column.values():
            _check(evaluator, transform, x, first)
        steps = sorted({step for block in column.values() for step in block.babies})
        babies = _baby_steps(evaluator, x, steps)
        for o, transform in column.items():
            groups = workspace(f"giant sums {o}.{i}", (len(transform.giants), *shape))
            baby_of = np.searchsorted(steps, np.take(transform.babies, transform.baby_of))
            switcher.qp.diagonal_product(
                groups, babies, transform.diagonals, transform.starts, baby_of
            )
            for giant, group in zip(transform.giants, groups, strict=True):
                if giant in sums[o]:
                    switcher.qp.add(sums[o][giant], sums[o][giant], group)
                else:
                    sums[o][giant] = group
    scale = first.scale * evaluator.params.scales[first.level] / evaluator.params.q[first.level]
    results = [
        evaluator.result(_add_giant_steps(evaluator, first.level, giants), scale)
        for giants in sums
    ]
    if evaluator.tracer is not None:
        _record(evaluator, evaluator.tracer, blocks, inputs, results)
    return results


def _baby_steps(evaluator: Evaluator, x: Ciphertext, steps: Sequence[int]) -> np.ndarray:
    """P times the rotations of x, undivided: (steps, 2, limbs_QP, N) in scratch memory."""
    N = evaluator.params.N
    switcher = evaluator.switcher(x.level)
    elements = [galois.element_of_rotation(k, N) for k in steps if k]
    keys = [evaluator.keys.for_element(element, x.level) for element in elements]
    babies = workspace("baby steps", (len(steps), 2, switcher.limbs_qp, N))
    rotated = []
    for baby, step in zip(babies, steps, strict=True):
        if step:
            rotated.append(baby)
        else:
            switcher.special_multiple(x.data, baby)
    if not keys:
        return babies
    images = switcher.switched(x.data[1], keys)
    for baby, element, switched in zip(rotated, elements, images, strict=True):
        switcher.add_special_multiple(switched[0], x.data[0])
        switcher.permute(baby, switched, element)
    return babies


def _add_giant_steps(
    evaluator: Evaluator, level: int, giants: Mapping[int, np.ndarray]
) -> np.ndarray:
    """The sum of the groups, each rotated by its giant step, divided by P q_level."""
    N = evaluator.params.N
    switcher = evaluator.switcher(level)
    total = workspace("transform total", (2, switcher.limbs_qp, N))
    if 0 in giants:
        np.copyto(total, giants[0])
    else:
        total.fill(0)
    for giant, group in giants.items():
        if giant == 0:
            continue
        element = galois.element_of_rotation(giant, N)
        key = evaluator.keys.for_element(element, level)
        # Only the part that meets the secret is divided by P and switched again.
        (switched,) = switcher.switched(switcher.mod_down_part(group[1]), [key])
        switcher.qp.add(switched[0], switched[0], group[0])
        switcher.permute_add(total, switched, element)
    return switcher.mod_down_rescale(total)


def _record(
    evaluator: Evaluator,
    tracer: Tracer,
    blocks: Mapping[tuple[int, int], LinearTransform],
    inputs: Sequence[Ciphertext],
    results: Sequence[Ciphertext],
) -> None:
    N, level = evaluator.params.N, inputs[0].level
    needs = KeyNeeds.union(block.needs for block in blocks.values())
    traced = [
        Block(
            o,
            i,
            tuple(galois.element_of_rotation(k, N) for k in block.babies),
            tuple(galois.element_of_rotation(k, N) for k in block.giants),
            tuple(block.starts.tolist()),
            tuple(block.baby_of.tolist()),
            tracer.plaintext(block.diagonals),
        )
        for (o, i), block in blocks.items()
    ]
    tracer.record(
        "linear_transform",
        level,
        [x.data for x in inputs],
        [x.data for x in results],
        keys=[evaluator.keys.for_element(element, level) for element in needs.galois],
        blocks=traced,
    )


def _check(
    evaluator: Evaluator, transform: LinearTransform, x: Ciphertext, first: Ciphertext
) -> None:
    evaluator.check_pair(x, first)
    if transform.params != evaluator.params:
        raise ParametersMismatchError(
            f"the transform is encoded for {transform.params}, not for {evaluator.params}"
        )
    if transform.level != x.level:
        raise LevelMismatchError(
            f"the transform is encoded for level {transform.level}, the ciphertext is at level "
            f"{x.level}: encode it for that level, or use drop_to"
        )
    if x.parts != 2:
        raise ParameterError(f"a linear transform acts on 2 parts, not {x.parts}: relinearize")


def _full(vector: np.ndarray, slots: int) -> np.ndarray:
    if vector.ndim != 1 or vector.size > slots or vector.dtype.kind not in "biufc":
        raise EncodingError(
            f"a diagonal is {vector.dtype} of shape {vector.shape}: a vector of at most {slots} "
            f"numbers is needed"
        )
    full = np.zeros(slots, dtype=np.result_type(vector, np.float64))
    full[: vector.size] = vector
    return full

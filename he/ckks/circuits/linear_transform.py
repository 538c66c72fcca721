"""Linear maps on slots: diagonals, baby-step giant-step, double hoisting.

``y[i] = sum_k diagonals[k][i] x[i + k]`` with indices modulo the slot count (Halevi and Shoup,
CRYPTO 2014). The baby rotations share one decomposition and stay in QP, the giant ones share one
division by P q (double hoisting: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021,
section 4). Diagonals that are `divided` have baby steps without the special primes instead. One
level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.diagonals import EncodedDiagonals
from he.ckks.circuits.hoisting import DividedColumn, HoistedColumn
from he.ckks.evaluator import Evaluator
from he.ckks.operands import check_pair, is_canonical
from he.ckks.scales import check_scale
from he.errors import LevelMismatchError, ParameterError, ScaleMismatchError
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.trace import Block, Tracer
from he.validation import instance, items_of, shown, whole_number
from ntt import threads
from ntt.sharing import share_work
from ntt.workspace import workspace


class LinearTransform(EncodedDiagonals):
    """An encoded linear map, for ciphertexts at `level`; made by `encode`.

    Its fields are those of `EncodedDiagonals`.
    """

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The map of x: one level below, at its canonical scale."""
        return apply_matrix(evaluator, {(0, 0): self}, [x])[0]


def apply_matrix(
    evaluator: Evaluator,
    blocks: Mapping[tuple[int, int], EncodedDiagonals],
    inputs: Sequence[Ciphertext],
) -> list[Ciphertext]:
    """``out[o] = sum_i blocks[o, i](inputs[i])`` for a vector that spans several ciphertexts.

    The baby steps of an input serve all its blocks, the giant steps of an output all the inputs
    that meet there, and each output is divided once. Inputs at one level and scale; outputs one
    level below, at its canonical scale. Every output 0 .. max(o) needs a block. `SlotMatrix`
    prepares the blocks once for many vectors.
    """
    return SlotMatrix(evaluator, blocks).apply([inputs])[0]


class SlotMatrix:
    """The matrix of `apply_matrix`, ready for many vectors and for several of them at once.

    Raises `ParametersMismatchError`, `LevelMismatchError`, `ScaleMismatchError` or
    `MissingGaloisKeyError` for blocks that do not suit one another or the evaluator,
    `ParameterError` for an output without a block.
    """

    def __init__(
        self, evaluator: Evaluator, blocks: Mapping[tuple[int, int], EncodedDiagonals]
    ) -> None:
        self._evaluator = instance(evaluator, Evaluator, "the evaluator")
        self._blocks = blocks
        if not instance(blocks, Mapping, "the blocks of a matrix, {(output, input): block},"):
            raise ParameterError("a matrix needs at least one block")
        for at, block in blocks.items():
            _check_place(at)
            instance(block, EncodedDiagonals, f"block {at}")
        _check_outputs({o for o, _ in blocks})
        first = next(iter(blocks.values()))
        self._level, self._factor, self._divided = first.level, first.factor, first.divided
        for block in blocks.values():
            _check_block(evaluator, block, first)
        column = DividedColumn if self._divided else HoistedColumn
        self._columns = {
            i: column(evaluator, self._level, {o: b for (o, j), b in blocks.items() if i == j})
            for i in sorted({i for _, i in blocks})
        }
        N = evaluator.params.N
        self._giant_keys = {
            giant: evaluator.keys.for_element(galois.element_of_rotation(giant, N), self._level)
            for block in blocks.values()
            for giant in block.giants
            if giant
        }

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory that each of the vectors applied at once takes for its giant steps; their
        totals, one for each thread, take at most as much again.
        """
        return sum(column.sums_bytes for column in self._columns.values())

    def apply(self, vectors: Sequence[Sequence[Ciphertext]]) -> list[list[Ciphertext]]:
        """The product with each vector of ciphertexts, the same bits as one by one.

        Each key and each diagonal is read from memory once for all of them.
        """
        evaluator, level = self._evaluator, self._level
        outputs = 1 + max(o for o, _ in self._blocks)
        inputs = 1 + max(i for _, i in self._blocks)
        vectors = [items_of(vector, "a vector") for vector in items_of(vectors, "the vectors")]
        if not vectors or min(len(vector) for vector in vectors) < inputs:
            raise ParameterError(f"a matrix of {inputs} inputs needs vectors of {inputs} or more")
        first = vectors[0][0]
        for vector in vectors:
            for x in vector:
                _check_operand(evaluator, x, first, level)
        params = evaluator.params
        scale = first.scale * (params.scales[level] if self._factor is None else self._factor)
        check_scale(params, level, scale, "the product")
        sums: list[dict[int, np.ndarray]] = [{} for _ in range(outputs)]
        for i, column in self._columns.items():
            groups = column.sums([vector[i] for vector in vectors], f"giant sums {i}")
            for (o, giant), group in groups:
                self._add_group(sums[o], giant, group)
        scale /= params.divisors[level]
        if self._factor is not None and is_canonical(params, level - 1, scale):
            scale = params.scales[level - 1]  # to the bit
        results = [
            [
                evaluator.result(data, scale, level - 1)
                for data in self._add_giant_steps(giants, len(vectors))
            ]
            for giants in sums
        ]
        products = [list(product) for product in zip(*results, strict=True)]
        if evaluator.tracer is not None:
            for vector, product in zip(vectors, products, strict=True):
                _record(evaluator, evaluator.tracer, self._blocks, vector, product)
        return products

    def _add_group(self, giants: dict[int, np.ndarray], giant: int, group: np.ndarray) -> None:
        """Add a group (vectors, 2, limbs_QP, N), or limbs_Q, to the one of the same giant step."""
        if giant not in giants:
            giants[giant] = group
            return
        switcher = self._evaluator.switcher(self._level)
        ops = switcher.q if self._divided else switcher.qp
        for total, term in zip(giants[giant], group, strict=True):
            ops.add(total, total, term)

    def _add_giant_steps(self, giants: Mapping[int, np.ndarray], count: int) -> list[np.ndarray]:
        """The sum of each vector's groups, rotated by their giant steps, divided by P q_level.

        As many steps as there are threads go side by side, each to totals of its own. What is left
        shares the threads step by step.
        """
        N = self._evaluator.params.N
        switcher = self._evaluator.switcher(self._level)
        steps = [(giant, groups) for giant, groups in giants.items() if giant]
        lanes = min(threads.free_threads(), len(steps))
        apart = len(steps) - len(steps) % lanes if lanes > 1 else 0
        still = giants.get(0)
        shape = (count, 2, switcher.limbs_qp, N)
        made = workspace("transform totals", (max(lanes, 1), *shape))
        totals = list(made)
        if still is not None:
            totals[0] = self._times_special(made[0], still) if self._divided else still
        is_new = [still is None] + [True] * (len(totals) - 1)

        def rotate(lane: int, giant: int, groups: np.ndarray) -> None:
            self._add_giant_step(totals[lane], giant, groups, is_new=is_new[lane])
            is_new[lane] = False

        def work(lane: int) -> None:
            for giant, groups in steps[lane:apart:lanes]:
                rotate(lane, giant, groups)

        if apart:
            share_work(lanes, work)
        for giant, groups in steps[apart:]:
            rotate(0, giant, groups)
        for other in totals[1:]:
            for total, term in zip(totals[0], other, strict=True):
                switcher.qp.add(total, total, term)
        return [switcher.mod_down_rescale(total) for total in totals[0]]

    def _times_special(self, out: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """out (vectors, 2, limbs_QP, N) = P times groups (vectors, 2, limbs_Q, N)."""
        switcher = self._evaluator.switcher(self._level)
        factor, limbs = switcher.context.special_factor(self._level), switcher.limbs_q
        for part, target in zip(_parts(groups), _parts(out), strict=True):
            switcher.q.multiply_scalar(target[:limbs], part, factor)
            target[limbs:] = 0
        return out

    def _add_giant_step(
        self, totals: np.ndarray, giant: int, groups: np.ndarray, *, is_new: bool
    ) -> None:
        """totals (vectors, 2, limbs_QP, N) += groups rotated by a giant step; is_new: = instead."""
        N = self._evaluator.params.N
        switcher, key = self._evaluator.switcher(self._level), self._giant_keys[giant]
        element = galois.element_of_rotation(giant, N)
        for total, group in zip(totals, groups, strict=True):
            # Only the part that meets the secret is divided by P and switched again.
            part = group[1] if self._divided else switcher.mod_down_part(group[1])
            (switched,) = switcher.switched(part, [key])
            if self._divided:
                switcher.add_special_multiple(switched[0], group[0])
            else:
                switcher.qp.add(switched[0], switched[0], group[0])
            if is_new:
                switcher.permute(total, switched, element)
            else:
                switcher.permute_add(total, switched, element)


def _parts(x: np.ndarray) -> np.ndarray:
    """The polynomials of x (.., limbs, N), one after the other."""
    return x.reshape(-1, *x.shape[-2:])


def _record(
    evaluator: Evaluator,
    tracer: Tracer,
    blocks: Mapping[tuple[int, int], EncodedDiagonals],
    inputs: Sequence[Ciphertext],
    results: Sequence[Ciphertext],
) -> None:
    level = inputs[0].level
    needs = KeyNeeds.union(block.needs for block in blocks.values())
    traced = [
        Block(
            o,
            i,
            tuple(block.element(k) for k in block.babies),
            tuple(block.element(k) for k in block.giants),
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


def _check_block(
    evaluator: Evaluator, block: EncodedDiagonals, first: EncodedDiagonals
) -> None:
    check_owner(evaluator.params, block, EncodedDiagonals)
    if block.level != first.level:
        raise LevelMismatchError(
            f"one block is encoded for level {block.level}, another for level {first.level}: "
            f"encode all of them for one level"
        )
    if block.factor != first.factor:
        raise ScaleMismatchError(
            f"one block is encoded at scale {block.scale:.6g}, another at {first.scale:.6g}: "
            f"encode all of them with one factor"
        )
    if block.divided != first.divided:
        raise ParameterError(
            f"one block has divided = {block.divided}, another divided = {first.divided}: encode "
            f"all of them with one value"
        )


def _check_outputs(outputs: Set[int]) -> None:
    missing = set(range(max(outputs))) - outputs
    if missing:
        raise ParameterError(
            f"no block leads to output {min(missing)}: every output from 0 to {max(outputs)} needs "
            f"one"
        )


def _check_place(at: object) -> None:
    if not (isinstance(at, tuple) and len(at) == 2):
        raise ParameterError(f"a block stands at {shown(at)}: (output, input) is needed")
    for index in at:
        whole_number(index, "the output or input of a block", 0)


def _check_operand(evaluator: Evaluator, x: Ciphertext, first: Ciphertext, level: int) -> None:
    check_pair(evaluator.params, x, first)
    if x.level != level:
        raise LevelMismatchError(
            f"the transform is encoded for level {level}, the ciphertext is at level "
            f"{x.level}: encode it for that level, or use drop_to"
        )
    check_two_parts(x, "a linear transform")

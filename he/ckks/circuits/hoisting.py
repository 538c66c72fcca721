"""The baby steps of a linear transform, and the sums of their products, for several ciphertexts.

`HoistedColumn` keeps them in QP. A few limbs of QP at a time: their digits, and then, a few columns
at a time, the digits' products with every key, permuted, and the weighted sums of them. Nothing
between the digits and the sums goes through memory, and keys and diagonals come from it once for
all ciphertexts. `DividedColumn` divides baby steps by P first: diagonals need no limbs of P.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.diagonals import EncodedDiagonals
from he.ckks.evaluator import Evaluator
from he.rlwe import galois
from he.rlwe.limb_blocks import even_blocks, fewest_blocks
from ntt import threads
from ntt.hoisting import HoistedOperands
from ntt.workspace import workspace


class HoistedColumn:
    """The blocks {output: diagonals} of one input of a matrix, for an evaluator's keys.

    Raises `MissingGaloisKeyError`.
    """

    def __init__(
        self, evaluator: Evaluator, level: int, blocks: Mapping[int, EncodedDiagonals]
    ) -> None:
        self._switcher = evaluator.switcher(level)
        self._N = N = evaluator.params.N
        self._groups = _groups(blocks)
        elements = _elements(blocks)
        places = {element: place for place, element in enumerate(elements)}
        # A product's part 0 takes P times that of the input; what stands still is P times both.
        self._parts = 2 if 1 in places else 1
        keys = [evaluator.keys.for_element(e, level) if e != 1 else None for e in elements]
        no_rows = np.zeros(self._switcher.limbs_qp, dtype=np.int64)
        self._operands = HoistedOperands.of(
            [None if key is None else key.data for key in keys],
            [no_rows if key is None else key.rows(level) for key in keys],
            [galois.vector_moves(element, N) for element in elements],
            *_matrices(blocks, places),
        )

    @property
    def sums_bytes(self) -> int:
        """What `sums` gives for one ciphertext."""
        return 16 * self._operands.sums * self._switcher.limbs_qp * self._N

    def sums(
        self, inputs: Sequence[Ciphertext], name: str
    ) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """For every (output, giant step): P times the sum of its diagonals' products with the
        rotated inputs, (inputs, 2, limbs_QP, N), in the scratch memory called `name`.
        """
        switcher, N, count = self._switcher, self._N, len(inputs)
        limbs = switcher.limbs_qp
        out = workspace(name, (count, self._operands.sums, 2, limbs, N))
        addends = workspace("hoisted addends", (count, 2, limbs, N))
        switched = inputs[0].data[1:2]
        if count > 1:
            switched = workspace("hoisted parts", (count, switcher.limbs_q, N))
            for x, part in zip(inputs, switched, strict=True):
                np.copyto(part, x.data[1])
        factor = switcher.context.special_factor(switcher.level)
        for x, addend in zip(inputs, addends, strict=True):
            for source, target in zip(x.data[: self._parts], addend, strict=False):
                switcher.q.multiply_scalar(target[: switcher.limbs_q], source, factor)
                target[switcher.limbs_q :] = 0
        decomposition = switcher.decomposition
        terms = decomposition.terms(switched)
        digits_count = len(decomposition)
        for block in self._blocks(count * digits_count):
            lo, hi = block.start, block.stop
            digits = workspace("hoisted digits", (count, digits_count, hi - lo, N))
            for of_input, part, term in zip(digits, switched, terms, strict=True):
                decomposition.fill(of_input, part, term, lo, hi)
            self._multiply(out, digits, addends, block)
        return zip(self._groups, np.moveaxis(out, 1, 0), strict=True)

    def _multiply(
        self, out: np.ndarray, digits: np.ndarray, addends: np.ndarray, block: range
    ) -> None:
        """The products and sums of a block of limbs, whose columns the threads share."""
        switcher, operands = self._switcher, self._operands
        rows = switcher.context.qp_rows(switcher.level)[block.start : block.stop]
        ops = switcher.context.limbs(rows)
        words = operands.scratch_words(len(out), digits.shape[1], self._N)
        memory = workspace("hoisted product", (threads.free_threads(), words))
        columns = slice(0, operands.blocks_of(len(block), self._N))
        ops.hoisted_product(out, digits, addends, operands, block.start, memory, columns)

    def _blocks(self, digits: int) -> list[range]:
        """QP's limbs in blocks whose digits fit the cache."""
        limbs = self._switcher.limbs_qp
        return even_blocks(limbs, fewest_blocks(limbs, 8 * digits * self._N))


class DividedColumn:
    """The same of diagonals that are `divided`, with one ciphertext at a time."""

    def __init__(
        self, evaluator: Evaluator, level: int, blocks: Mapping[int, EncodedDiagonals]
    ) -> None:
        self._switcher = evaluator.switcher(level)
        self._N = N = evaluator.params.N
        self._groups = _groups(blocks)
        elements = _elements(blocks)
        moving = [element for element in elements if element != 1]
        self._keys = [evaluator.keys.for_element(element, level) for element in moving]
        self._count = count = len(elements)
        # The image of no rotation, which is the ciphertext itself, stands behind the others.
        places = {element: place for place, element in enumerate([*moving, 1])}
        self._operands = HoistedOperands.of(
            [None] * count,
            [np.zeros(self._switcher.limbs_q, dtype=np.int64)] * count,
            [galois.vector_moves(1, N)] * count,
            *_matrices(blocks, places),
            pairs=range(count),
        )

    @property
    def sums_bytes(self) -> int:
        """What `sums` gives for one ciphertext, and the baby steps."""
        return 16 * (self._operands.sums + self._count) * self._switcher.limbs_q * self._N

    def sums(
        self, inputs: Sequence[Ciphertext], name: str
    ) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """For every (output, giant step): the sum of its diagonals' products with the rotated
        inputs, (inputs, 2, limbs_Q, N), in the scratch memory called `name`.
        """
        limbs, N = self._switcher.limbs_q, self._N
        out = workspace(name, (len(inputs), self._operands.sums, 2, limbs, N))
        for x, sums in zip(inputs, out, strict=True):
            self._multiply(sums[None], x)
        return zip(self._groups, np.moveaxis(out, 1, 0), strict=True)

    def _multiply(self, out: np.ndarray, x: Ciphertext) -> None:
        switcher, operands, limbs, N = self._switcher, self._operands, len(x.data[0]), self._N
        babies = workspace("divided baby steps", (self._count, 2, limbs, N))
        moving = len(self._keys)
        if moving:
            switcher.fill_images(x.data, self._keys, babies[:moving])
        if moving < self._count:
            np.copyto(babies[moving], x.data)
        words = operands.scratch_words(1, 0, N)
        memory = workspace("hoisted product", (threads.free_threads(), words))
        no_digits = np.empty((1, 0, limbs, N), dtype=np.uint64)
        pairs = babies.reshape(1, 2 * self._count, limbs, N)
        columns = slice(0, operands.blocks_of(limbs, N))
        switcher.q.hoisted_product(out, no_digits, pairs, operands, 0, memory, columns)


def _groups(blocks: Mapping[int, EncodedDiagonals]) -> list[tuple[int, int]]:
    """The (output, giant step) of every sum."""
    return [(o, giant) for o, block in blocks.items() for giant in block.giants]


def _elements(blocks: Mapping[int, EncodedDiagonals]) -> list[int]:
    """The Galois elements of the baby steps."""
    steps = {(step, block.element(step)) for block in blocks.values() for step in block.babies}
    return [element for _, element in sorted(steps)]


def _matrices(
    blocks: Mapping[int, EncodedDiagonals], places: Mapping[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[bool]]:
    """The weights of blocks, where their sums start, the product of each term, and whether the
    weights are mirrored; places: the product of each element.
    """
    of_block = blocks.values()
    products = [
        np.take([places[block.element(step)] for step in block.babies], block.baby_of)
        for block in of_block
    ]
    return (
        [block.weights for block in of_block],
        [block.starts for block in of_block],
        products,
        [block.mirrored for block in of_block],
    )

"""One call of every operation of `LimbOps`, for tests that run them all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.hoisting import HoistedOperands, KeyOperands, VectorMoves
from ntt.limbs import LimbOps

Make = Callable[..., np.ndarray]


class Recorder:
    """Makes random arrays for `calls`, and remembers those that are written."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(5)
        self.written: list[np.ndarray] = []

    def read(self, *shape: int) -> np.ndarray:
        return self._random.integers(0, 1 << 20, shape, dtype=np.uint64)

    def write(self, *shape: int) -> np.ndarray:
        self.written.append(self.read(*shape))
        return self.written[-1]


def calls(
    ops: LimbOps, read: Make, written: Make, sources: int = 2
) -> dict[str, Callable[[], object]]:
    """A call by operation, of at least two limbs, on uint64 arrays from two makers, of shapes.

    read: makes what an operation only reads; written: the rest. Both fill with small words.
    sources: of a conversion.
    """
    N, limbs = ops.tables.N, len(ops.rows)
    rows = np.arange(limbs)
    ones = np.ones(limbs, dtype=np.uint64)
    mirrored = np.arange(N)[::-1].copy()  # as x -> x^-1 permutes
    factors = Scalars([5] * limbs, ops.moduli)
    change = BasisChange([[2] * sources] * limbs, [3] * limbs, ops.moduli)
    spans, weights = [(0, 1), (1, limbs)], [[[1, 2, 3]] * limbs] * 2
    scales = [2] * limbs
    digits = DigitChange(spans, weights, [[3] * limbs] * 2, ops.moduli, scales)
    moves = VectorMoves.of(mirrored)
    keys = [read(2, 2, limbs, N), read(3, 2, limbs + 1, N)]
    hoisted = HoistedOperands.of(
        [*keys, None],
        [rows] * 3,
        [moves] * 3,
        [read(limbs, N // 8, 3, 8)],
        [np.array([0, 2, 3])],
        [np.array([0, 1, 2])],
    )
    images = 5  # four at a time, and one
    quotients = KeyOperands.of(keys, [rows] * 2, [moves] * 2)
    division = LimbDivision(ops.moduli, 1)
    plane = limbs, N
    return {
        "forward": lambda: ops.forward(written(*plane)),
        "inverse": lambda: ops.inverse(written(*plane)),
        "add": lambda: ops.add(written(*plane), read(*plane), read(*plane)),
        "subtract": lambda: ops.subtract(written(*plane), read(*plane), read(*plane)),
        "negate": lambda: ops.negate(written(*plane), read(*plane)),
        "multiply": lambda: ops.multiply(written(*plane), read(*plane), read(*plane)),
        "multiply_add": lambda: ops.multiply_add(
            written(*plane), read(*plane), read(*plane), read(*plane)
        ),
        "multiply_scalar": lambda: ops.multiply_scalar(written(*plane), read(*plane), factors),
        "affine": lambda: ops.affine(written(*plane), read(*plane), factors, ones),
        "inverse_affine": lambda: ops.inverse_affine(
            written(*plane), read(*plane), factors, ones
        ),
        "add_scalar": lambda: ops.add_scalar(written(*plane), read(*plane), ones),
        "permute": lambda: ops.permute(written(*plane), read(*plane), mirrored),
        "permute_add": lambda: ops.permute_add(written(*plane), read(*plane), mirrored),
        "tensor": lambda: ops.tensor(written(3, *plane), read(2, *plane), read(2, *plane)),
        "gadget_product": lambda: ops.gadget_product(
            written(2, limbs + 1, N)[:, :limbs], read(2, *plane), keys[1], rows
        ),
        "hoisted_product": lambda: ops.hoisted_product(
            written(images, 2, 2, *plane),
            read(images, 2, *plane),
            read(images, 2, *plane),
            hoisted,
            0,
            written(1, hoisted.scratch_words(images, 2, N)),
            slice(0, hoisted.blocks_of(limbs, N)),
        ),
        "convert": lambda: ops.convert(written(*plane), read(sources, N), change),
        "convert_forward": lambda: ops.convert_forward(written(*plane), read(sources, N), change),
        "convert_digits": lambda: ops.convert_digits(
            written(2, *plane), read(*plane), read(*plane), 0, digits
        ),
        "divide": lambda: ops.divide(
            written(*plane), read(*plane), read(sources, N), change, factors
        ),
        "hoisted_quotients": lambda: ops.hoisted_quotients(
            written(2, 2, 1, N),
            read(2, *plane),
            read(1, N),
            quotients,
            division,
            written(1, ops.quotient_words),
            slice(0, 4),
        ),
    }

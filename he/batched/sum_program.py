"""What the kernel of weighted sums is told: weights cut into digits, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from he.batched.block_sizes import OUTPUTS

IntArray = NDArray[np.int64]

SPARE_BITS = 4
"""A digit has so many bits fewer than a sum holds, so that many terms are added between
reductions."""


@dataclass(frozen=True, eq=False)
class SumProgram:
    """The arguments of `he.batched.kernels.weighted_sums` that say what is added to what."""

    inputs: IntArray
    weights: NDArray[np.uint64]
    phases: IntArray
    tiles: IntArray


@dataclass(frozen=True)
class WeightDigits:
    """How weights are cut: `count` signed digits of `bits` bits, sums of |digit| up to `limit`.

    With `bits` = 0 weights stay whole.
    """

    bits: int
    count: int
    limit: int

    @classmethod
    def of(cls, weights: IntArray, modulus: int) -> WeightDigits:
        """Digits whose products with residues below `modulus` add up in 64 bits."""
        limit = ((1 << 63) - 1) // modulus - 1
        largest = int(np.abs(weights).max(initial=0))
        if largest <= limit >> 2:
            return cls(0, 1, limit)
        bits = limit.bit_length() - SPARE_BITS
        return cls(bits, largest.bit_length() // bits + 1, limit)

    def of_weights(self, weights: IntArray) -> Iterator[tuple[IntArray, int]]:
        """(digits, the shift of the sums before the digits are added), the highest first."""
        if not self.bits:
            yield weights, 0
            return
        half, found = 1 << (self.bits - 1), []
        for _ in range(self.count):
            low = ((weights + half) & ((1 << self.bits) - 1)) - half
            found.append(low)
            weights = (weights - low) >> self.bits
        for index, digits in enumerate(reversed(found)):
            yield digits, self.bits if index else 0

    def runs(self, digits: IntArray, shift: int) -> Iterator[tuple[int, int]]:
        """Ranges of inputs whose products can be added before the sums are reduced."""
        largest = np.abs(digits).max(axis=0).tolist()
        begin, total = 0, 1 << shift  # the sums so far take part, too
        for s, size in enumerate(largest):
            if total + size > self.limit:
                yield begin, s
                begin, total = s, 1
            total += size
        yield begin, len(largest)


class Assembly:
    """A `SumProgram` in the making: groups of outputs, each a few tiles of `OUTPUTS` sums."""

    def __init__(self, digits: WeightDigits) -> None:
        self._digits = digits
        self._inputs: list[IntArray] = []
        self._weights: list[IntArray] = []
        self._phases: list[tuple[int, int, int, int]] = []
        self._tiles: list[tuple[int, int, int, int]] = []
        self._input_count = self._weight_rows = self._outputs = 0

    def add_group(self, inputs: IntArray, table: IntArray) -> None:
        """Outputs that read the same inputs: one for each row of table (outputs, inputs)."""
        for start in range(0, len(table), OUTPUTS):
            self._add_tile(table[start : start + OUTPUTS])
        self._inputs.append(inputs)
        self._input_count += len(inputs)

    def _add_tile(self, weights: IntArray) -> None:
        begin = len(self._phases)
        if weights.size:
            for digits, shift in self._digits.of_weights(weights):
                self._add_digits(digits, shift)
        self._tiles.append((self._outputs, len(weights), begin, len(self._phases)))
        self._outputs += len(weights)

    def _add_digits(self, digits: IntArray, shift: int) -> None:
        """One digit of the weights of a tile, in as many phases as reductions are needed."""
        first = self._input_count
        for begin, end in self._digits.runs(digits, shift):
            self._phases.append((first + begin, first + end, self._weight_rows + begin, shift))
            shift = 0
        packed = np.zeros((digits.shape[1], OUTPUTS), dtype=np.int64)
        packed[:, : len(digits)] = digits.T
        self._weights.append(packed)
        self._weight_rows += len(packed)

    def program(self) -> SumProgram:
        """The program of all groups so far."""
        weights = [*self._weights, np.zeros((0, OUTPUTS), dtype=np.int64)]
        return SumProgram(
            np.concatenate(self._inputs),
            np.concatenate(weights).view(np.uint64),
            np.array(self._phases, dtype=np.int64).reshape(-1, 4),
            np.array(self._tiles, dtype=np.int64),
        )

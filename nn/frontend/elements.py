"""Tensors of a traced model as polynomials of the elements of one value of the network.

Views, slices, permutations, padding and arithmetic with constants only move elements, multiply
them, and add to them. They change an `Elements`, and become layers of the network no sooner than
another operation reads the tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.network.layers import FloatArray

IntArray = NDArray[np.int64]
Coefficient = float | FloatArray
"""One number for all elements, or an array of the tensor's shape."""
Move = Callable[[FloatArray], FloatArray]
"""Moves the elements of an array to other places; where none arrives, a zero stands."""


@dataclass(frozen=True)
class Inner:
    """A step within an operation of the model: it takes the operation's name, not its value."""

    origin: Any


def inner(origin: Any) -> Any:
    """`origin` for a tensor that is not the operation's own result."""
    return origin if isinstance(origin, Inner) else Inner(origin)


@dataclass(frozen=True, eq=False)
class Elements:
    """``tensor[s] = sum_k coefficients[k][s] base[index[s]]^k``, batch axis included.

    base: the name of a value of the network. index: of the tensor's shape; element e of image b has
    the index ``b n + e`` for values of n elements. magnitudes: the coefficients with a plus for
    every minus, so that the original model's error is at most ``gamma_operations`` times their
    polynomial of ``|base|``. origin: the operation of the model that gave the tensor.
    """

    base: str
    index: IntArray
    coefficients: tuple[Coefficient, ...]
    magnitudes: tuple[Coefficient, ...]
    operations: int
    origin: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape, batch axis included."""
        return self.index.shape

    @property
    def degree(self) -> int:
        """The highest power that may have a coefficient other than zero."""
        return len(self.coefficients) - 1

    @property
    def is_moved_only(self) -> bool:
        """Whether every element is an element of the base."""
        return _is(self.coefficients, (0.0, 1.0))

    def moved(self, move: Move, origin: Any) -> Elements:
        """The tensor with its elements moved."""
        # A zero stands where no element arrives, so elements count from 1.
        found = move((self.index + 1).astype(np.float64))
        empty = found == 0
        index = np.where(empty, 0, found - 1).astype(np.int64)
        change = _mover(move, empty)
        return replace(
            self,
            index=index,
            coefficients=tuple(map(change, self.coefficients)),
            magnitudes=tuple(map(change, self.magnitudes)),
            origin=origin,
        )

    def filled(self, move: Move, fill: float, origin: Any) -> Elements:
        """The tensor with its elements moved, and `fill` where none arrives."""
        result = self.moved(move, origin)
        if fill == 0:
            return result
        empty = move(np.ones(self.shape)) == 0
        constants = _added(result.coefficients, (np.where(empty, fill, 0.0),))
        sizes = _added(result.magnitudes, (np.where(empty, abs(fill), 0.0),))
        return replace(result, coefficients=constants, magnitudes=sizes)

    def matches(self, other: Elements) -> bool:
        """Whether both have the same element of the same base everywhere, if broadcast."""
        if self.base != other.base:
            return False
        first, second = np.broadcast_arrays(self.index, other.index)
        return np.array_equal(first, second)

    def plus(self, other: Elements, origin: Any) -> Elements:
        """The sum of two tensors that match."""
        index = np.broadcast_arrays(self.index, other.index)[0]
        return Elements(
            self.base,
            index,
            _broadcast(_added(self.coefficients, other.coefficients), index.shape),
            _broadcast(_added(self.magnitudes, other.magnitudes), index.shape),
            max(self.operations, other.operations) + 1,
            origin,
        )

    def times(self, other: Elements, origin: Any) -> Elements:
        """The product of two tensors that match."""
        index = np.broadcast_arrays(self.index, other.index)[0]
        return Elements(
            self.base,
            index,
            _broadcast(_multiplied(self.coefficients, other.coefficients), index.shape),
            _broadcast(_multiplied(self.magnitudes, other.magnitudes), index.shape),
            self.operations + other.operations + 1,
            origin,
        )

    def scaled(self, factor: FloatArray | float, origin: Any, rounded: int = 1) -> Elements:
        """The tensor times a constant, which may broadcast it; rounded: roundings of the factor."""
        return self.times(self._constant(factor), origin).rounded(rounded - 1)

    def shifted(self, constant: FloatArray | float, origin: Any) -> Elements:
        """The tensor plus a constant, which may broadcast it."""
        return self.plus(self._constant(constant), origin)

    def rounded(self, times: int) -> Elements:
        """The tensor, if the original model rounded it so many times more."""
        return replace(self, operations=self.operations + times)

    def power(self, exponent: int, origin: Any) -> Elements:
        """The tensor to a power of at least 1."""
        result = self
        for _ in range(exponent - 1):
            result = result.times(self, origin)
        return replace(result, origin=origin)

    def _constant(self, value: FloatArray | float) -> Elements:
        """A constant as a polynomial of degree 0 of this base, of the broadcast shape."""
        array = np.asarray(value, dtype=np.float64)
        if array.ndim == 0:
            number = float(array)
            return Elements(self.base, self.index, (number,), (abs(number),), 0, self.origin)
        shape = np.broadcast_shapes(array.shape, self.shape)
        index = np.broadcast_to(self.index, shape)
        if np.ptp(array) == 0:
            number = float(array.flat[0])
            return Elements(self.base, index, (number,), (abs(number),), 0, self.origin)
        full = np.broadcast_to(array, shape)
        return Elements(self.base, index, (full,), (np.abs(full),), 0, self.origin)


def elements_of(base: str, shape: tuple[int, ...], origin: Any) -> Elements:
    """The elements of the value `base` in order, as a tensor of this shape."""
    index = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    return Elements(base, index, (0.0, 1.0), (0.0, 1.0), 0, origin)


def trimmed(coefficients: tuple[Coefficient, ...]) -> tuple[Coefficient, ...]:
    """The coefficients without the highest ones that are zero everywhere; one always stays."""
    last = len(coefficients)
    while last > 1 and not np.any(coefficients[last - 1]):
        last -= 1
    return coefficients[:last]


def _mover(move: Move, empty: NDArray[np.bool_]) -> Callable[[Coefficient], Coefficient]:
    def change(coefficient: Coefficient) -> Coefficient:
        if isinstance(coefficient, np.ndarray):
            return move(np.ascontiguousarray(coefficient))
        return np.where(empty, 0.0, coefficient) if coefficient and empty.any() else coefficient

    return change


def _is(coefficients: tuple[Coefficient, ...], numbers: tuple[float, ...]) -> bool:
    found = trimmed(coefficients)
    return len(found) == len(numbers) and all(
        bool(np.all(x == y)) for x, y in zip(found, numbers, strict=True)
    )


def _added(
    left: tuple[Coefficient, ...], right: tuple[Coefficient, ...]
) -> tuple[Coefficient, ...]:
    shorter, longer = sorted((left, right), key=len)
    sums = [x + y for x, y in zip(shorter, longer, strict=False)]
    return (*sums, *longer[len(shorter) :])


def _multiplied(
    left: tuple[Coefficient, ...], right: tuple[Coefficient, ...]
) -> tuple[Coefficient, ...]:
    result: list[Coefficient] = [0.0] * (len(left) + len(right) - 1)
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            result[i + j] = result[i + j] + x * y
    return tuple(result)


def _broadcast(
    coefficients: tuple[Coefficient, ...], shape: tuple[int, ...]
) -> tuple[Coefficient, ...]:
    return tuple(
        np.broadcast_to(x, shape) if isinstance(x, np.ndarray) and x.shape != shape else x
        for x in coefficients
    )

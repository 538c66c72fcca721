"""What a client still does with the answer of a network: softmax, and several outputs.

A network gives one tensor. Where the original model had several outputs, their elements stand
behind one another; where it ended in a softmax or a sigmoid, the network ends before it, since both
are no polynomials, and a client has the logits in the clear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from he.validation import instance, items_of, whole_number
from nn.errors import ShapeError
from nn.network.layers import FloatArray, Shape
from nn.network.linear_map import check_lengths


def softmax(values: FloatArray, axis: int = -1) -> FloatArray:
    """``exp(x_k) / sum_j exp(x_j)`` along an axis."""
    powers: FloatArray = np.exp(values - values.max(axis=axis, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def log_softmax(values: FloatArray, axis: int = -1) -> FloatArray:
    """``x_k - log sum_j exp(x_j)`` along an axis."""
    shifted = values - values.max(axis=axis, keepdims=True)
    result: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return result


def sigmoid(values: FloatArray, axis: int = -1) -> FloatArray:
    """``1 / (1 + exp(-x))``, elementwise."""
    result: FloatArray = np.exp(-np.logaddexp(0, -values))
    return result


def _unchanged(values: FloatArray, axis: int = -1) -> FloatArray:
    return values


FINISHES: Mapping[str, Callable[[FloatArray, int], FloatArray]] = MappingProxyType(
    {"": _unchanged, "softmax": softmax, "log_softmax": log_softmax, "sigmoid": sigmoid}
)
"""What a client can do with an output, by name; "" is nothing."""


@dataclass(frozen=True)
class Answer:
    """One output of the original model: its shape without the batch axis, and what finishes it.

    finish: a name of `FINISHES`. axis: along which a softmax goes, counted without the batch axis.
    """

    shape: Shape
    finish: str = ""
    axis: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_lengths(self.shape, "the shape of an answer"))
        if instance(self.finish, str, "finish") not in FINISHES:
            raise ShapeError(f"there is no finish {self.finish!r}; there are {', '.join(FINISHES)}")
        most = len(self.shape) - 1
        object.__setattr__(self, "axis", whole_number(self.axis, "axis", 0, most))

    @property
    def size(self) -> int:
        """Elements of the output."""
        return math.prod(self.shape)

    @property
    def item(self) -> list[object]:
        """The answer in plain data; `read_answers` reads a list of them."""
        return [list(self.shape), self.finish, self.axis]


def read_answers(items: object) -> tuple[Answer, ...]:
    """The answers of plain data; raises `NetworkError` or `he.HEError` for anything else."""
    found = []
    for item in items_of(items, "answers"):
        parts = list(items_of(item, "an answer"))
        if len(parts) != 3:
            raise ShapeError(f"an answer is {item!r}; a shape, a finish and an axis are needed")
        found.append(Answer(*parts))
    return tuple(found)


def check_answers(answers: Sequence[Answer], size: int) -> tuple[Answer, ...]:
    """`answers` as a tuple; raises `ShapeError` unless they take `size` elements together."""
    found = tuple(instance(x, Answer, "an answer") for x in items_of(answers, "answers"))
    if found and sum(answer.size for answer in found) != size:
        raise ShapeError(
            f"answers of {[answer.shape for answer in found]} do not share out {size} elements"
        )
    return found


def finished(answers: Sequence[Answer], logits: ArrayLike) -> FloatArray | tuple[FloatArray, ...]:
    """The outputs of the original model from the logits (B, ...) of its network.

    One array (B, *shape) for one output or none stated, a tuple of arrays for several. Raises
    `ShapeError` for another number of logits.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not answers:
        return values
    flat = values.reshape(len(values), -1)
    size = sum(answer.size for answer in answers)
    if flat.shape[1] != size:
        raise ShapeError(f"logits have shape {values.shape}; (B, ...) with {size} each are needed")
    parts, start = [], 0
    for answer in answers:
        part = flat[:, start : start + answer.size].reshape(-1, *answer.shape)
        parts.append(FINISHES[answer.finish](part, answer.axis + 1))
        start += answer.size
    return parts[0] if len(parts) == 1 else tuple(parts)

"""What ciphertexts of every scheme have in common: shape, and operators that ask an evaluator."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

import numpy as np

from he.errors import NoEvaluatorError
from he.rlwe.serializable import Serializable

Evaluator = TypeVar("Evaluator")


class EncryptedValue(Serializable, Generic[Evaluator]):
    """A ciphertext, data (parts, level + 1, N), that may have an evaluator attached."""

    data: np.ndarray
    _evaluator: Evaluator | None

    # NumPy arrays then leave ``array * ciphertext`` to the methods below.
    __array_ufunc__ = None

    @property
    def level(self) -> int:
        """Index of the last limb of Q."""
        return int(self.data.shape[-2]) - 1

    @property
    def parts(self) -> int:
        """Number of polynomials: 2, or 3 before relinearization."""
        return int(self.data.shape[0])

    @property
    def evaluator(self) -> Evaluator:
        """The attached evaluator; raises `NoEvaluatorError` when there is none."""
        if self._evaluator is None:
            raise NoEvaluatorError(
                "this ciphertext has no evaluator, so Python operators cannot act on it: "
                "call evaluator.attach(ciphertext) first, or evaluator.add(..) and the like"
            )
        return self._evaluator

    def _by(self, operation: str, *operands: Any) -> Self:
        result: Self = getattr(self.evaluator, operation)(*operands)
        return result

    def __add__(self, other: Any) -> Self:
        return self._by("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        return self._by("subtract", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._by("add", -self, other)

    def __neg__(self) -> Self:
        return self._by("negate", self)

    def __mul__(self, other: Any) -> Self:
        return self._by("multiply", self, other)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Self:
        return self._by("power", self, exponent)

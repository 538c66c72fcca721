"""What the results of a CKKS evaluator are: ciphertexts of its parameters, noted by a tracer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.params import CKKSParameters
from he.ckks.scales import checked_scale
from he.rlwe.array_checks import check_polynomials
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.evaluator import SharedEvaluator
from he.rlwe.operand_checks import check_owner
from he.trace import Tracer
from he.validation import instance


class RecordedEvaluator(SharedEvaluator[CKKSParameters, Ciphertext]):
    """Parameters, keys, and a tracer that takes note of every result."""

    _kind_of_parameters = CKKSParameters
    _kind_of_ciphertexts = Ciphertext

    def __init__(
        self, params: CKKSParameters, keys: EvaluationKeys | None, tracer: Tracer | None
    ) -> None:
        super().__init__(params, keys)
        self.tracer = None if tracer is None else instance(tracer, Tracer, "the tracer")

    def attach(self, a: Ciphertext) -> Ciphertext:
        """The same ciphertext with this evaluator, so that Python operators act on it."""
        check_owner(self.params, a, Ciphertext)
        return Ciphertext.unchecked(**{**a.__dict__, "_evaluator": self})

    def result(self, data: np.ndarray, scale: float, level: int | None = None) -> Ciphertext:
        """A ciphertext of this evaluator, for those who extend it; residues are not looked at.

        level: None is the only one of so many limbs. Raises as `Ciphertext`.
        """
        params = self.params
        level = check_polynomials(params, data, (2, 3), "a result", level)
        return self._made(data, checked_scale(params, level, scale), level)

    def _made(self, data: np.ndarray, scale: float, level: int) -> Ciphertext:
        return Ciphertext.unchecked(
            params=self.params, data=data, scale=scale, seed=None, level=level, _evaluator=self
        )

    def _recorded(
        self,
        kind: str,
        operands: Sequence[Ciphertext],
        data: np.ndarray,
        scale: float,
        level: int | None = None,
        **details: Any,
    ) -> Ciphertext:
        """The result of an operation, of which a tracer takes note (see `Tracer.record`).

        level: of the result; None is that of the operands.
        """
        at = operands[0].level
        level = at if level is None else level
        self.note(kind, at, [x.data for x in operands], data, to_level=level, **details)
        return self._made(data, scale, level)

    def note(
        self,
        kind: str,
        level: int,
        operands: Sequence[np.ndarray],
        data: np.ndarray,
        **details: Any,
    ) -> None:
        """Tell the tracer, if there is one, that `data` was computed or changed in place."""
        if self.tracer is not None:
            self.tracer.record(kind, level, operands, [data], **details)

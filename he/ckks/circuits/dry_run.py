"""Evaluators that compute nothing: for the trace of a circuit without keys, messages or time.

The code that runs is that of a real evaluation. Keys and encoded numbers have shapes and no values,
and kernels leave their output as it is. Memory that is never written takes no place.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.circuits.bsgs import BabyGiant
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import EncodedDiagonals, with_weights
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey
from he.rlwe.rns import KernelsOfRows, RNSContext, context
from he.trace import Tracer
from ntt.caching import Made
from ntt.limbs import LimbOps
from ntt.memory import large_array

_KERNELS = (
    "forward", "inverse", "add", "subtract", "negate", "multiply", "multiply_add",
    "multiply_scalar", "affine", "inverse_affine", "add_scalar", "permute", "permute_add",
    "tensor", "gadget_product", "hoisted_product", "convert", "convert_forward",
    "convert_digits", "divide", "hoisted_quotients",
)  # fmt: skip


D = TypeVar("D", bound=EncodedDiagonals)


def dry_evaluator(params: CKKSParameters, needs: KeyNeeds, tracer: Tracer) -> Evaluator:
    """An evaluator with keys for `needs` whose operations are traced and compute nothing.

    Its encoder makes plaintexts without values.
    """
    evaluator = Evaluator(params, _keys(params, needs), tracer)
    evaluator.context = _StillContext(params)
    evaluator.encoder = DryEncoder(params)
    return evaluator


def dry_ciphertext(params: CKKSParameters, level: int) -> Ciphertext:
    """A ciphertext at a level, at its canonical scale, of memory that nobody writes."""
    return Ciphertext.unchecked(
        params=params,
        data=large_array((2, params.levels[level].limbs, params.N)),
        scale=params.scales[level],
        seed=None,
        level=level,
        _evaluator=None,
    )


def dry_diagonals(
    kind: type[D],
    params: CKKSParameters,
    level: int,
    plan: BabyGiant,
    factor: float | None = None,
    divided: bool = False,
) -> D:
    """Encoded diagonals of the plan's shifts, without values; the rest as in `EncodedDiagonals`."""
    nothing = np.zeros(1)
    shifts = {shift: nothing for _, _, shift in plan.terms}
    return without_values(kind, ArrangedDiagonals.of(params, shifts, level, plan, factor, divided))


def without_values(kind: type[D], arranged: ArrangedDiagonals) -> D:
    """Arranged diagonals as a `kind` of encoded diagonals, without values."""
    made = with_weights(kind, arranged, np.empty(arranged.shape, dtype=np.uint64))
    shape = (len(arranged.vectors), arranged.shape[0], arranged.params.N)
    made.__dict__["diagonals"] = no_values(shape)
    return made


def no_values(shape: tuple[int, ...]) -> np.ndarray:
    """One word that stands for all words of an array."""
    return np.broadcast_to(np.uint64(0), shape)


class DryEncoder(Encoder):
    """An encoder of plaintexts without values."""

    def encode(self, values: Any, level: Any = None, scale: Any = None) -> Plaintext:
        """A plaintext of this level (default: the top) and scale (default: its canonical one)."""
        level = self.params.max_level if level is None else level
        scale = self.params.scales[level] if scale is None else scale
        data = no_values((self.params.levels[level].limbs, self.params.N))
        return Plaintext.unchecked(params=self.params, data=data, scale=scale, level=level)


class _StillOps(LimbOps):
    """Kernels that leave their output as it is."""


def _untouched(ops: LimbOps, out: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
    return out


for _name in _KERNELS:
    setattr(_StillOps, _name, _untouched)


class _StillKernels(KernelsOfRows):
    def __call__(self, rows: tuple[int, ...]) -> LimbOps:
        return _StillOps(self.tables, np.array(rows, dtype=np.int64))


class _StillContext(RNSContext):
    """A context whose kernels, and companions, leave their output as it is."""

    def __init__(self, params: CKKSParameters) -> None:
        real = context(params)
        self.params, self.all_rows, self.tables = params, real.all_rows, real.tables
        self.limbs = _StillKernels(real.tables)
        self._made = Made()

    def companion(self, make: Any, *key: int) -> Any:
        """What takes the parameters, an operand and the output."""
        return lambda params, x, out: out


def _keys(params: CKKSParameters, needs: KeyNeeds) -> EvaluationKeys:
    """The keys that are needed, all of them in one memory that nobody writes."""
    pairs = needs.made(params)
    shapes = [
        (params.digits(level), 2, len(context(params).qp(level).moduli), params.N)
        for _, level in pairs
    ]
    memory = np.empty(max(map(math.prod, shapes), default=0), dtype=np.uint64)
    return EvaluationKeys.of(
        params,
        [
            KeySwitchingKey.unchecked(
                params=params,
                level=level,
                element=element,
                data=memory[: math.prod(shape)].reshape(shape),
                seed=None,
            )
            for (element, level), shape in zip(pairs, shapes, strict=True)
        ],
    )

"""The trace of a bootstrap without keys, messages or arithmetic: what it does at any ring degree.

The code is that of a bootstrap. Its keys and matrices have shapes and no values, and its kernels
leave their output as it is. Memory that is never written takes no place.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.slot_transforms import (
    ConjugatingTransform,
    SlotMap,
    SlotTransform,
    SteppedTransform,
)
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.circuits.diagonals import with_weights
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keys import KeySwitchingKey
from he.rlwe.rns import KernelsOfRows, RNSContext, context
from he.trace import OpTrace, Tracer
from ntt.caching import Made
from ntt.limbs import LimbOps
from ntt.memory import large_array

_KERNELS = (
    "forward", "inverse", "add", "subtract", "negate", "multiply", "multiply_add",
    "multiply_scalar", "affine", "inverse_affine", "add_scalar", "permute", "permute_add",
    "tensor", "gadget_product", "hoisted_product", "convert", "convert_forward",
    "convert_digits", "divide", "hoisted_quotients",
)  # fmt: skip


def bootstrap_trace(params: CKKSParameters, title: str = "bootstrap") -> OpTrace:
    """The trace of one bootstrap at its lowest level; its layers are `Bootstrapper.step_names`.

    The operations are those of a traced run with the keys of `Bootstrapper.needs`. Raises
    `ParameterError` for parameters without a bootstrap.
    """
    bootstrapper = _Unencoded(params)
    tracer = Tracer(params, title)
    evaluator = Evaluator(params, _keys(bootstrapper), tracer)
    evaluator.context = _StillContext(params)
    level = bootstrapper.input_level
    x = Ciphertext.unchecked(
        params=params,
        data=large_array((2, params.levels[level].limbs, params.N)),
        scale=params.scales[level],
        seed=None,
        level=level,
        _evaluator=None,
    )
    tracer.input(x.data)
    steps = bootstrapper.steps(evaluator, x)
    for name in bootstrapper.step_names:
        tracer.layer = name
        _, x = next(steps)
    tracer.output(x.data)
    return tracer.trace()


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


class _Unencoded(Bootstrapper):
    """A bootstrapper whose matrices have no values."""

    @functools.cached_property
    def _to_coefficients_map(self) -> SlotMap:
        return SlotMap(_unencoded(transform) for transform in self._cts)

    @functools.cached_property
    def _to_slots_map(self) -> SlotMap:
        return SlotMap(_unencoded(transform) for transform in self._stc)


class _StillEncoder(Encoder):
    """An encoder of plaintexts without values."""

    def encode(self, values: Any, level: Any = None, scale: Any = None) -> Plaintext:
        """A plaintext of this level and scale."""
        data = _no_values((self.params.levels[level].limbs, self.params.N))
        return Plaintext.unchecked(params=self.params, data=data, scale=scale, level=level)


def _unencoded(transform: SlotTransform) -> ConjugatingTransform | SteppedTransform:
    params = transform.params
    if transform.small_keys:
        return transform.encode(_StillEncoder(params))
    arranged = transform.arranged()
    made = with_weights(ConjugatingTransform, arranged, np.empty(arranged.shape, dtype=np.uint64))
    shape = (len(arranged.vectors), arranged.shape[0], params.N)
    made.__dict__["diagonals"] = _no_values(shape)
    return made


def _no_values(shape: tuple[int, ...]) -> np.ndarray:
    """One word that stands for all words of an array."""
    return np.broadcast_to(np.uint64(0), shape)


def _keys(bootstrapper: Bootstrapper) -> EvaluationKeys:
    """The keys that are needed, all of them in one memory that nobody writes."""
    params = bootstrapper.params
    pairs = bootstrapper.needs.made(params)
    shapes = [
        (params.digits(level), 2, len(context(params).qp(level).moduli), params.N)
        for _, level in pairs
    ]
    memory = np.empty(max(map(math.prod, shapes)), dtype=np.uint64)
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

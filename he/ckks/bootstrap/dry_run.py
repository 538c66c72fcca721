"""The trace of a bootstrap without keys, messages or arithmetic: what it does at any ring degree.

The code is that of a bootstrap, with an evaluator of `he.ckks.circuits.dry_run`.
"""

from __future__ import annotations

import functools

from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.slot_transforms import (
    ConjugatingTransform,
    SlotMap,
    SlotTransform,
)
from he.ckks.bootstrap.stepped import SteppedTransform
from he.ckks.circuits.dry_run import dry_ciphertext, dry_evaluator, no_values, without_values
from he.ckks.params import CKKSParameters
from he.trace import OpTrace, Tracer


def bootstrap_trace(params: CKKSParameters, title: str = "bootstrap") -> OpTrace:
    """The trace of one bootstrap at its lowest level; its layers are `Bootstrapper.step_names`.

    The operations are those of a traced run with the keys of `Bootstrapper.needs`. Raises
    `ParameterError` for parameters without a bootstrap.
    """
    bootstrapper = DryBootstrapper(params)
    tracer = Tracer(params, title)
    evaluator = dry_evaluator(params, bootstrapper.needs, tracer)
    x = dry_ciphertext(params, bootstrapper.input_level)
    tracer.input(x.data)
    steps = bootstrapper.steps(evaluator, x)
    for name in bootstrapper.step_names:
        tracer.layer = name
        _, x = next(steps)
    tracer.output(x.data)
    return tracer.trace()


class DryBootstrapper(Bootstrapper):
    """A bootstrapper whose matrices have no values."""

    @functools.cached_property
    def _to_coefficients_map(self) -> SlotMap:
        return SlotMap([_unencoded(one) for one in self._cts], self._cts_turn)

    @functools.cached_property
    def _to_slots_map(self) -> SlotMap:
        return SlotMap([_unencoded(one) for one in self._stc], self._stc_turn)


def _unencoded(transform: SlotTransform) -> ConjugatingTransform | SteppedTransform:
    if transform.keys != "fast":
        return transform.stepped(lambda _, shape: no_values(shape))
    return without_values(ConjugatingTransform, transform.arranged())

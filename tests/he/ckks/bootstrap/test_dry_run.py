"""Traces of bootstraps that never ran: those of bootstraps that did."""

from __future__ import annotations

from typing import Any

import pytest

import he
from he.ckks.bootstrap.dry_run import bootstrap_trace
from he.trace import Tracer
from tests.he.ckks.bootstrap.refreshing import REASON, refreshing

OPTIONS: dict[str, dict[str, Any]] = {
    "slots first": {},
    "modulus first": {"slots_first": False},
    "small keys": {"small_keys": True},
    "two passes": {"iterations": 2},
    "sparse and real": {"slots": 16, "real": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_bootstrap_trace__is_that_of_a_run(options: dict[str, Any]) -> None:
    it = refreshing(**{"N": 256, "precision_bits": 8, **options})
    needed = he.KeyGenerator(it.params).evaluation_keys(it.secret, it.bootstrapper.needs)
    x = it.encrypted(it.messages(1))
    tracer = Tracer(it.params, "bootstrap")
    tracer.input(x.data)
    steps = it.bootstrapper.steps(he.Evaluator(it.params, needed, tracer), x)
    for name in it.bootstrapper.step_names:
        tracer.layer = name
        _, x = next(steps)
    tracer.output(x.data)
    assert bootstrap_trace(it.params) == tracer.trace()


def test_bootstrap_trace__without_a_bootstrap() -> None:
    params = he.CKKSParameters.build(1, N=64, scale_bits=30, insecure_reason=REASON)
    with pytest.raises(he.ParameterError, match="no levels for a bootstrap"):
        bootstrap_trace(params)

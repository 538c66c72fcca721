"""A thousand bootstraps: none is further off than was promised."""

from __future__ import annotations

import numpy as np
import pytest

from tests.he.ckks.bootstrap.refreshing import refreshing

CASES = {
    "complex": {"precision_bits": 12},
    "sparse and real": {"precision_bits": 12, "slots": 32, "real": True},
    "modulus first": {"precision_bits": 8, "slots_first": False},
    "two passes": {"precision_bits": 30, "scale_bits": 48, "N": 1 << 9, "iterations": 2},
    "inverse sine": {"precision_bits": 18, "scale_bits": 40},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_apply__is_never_further_off_than_promised(options: dict[str, float]) -> None:
    it = refreshing(**options)  # type: ignore[arg-type]
    n = it.bootstrapper.circuit.slots
    promised = it.bootstrapper.error.within()
    ones = np.ones(n)
    random = np.random.default_rng(1)
    worst = 0.0
    for number in range(250):
        messages = [
            it.messages(number),
            random.choice([-1.0, 1.0], n),
            ones,
            0 * ones,
            np.cumprod(-ones),
            ones * (np.arange(n) == number % n),
        ]
        x = it.encrypted(messages[number % len(messages)])
        worst = max(worst, it.error(x, it.bootstrapper.apply(it.evaluator, x)))
    # A promise that is ten times too careful would promise nothing.
    assert promised / 10 <= worst <= promised

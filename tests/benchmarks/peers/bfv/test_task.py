"""The BFV task: values of the whole plain modulus, and an equal chain for every library."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.operations.bfv import CASES
from benchmarks.peers.bfv.task import PLAIN_MODULUS, BFVCase, own_parameters, seal_sizes

CASE = BFVCase(1 << 13, 2)


def test_case__values_use_the_whole_plain_modulus() -> None:
    first, second = CASE.values
    for values in (first, second):
        assert values.shape == (CASE.N,)
        assert values.min() >= -(PLAIN_MODULUS // 2)
        assert values.max() <= PLAIN_MODULUS // 2
        # 8192 draws miss the outer tenth with probability 0.9^8192.
        assert values.max() > 0.9 * (PLAIN_MODULUS // 2)
    assert (first != second).any()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.N}-{case.depth}")
def test_seal_sizes__as_many_bits_as_ours_but_the_spare_in_fewest_primes(case: BFVCase) -> None:
    own = own_parameters(case)
    *q, special = seal_sizes(case)
    assert own.security_estimate >= 128
    assert sum(q) + case.depth == np.ceil(own.log_q(own.max_level))
    assert 60 * (len(q) - 1) < sum(q) <= 60 * len(q)
    assert special == max(q)

"""What a plan states of the bootstrap of its parameters."""

from __future__ import annotations

import functools
from typing import NamedTuple

from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.params import CKKSParameters
from he.rlwe.key_needs import KeyNeeds


class BootstrapFacts(NamedTuple):
    """needs: the keys. start, refreshed: the levels where it begins and ends. precision_bits,
    failure_probability, weight_bytes: as `he.Bootstrapper` has them.
    """

    needs: KeyNeeds
    start: int
    refreshed: int
    precision_bits: float
    failure_probability: float
    weight_bytes: int


@functools.lru_cache(maxsize=8)
def bootstrap_facts(params: CKKSParameters) -> BootstrapFacts:
    """The facts, kept for the last parameter sets; raises `he.ParameterError` for others."""
    made = Bootstrapper(params)
    return BootstrapFacts(
        made.needs,
        made.input_level,
        made.output_level,
        made.precision_bits,
        made.failure_probability,
        made.weight_bytes,
    )

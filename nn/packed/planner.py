"""From a network to an `InferencePlan`, before any key exists."""

from __future__ import annotations

from nn.inference.options import PlanOptions
from nn.inference.search import (
    DEFAULT_PRECISION_BITS,
    Circuit,
    PlanningError,
    first_prime_bits,
    search,
)
from nn.network.graph import INPUT, Network
from nn.packed.bootstrap_planner import plan_with_bootstraps
from nn.packed.late_planner import late_candidate
from nn.packed.packed_circuit import Candidate, PackedCircuit
from nn.packed.packed_network import pack_network
from nn.packed.plan import InferencePlan
from nn.stages.levels import levels_above_answer
from nn.stages.rewriting import rewrite

GROWTH_PRECISION_BITS = 8.0
"""The default precision where the growth of errors is known: it makes bounds two bits tighter."""


LEAST_DEPTH = 10
"""A refused network of fewer levels is not tried with bootstraps: depth is not what it fails at."""


def plan_packed(network: Network, options: PlanOptions) -> InferencePlan:
    """The plan with the smallest ring that gives the precision, and of the least work in it.

    A network that no ring's levels hold gets bootstraps, unless the options exclude them; with
    ``options.bootstrap`` any network gets them.

    Raises `PlanningError` when nothing fits, with the best precision that was found.
    """
    default = GROWTH_PRECISION_BITS if network.knows_growth else DEFAULT_PRECISION_BITS
    if options.bootstrap and (plan := plan_with_bootstraps(network, options, default)):
        return plan
    stages = rewrite(network)
    depth = levels_above_answer(stages)[INPUT]

    def circuit_at(N: int) -> Circuit[Candidate]:
        circuit = PackedCircuit(network, pack_network(stages, N // 2))
        bits = first_prime_bits(network.name, circuit.magnitudes)
        calibrated = network.statistics is not None
        return Circuit(
            circuit.levels[INPUT],
            bits,
            circuit.candidate,
            calibrated,
            circuit.work,
            circuit.key_bytes,
            [level for _, level in circuit.used(N)],
        )

    try:
        found = search(
            network.name, circuit_at, options, least_depth=depth, default_bits=default
        )
    except PlanningError as refusal:
        may_bootstrap = options.bootstrap is None and options.dnum is None
        may_bootstrap = may_bootstrap and options.word_bits is None
        if not may_bootstrap or depth < LEAST_DEPTH:
            raise
        try:
            plan = plan_with_bootstraps(network, options, default)
        except PlanningError as problem:
            raise PlanningError(f"{refusal}; with bootstraps: {problem}") from problem
        if plan is None:
            raise
        return plan
    return (late_candidate(found, options, default) or found).plan()

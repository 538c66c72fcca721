"""The packed network of a plan that was read from bytes, which hold no weights."""

from __future__ import annotations

from nn.errors import NetworkError
from nn.network.graph import Network
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.packed.packed_network import PackedStage, pack_network
from nn.packed.placement import SUFFIX, with_bootstraps
from nn.packed.plan import InferencePlan
from nn.stages.rewriting import rewrite


def packed_for(plan: InferencePlan, network: Network) -> tuple[PackedStage, ...]:
    """The network that the plan was compiled for, packed again, with the plan's bootstraps.

    Raises `NetworkError` for a plan whose stages are not those of the network.
    """
    made = pack_network(rewrite(network, bounded=bool(plan.bootstraps)), plan.params.slots)
    starts = {stage.name: stage.level_in for stage in plan.stages if stage.kind != "bootstrap"}
    if starts.keys() != {item.name for item in made}:
        raise NetworkError(
            f"the plan for {plan.network!r} has other stages than this release packs: compile the "
            f"network again"
        )
    if not plan.bootstraps:
        return tuple(made)
    refreshed = {
        stage.name.removesuffix(SUFFIX) for stage in plan.stages if stage.kind == "bootstrap"
    }
    if not refreshed <= starts.keys():
        raise NetworkError(f"the plan for {plan.network!r} refreshes values that there are not")
    facts = bootstrap_facts(plan.params)
    return tuple(with_bootstraps(made, starts, refreshed, facts.start, facts.refreshed))

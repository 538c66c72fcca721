"""The packed network of a plan that was read from bytes, which hold no weights."""

from __future__ import annotations

from collections.abc import Sequence

from he.ckks.params import CKKSParameters
from nn.errors import NetworkError
from nn.network.graph import Network
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.packed.packed_network import PackedStage, pack_network
from nn.packed.placement import SUFFIX, with_bootstraps
from nn.packed.stage_plan import StagePlan
from nn.stages.rewriting import rewrite


def packed_for(
    params: CKKSParameters, stages: Sequence[StagePlan], network: Network
) -> tuple[PackedStage, ...]:
    """The network that a plan was compiled for, packed again, with the plan's bootstraps.

    stages: the plan's. Raises `NetworkError` where they are not those of the network.
    """
    bootstraps = params.bootstrap is not None
    made = pack_network(rewrite(network, bounded=bootstraps), params.slots)
    starts = {stage.name: stage.level_in for stage in stages if stage.kind != "bootstrap"}
    refreshed = {
        stage.name.removesuffix(SUFFIX) for stage in stages if stage.kind == "bootstrap"
    }
    if starts.keys() != {item.name for item in made} or not refreshed <= starts.keys():
        raise NetworkError(
            f"the plan for {network.name!r} has other stages than this release makes of the "
            f"network: compile it again"
        )
    if not bootstraps:
        return tuple(made)
    facts = bootstrap_facts(params)
    return tuple(with_bootstraps(made, starts, refreshed, facts.start, facts.refreshed))

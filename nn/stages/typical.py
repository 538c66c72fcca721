"""Typical values of every stage: where slopes are taken when no image is at hand.

Each element of each value has the size of its root mean square over the calibration images, with a
random sign. No image has these values, and they need not fit together. They say how errors share
out among the elements. How large the errors get is known apart: `ErrorGrowth` has the largest of
all calibration images, and `Growth` its ratio to the growth at the typical values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nn.network.error_growth import ErrorGrowth, growth_at
from nn.network.folding import fold_batch_norms
from nn.network.graph import INPUT, Network
from nn.network.layers import Flatten, FloatArray
from nn.network.linear_map import Reshape
from nn.stages.stage import Stage

_SEED = 0


class Growth(NamedTuple):
    """What errors at a value of an image have more than errors at its typical values.

    gains: ``(answers,)`` or one number, of an answer's squared derivatives. carried: of the
    variance of the value's error.
    """

    gains: FloatArray | float = 1.0
    carried: float = 1.0

    def of_answers(self, answers: np.ndarray) -> Growth:
        """The growth for the answers with these indices."""
        if isinstance(self.gains, float):
            return self
        return self._replace(gains=self.gains[answers])


@dataclass(frozen=True, eq=False)
class TypicalValues:
    """values: of every stage and of "input", by name, ``(1, size)``. growth: of each."""

    values: Mapping[str, FloatArray]
    growth: Mapping[str, Growth]


def typical_values(network: Network, stages: Sequence[Stage]) -> TypicalValues:
    """The typical values of the stages that a network was rewritten to.

    The network must know the growth of errors.
    """
    folded = fold_batch_norms(network)
    assert folded.statistics is not None
    rng = np.random.default_rng(_SEED)
    values = {
        name: (found.rms * rng.choice([-1.0, 1.0], found.rms.shape))[None]
        for name, found in folded.statistics.items()
    }
    for node in folded.nodes:
        if isinstance(node.layer, (Flatten, Reshape)):  # its elements are those of what it reads
            values[node.name] = values[node.inputs[0]].reshape(values[node.name].shape)
    here = growth_at(folded.nodes, {name: values[name] for name in folded.shapes})
    growth = {}
    for name, found in folded.statistics.items():
        assert found.growth is not None
        growth[name] = _ratio(found.growth, here[name])
    by_stage = {
        stage.name: stage.scale * values[stage.node].reshape(1, -1) + stage.shift
        for stage in stages
    }
    return TypicalValues(
        {INPUT: values[INPUT].reshape(1, -1)} | by_stage,
        {INPUT: growth[INPUT]} | {stage.name: growth[stage.node] for stage in stages},
    )


def _ratio(largest: ErrorGrowth, here: ErrorGrowth) -> Growth:
    """The quotients; infinite where the typical values let nothing through, and images do."""
    gains = np.full(here.gains.shape, math.inf)
    np.divide(largest.gains, here.gains, out=gains, where=here.gains > 0)
    gains[(here.gains == 0) & (largest.gains == 0)] = 1.0
    # Copies of an element in several slots have errors apart, which share some paths.
    return Growth(gains.max(axis=0), largest.carried / here.carried)

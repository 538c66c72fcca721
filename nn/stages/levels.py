"""The level of every value of a list of stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nn.network.graph import INPUT
from nn.stages.stage import Stage


def start_level(stage: Stage, levels: Mapping[str, int]) -> int:
    """The level at which a stage runs: its inputs are there, or are moved there.

    levels: of every stage's value.
    """
    return levels[stage.name] + stage.levels


def levels_above_answer(stages: Iterable[Stage]) -> dict[str, int]:
    """The level of every stage's value, and of "input", by name; the answer's is 0."""
    below = {INPUT: 0}
    for stage in stages:
        below[stage.name] = max(below[name] for name in stage.inputs) + stage.levels
    depth = max(below.values())
    return {name: depth - taken for name, taken in below.items()}

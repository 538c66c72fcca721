"""The level of every value of a list of stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nn.network.graph import INPUT
from nn.stages.stage import AddStage, AffineStage, SquareStage, Stage


def start_level(stage: Stage, levels: Mapping[str, int]) -> int:
    """The level at which a stage runs: its inputs are there, or are moved there.

    levels: of every stage's value. A square that is not rescaled stays at the level of its input.
    """
    if isinstance(stage, SquareStage) and levels[stage.name] == levels[stage.input]:
        return levels[stage.name]
    return levels[stage.name] + stage.levels


def product_levels(level_in: int, level_out: int) -> range:
    """The levels at which products of an elementwise stage may be relinearized.

    A square that is not rescaled stays at its level; else each product takes a level.
    """
    return range(level_out + (level_out < level_in), level_in + 1)


def levels_above_answer(stages: Iterable[Stage]) -> dict[str, int]:
    """The level of every stage's value, and of "input", by name; the answer's is 0."""
    below = {INPUT: 0}
    for stage in stages:
        below[stage.name] = max(below[name] for name in stage.inputs) + stage.levels
    depth = max(below.values())
    return {name: depth - taken for name, taken in below.items()}


def late_levels(stages: Sequence[Stage]) -> dict[str, int] | None:
    """The same where squares are not rescaled: the affine map behind one divides by both factors.

    A square keeps the level of its input, and has the square of its scale. An affine map takes a
    level; so does a sum for the way to each square that it reads. None for networks with other
    stages, with a square as their answer, with a square of a square or of the input, or with a sum
    that stands below all its inputs.
    """
    squares = {stage.name for stage in stages if isinstance(stage, SquareStage)}
    below = {INPUT: 0}
    for stage in stages:
        if isinstance(stage, SquareStage):
            if stage.input in squares | {INPUT}:
                return None
            below[stage.name] = below[stage.input]
        elif isinstance(stage, AffineStage | AddStage):
            below[stage.name] = max(
                below[name] + (isinstance(stage, AffineStage) or name in squares)
                for name in stage.inputs
            )
            lowest = max(below[name] for name in stage.inputs)
            if isinstance(stage, AddStage) and below[stage.name] != lowest:
                return None
        else:
            return None
    if not squares or stages[-1].name in squares:
        return None
    depth = max(below.values())
    return {name: depth - taken for name, taken in below.items()}


def kept_squares(stages: Iterable[Stage], levels: Mapping[str, int]) -> frozenset[str]:
    """The squares that are not rescaled: they stand at the level of their input."""
    return frozenset(
        stage.name
        for stage in stages
        if isinstance(stage, SquareStage) and levels[stage.name] == levels[stage.input]
    )

"""The affine stages around a polynomial, which can take in factors and constants at no cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nn.network.layers import FloatArray
from nn.stages.stage import AffineStage, Stage


def only_producer(made: Sequence[Stage], stage: Stage) -> int | None:
    """The index of the affine stage that no other stage than `stage` reads; None if none is."""
    (name,) = stage.inputs
    if sum(name in other.inputs for other in made) != 1:
        return None
    for index, other in enumerate(made):
        if other.name == name and isinstance(other, AffineStage):
            return index
    return None


def scale_outputs(made: list[Stage], index: int, scale: FloatArray, shift: FloatArray) -> None:
    """Let the affine stage at `index` compute ``scale * value + shift`` in place of its value."""
    stage = made[index]
    assert isinstance(stage, AffineStage)
    made[index] = replace(
        stage, affine=stage.affine.scale_outputs(scale, shift), scale=scale, shift=shift
    )


def scale_inputs(
    made: list[Stage], readers: Sequence[int], name: str, scale: FloatArray, shift: FloatArray
) -> None:
    """Let the `readers` of the stage `name` read ``scale * value + shift`` in its place."""
    for index in readers:
        stage = made[index]
        assert isinstance(stage, AffineStage)
        assert stage.input == name
        made[index] = replace(stage, affine=stage.affine.scale_inputs(scale, shift))

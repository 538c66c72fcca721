"""Networks in the clear, stage by stage: the slow twins of encrypted runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.packed_network import PackedStage, network_input_layout, slot_polynomials
from nn.stages.stage import ProductStage, SquareStage, Stage


def evaluate(stages: Sequence[Stage], images: ArrayLike) -> dict[str, FloatArray]:
    """Every stage's value, ``(B, size)``, "input" included, for a batch of images ``(B, ...)``."""
    batch = np.asarray(images, dtype=np.float64)
    values = {INPUT: batch.reshape(len(batch), -1)}
    for stage in stages:
        values[stage.name] = stage.evaluate(*(values[name] for name in stage.inputs))
    return values


def evaluate_packed(packed: Sequence[PackedStage], images: ArrayLike) -> dict[str, FloatArray]:
    """Every stage's value in slots, ``(B, ciphertexts, n_slots)``, "input" included."""
    layout = network_input_layout([item.stage for item in packed], packed[0].layout.n_slots)
    values = {INPUT: layout.pack(images)}
    for item in packed:
        values[item.name] = apply(item, *(values[name] for name in item.inputs))
    return values


def apply(item: PackedStage, *inputs: FloatArray) -> FloatArray:
    """A stage's value in slots, from those of its inputs."""
    if item.affine is not None:
        return item.affine.apply(inputs[0])
    if item.coefficients is not None:
        ciphertexts = zip(slot_polynomials(item), np.moveaxis(inputs[0], -2, 0), strict=True)
        return np.stack([polynomial(slots) for polynomial, slots in ciphertexts], axis=-2)
    if isinstance(item.stage, SquareStage):
        return inputs[0] * inputs[0]
    if isinstance(item.stage, ProductStage):
        return inputs[0] * inputs[1]
    return inputs[0] + inputs[1]

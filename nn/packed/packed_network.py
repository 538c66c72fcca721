"""A whole network in slots: every stage with its layout, diagonals and coefficient vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nn.network.graph import INPUT
from nn.network.layers import FloatArray, Shape
from nn.packed.layout import TensorLayout, input_layout
from nn.packed.packing import DEFAULT_COST, PackedAffine, PackingCost, lower
from nn.stages.affine import identity
from nn.stages.stage import AddStage, AffineStage, PolynomialStage, Stage


@dataclass(frozen=True, eq=False)
class PackedStage:
    """A stage and the layout of its value.

    `affine` is set for an AffineStage. `coefficients` are set for a PolynomialStage, one ascending
    set per ciphertext: ``(ciphertexts, degree + 1)`` if all slots share them, else ``(ciphertexts,
    degree + 1, n_slots)``, zero between the elements.
    """

    stage: Stage
    layout: TensorLayout
    affine: PackedAffine | None = None
    coefficients: FloatArray | None = None

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The stages (or "input") it reads."""
        return self.stage.inputs

    @property
    def rotations(self) -> frozenset[int]:
        """The rotation steps it needs keys for."""
        return self.affine.rotations if self.affine else frozenset()


def pack_network(
    stages: Sequence[Stage], n_slots: int, cost: PackingCost | None = None
) -> list[PackedStage]:
    """Every stage in slots, in order; the input has ``network_input_layout(stages, n_slots)``.

    Each affine stage takes the layout that `nn.packed.packing.lower` finds cheapest, except where
    an Add further on needs the layout of its other input. Where neither input of an Add can follow
    the other, an affine stage "NAME:relayout" is put in, which takes a level. PackingError if a
    tensor does not fit.
    """
    cost = cost or DEFAULT_COST
    layouts = {INPUT: network_input_layout(stages, n_slots)}
    depths = {INPUT: 0}
    packed: list[PackedStage] = []

    def append(item: PackedStage) -> None:
        nonlocal cost
        assert cost is not None
        packed.append(item)
        layouts[item.name] = item.layout
        depths[item.name] = item.stage.levels + max(depths[name] for name in item.inputs)
        known = cost.known_rotations | item.rotations
        cost = replace(cost, known_rotations=known)

    for stage in stages:
        if isinstance(stage, AffineStage):
            wanted = _wanted_layout(stage, stages, layouts)
            # Nothing reads the last stage in slots: how far it spreads does not matter.
            spread = 0.0 if stage is stages[-1] else cost.spread
            affine = lower(stage.affine, layouts[stage.input], wanted, replace(cost, spread=spread))
            append(PackedStage(stage, affine.out_layout, affine=affine))
            continue
        if isinstance(stage, AddStage) and not _inputs_match(stage, layouts):
            moved = min(stage.inputs, key=lambda name: depths[name])
            kept = stage.inputs[1 - stage.inputs.index(moved)]
            mover = _relayout_stage(moved, stages, layouts[moved].shape)
            affine = lower(mover.affine, layouts[moved], layouts[kept], cost)
            append(PackedStage(mover, affine.out_layout, affine=affine))
            renamed = tuple(mover.name if name == moved else name for name in stage.inputs)
            stage = replace(stage, inputs=renamed)
        layout = layouts[stage.inputs[0]]
        coefficients = None
        if isinstance(stage, PolynomialStage):
            coefficients = _packed_coefficients(stage, layout)
        append(PackedStage(stage, layout, coefficients=coefficients))
    last = packed[-1]
    if last.layout.shape != last.stage.shape:
        # A flattened image: the same slots under the network's own shape.
        flat = replace(last.layout, shape=last.stage.shape, grid=None)
        packed[-1] = replace(last, layout=flat)
    return packed


def _packed_coefficients(stage: PolynomialStage, layout: TensorLayout) -> FloatArray:
    if stage.coefficients.ndim == 1:
        return np.tile(stage.coefficients, (layout.ciphertexts, 1))
    return np.swapaxes(layout.pack_flat(stage.coefficients.T), 0, 1)


def network_input_layout(stages: Sequence[Stage], n_slots: int) -> TensorLayout:
    """The layout in which the client packs the network's input."""
    first = next(stage for stage in stages if INPUT in stage.inputs)
    shape = first.affine.in_shape if isinstance(first, AffineStage) else first.shape
    return input_layout(shape, n_slots)


def _wanted_layout(
    stage: Stage, stages: Sequence[Stage], layouts: dict[str, TensorLayout]
) -> TensorLayout | None:
    """The layout that an Add behind elementwise stages has already got for its other input."""
    names = {stage.name}
    for reader in stages:
        if names.isdisjoint(reader.inputs) or isinstance(reader, AffineStage):
            continue
        for name in reader.inputs:
            if name in layouts and isinstance(reader, AddStage):
                return layouts[name]
        names.add(reader.name)
    return None


def _inputs_match(stage: AddStage, layouts: dict[str, TensorLayout]) -> bool:
    first, second = (layouts[name] for name in stage.inputs)
    return first.matches(second)


def _relayout_stage(name: str, stages: Sequence[Stage], shape: Shape) -> AffineStage:
    """An identity behind the stage (or input) called `name`."""
    size = int(np.prod(shape))
    before = next((stage for stage in stages if stage.name == name), None)
    scale, shift, node = np.ones(size), np.zeros(size), INPUT
    max_abs = np.full(size, np.inf)
    if before is not None:
        scale, shift, node, max_abs = before.scale, before.shift, before.node, before.max_abs
    title = f"{name}:relayout"
    return AffineStage(title, (), (name,), shape, node, scale, shift, max_abs, identity(shape))

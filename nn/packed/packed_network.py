"""A network in slots: every stage with its layout, diagonals and coefficient vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from he.ckks.circuits.polynomial import Polynomial
from nn.network.graph import INPUT
from nn.network.layers import FloatArray, Shape
from nn.packed.layout import TensorLayout, input_layout
from nn.packed.packed_affine import PackedAffine
from nn.packed.packing import lower
from nn.packed.packing_cost import DEFAULT_COST, FRUGAL_COST, PackingCost
from nn.stages.affine import identity
from nn.stages.conditioning import LEAST_DEGREE
from nn.stages.levels import levels_above_answer
from nn.stages.stage import (
    AddStage,
    AffineStage,
    PolynomialStage,
    ProductStage,
    Stage,
    shared_columns,
)

Joining = AddStage | ProductStage
"""Stages of two inputs, which must stand in one layout."""

MANY_WEIGHTS = 4 << 30
"""Bytes of weights beyond which `suitable_cost` is frugal."""


@dataclass(frozen=True, eq=False)
class PackedStage:
    """A stage and the layout of its value.

    `affine` is set for an AffineStage. `coefficients` are set for a PolynomialStage, ascending, for
    each ciphertext: ``(ciphertexts, degree + 1)`` if all slots share them, else ``(ciphertexts,
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
        """The names of the stages (or "input") that it reads."""
        return self.stage.inputs

    @property
    def rotations(self) -> frozenset[int]:
        """The rotation steps that it needs keys for."""
        return self.affine.rotations if self.affine else frozenset()


def pack_network(
    stages: Sequence[Stage], n_slots: int, cost: PackingCost | None = None
) -> list[PackedStage]:
    """Every stage in slots, in order; the input has ``network_input_layout(stages, n_slots)``.

    cost: by default `suitable_cost`. Nothing is filled in: diagonals are counted.

    Each affine stage takes the layout that `nn.packed.packing.lower` finds cheapest, except where
    an Add or a product further on needs the layout of its other input. Where neither input can take
    the layout of the other, an affine stage "NAME:relayout" stands in between and takes a level.
    Raises `PackingError` for a tensor that does not fit.
    """
    packer = _Packer(stages, n_slots, cost or suitable_cost(stages))
    for stage in stages:
        packer.pack(stage)
    packed = packer.packed
    last = packed[-1]
    if last.layout.shape != last.stage.shape:
        # A flattened image: the same slots under the network's own shape.
        flat = replace(last.layout, shape=last.stage.shape, grid=None)
        packed[-1] = replace(last, layout=flat)
    return packed


def suitable_cost(stages: Sequence[Stage]) -> PackingCost:
    """The costs for a network of so many weights.

    Where weights take more than `MANY_WEIGHTS` bytes in any packing, costs count keys, and how
    often a diagonal repeats, since its weights are stored so much less often.
    """
    levels = levels_above_answer(stages)
    # Each entry of a matrix takes two words for each prime, of which a level has one at least.
    words = sum(
        2 * stage.affine.nonzeros * (levels[stage.name] + 2)
        for stage in stages
        if isinstance(stage, AffineStage)
    )
    return FRUGAL_COST if 8 * words > MANY_WEIGHTS else DEFAULT_COST


class _Packer:
    """Packs stages one after the other, and keeps the layout and the depth of each value."""

    def __init__(self, stages: Sequence[Stage], n_slots: int, cost: PackingCost) -> None:
        self.packed: list[PackedStage] = []
        self._stages = stages
        self._cost = cost
        self._layouts = {INPUT: network_input_layout(stages, n_slots)}
        self._depths = {INPUT: 0}

    def pack(self, stage: Stage) -> None:
        """Append the stage, and what must come before it."""
        if isinstance(stage, AffineStage):
            wanted = _wanted_layout(stage, self._stages, self._layouts)
            # Nothing reads the last stage in slots: how far it spreads does not matter.
            spread = 0.0 if stage is self._stages[-1] else self._cost.spread
            # High powers of what a fold leaves between the elements could outgrow the elements.
            clean = any(
                isinstance(reader, PolynomialStage) and reader.degree >= LEAST_DEGREE
                for reader in self._stages
                if stage.name in reader.inputs
            )
            self._lower(stage, wanted, replace(self._cost, spread=spread), clean=clean)
            return
        if isinstance(stage, Joining) and not _inputs_match(stage, self._layouts):
            stage = self._with_one_layout(stage)
        layout = self._layouts[stage.inputs[0]]
        coefficients = None
        if isinstance(stage, PolynomialStage):
            coefficients = _packed_coefficients(stage, layout)
        self._append(PackedStage(stage, layout, coefficients=coefficients))

    def _with_one_layout(self, stage: Joining) -> Joining:
        """The stage, with the input of fewer levels moved to the layout of the other input."""
        moved = min(stage.inputs, key=lambda name: self._depths[name])
        kept = stage.inputs[1 - stage.inputs.index(moved)]
        mover = _relayout_stage(moved, self._stages, self._layouts[moved].shape)
        self._lower(mover, self._layouts[kept], self._cost)
        return replace(
            stage, inputs=tuple(mover.name if name == moved else name for name in stage.inputs)
        )

    def _lower(
        self,
        stage: AffineStage,
        wanted: TensorLayout | None,
        cost: PackingCost,
        *,
        clean: bool = False,
    ) -> None:
        affine = lower(stage.affine, self._layouts[stage.input], wanted, cost, clean=clean)
        self._append(PackedStage(stage, affine.out_layout, affine=affine))

    def _append(self, item: PackedStage) -> None:
        self.packed.append(item)
        self._layouts[item.name] = item.layout
        depth = max(self._depths[name] for name in item.inputs)
        self._depths[item.name] = item.stage.levels + depth
        known = self._cost.known_rotations | item.rotations
        self._cost = replace(self._cost, known_rotations=known)


def _packed_coefficients(stage: PolynomialStage, layout: TensorLayout) -> FloatArray:
    if stage.coefficients.ndim == 1:
        return np.tile(stage.coefficients, (layout.ciphertexts, 1))
    return np.swapaxes(layout.pack_flat(stage.coefficients.T), 0, 1)


def slot_polynomials(packed: PackedStage) -> list[Polynomial]:
    """A polynomial for each ciphertext: shared coefficients are numbers, the others are slots."""
    stage = packed.stage
    assert isinstance(stage, PolynomialStage)
    assert packed.coefficients is not None
    shared = shared_columns(stage.coefficients)
    return [
        Polynomial(
            [
                column if isinstance(column, float) else packed.coefficients[ciphertext][power]
                for power, column in enumerate(shared)
            ],
            stage.basis,
        )
        for ciphertext in range(packed.layout.ciphertexts)
    ]


def network_input_layout(stages: Sequence[Stage], n_slots: int) -> TensorLayout:
    """The layout in which the client packs the network's input."""
    first = next(stage for stage in stages if INPUT in stage.inputs)
    shape = first.affine.in_shape if isinstance(first, AffineStage) else first.shape
    return input_layout(shape, n_slots)


def _wanted_layout(
    stage: Stage, stages: Sequence[Stage], layouts: dict[str, TensorLayout]
) -> TensorLayout | None:
    """The layout of the other input of an Add further on, if it is known.

    Only elementwise stages may stand between the stage and the Add.
    """
    names = {stage.name}
    for reader in stages:
        if names.isdisjoint(reader.inputs) or isinstance(reader, AffineStage):
            continue
        for name in reader.inputs:
            if name in layouts and isinstance(reader, Joining):
                return layouts[name]
        names.add(reader.name)
    return None


def _inputs_match(stage: Joining, layouts: dict[str, TensorLayout]) -> bool:
    first, second = (layouts[name] for name in stage.inputs)
    return first.matches(second)


def _relayout_stage(name: str, stages: Sequence[Stage], shape: Shape) -> AffineStage:
    """An identity behind the stage (or "input") called `name`."""
    size = int(np.prod(shape))
    before = next((stage for stage in stages if stage.name == name), None)
    scale, shift, node = np.ones(size), np.zeros(size), INPUT
    max_abs = np.full(size, np.inf)
    if before is not None:
        scale, shift, node, max_abs = before.scale, before.shift, before.node, before.max_abs
    title = f"{name}:relayout"
    return AffineStage(title, (), (name,), shape, node, scale, shift, max_abs, identity(shape))

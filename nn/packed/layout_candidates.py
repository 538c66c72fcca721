"""Layouts that the output of an affine map may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nn.network.layers import Shape
from nn.packed.layout import (
    Grid,
    TensorLayout,
    compact_layout,
    grid_layout,
    input_layout,
    next_power_of_two,
)
from nn.stages.affine import Affine


def candidate_layouts(affine: Affine, in_layout: TensorLayout) -> list[TensorLayout]:
    """Distinct layouts of the map's output, for `nn.packed.packing.lower` to choose from.

    For images: the layout of the input if the shape stays the same; the grid of the input, its gaps
    widened by the stride and filled with all or some of the channels that they can hold; and
    row-major order with and without whole blocks. For vectors: R rows in each repetition of the
    input, for every power of two R.
    """
    found: list[TensorLayout] = []
    for layout in _all_candidates(affine, in_layout):
        if not any(layout.matches(other) for other in found):
            found.append(layout)
    return found


def _all_candidates(affine: Affine, in_layout: TensorLayout) -> Iterator[TensorLayout]:
    shape, n_slots = affine.out_shape, in_layout.n_slots
    images: list[TensorLayout] = []
    if in_layout.shape == shape:
        images.append(in_layout)
    if affine.stride is not None and in_layout.grid is not None:
        images += _multiplexed(shape, n_slots, in_layout.grid, affine.stride)
    images += [input_layout(shape, n_slots), compact_layout(shape, n_slots)]
    for layout in images:
        yield layout
        # The same slots, repeated only as often as the input: no needless diagonals.
        if layout.period < in_layout.period:
            yield replace(layout, period=in_layout.period)
    if affine.stride is None or shape[1:] == (1, 1):
        yield from _stacked(shape, in_layout)


def _multiplexed(
    shape: Shape, n_slots: int, grid: Grid, stride: tuple[int, int]
) -> Iterator[TensorLayout]:
    _, height, width = shape
    gap = (grid.gap[0] * stride[0], grid.gap[1] * stride[1])
    # Room behind the last pixel limits how many channels interleave: 4 pixels at gap 2 in a row
    # of 7 leave none.
    rows = grid.block // grid.pitch
    room = (rows - (height - 1) * gap[0], grid.pitch - (width - 1) * gap[1])
    most = (min(gap[0], room[0]), min(gap[1], room[1]))
    if min(most) < 1:
        return
    options = {most, (most[0], 1), (1, most[1]), (1, 1), grid.multiplex}
    for multiplex in sorted(options, reverse=True):
        if multiplex[0] > most[0] or multiplex[1] > most[1]:
            continue
        finer = replace(grid, gap=gap, multiplex=multiplex)
        if finer.fits(height, width):
            yield grid_layout(shape, n_slots, finer)


def _stacked(shape: Shape, in_layout: TensorLayout) -> Iterator[TensorLayout]:
    """R rows in each repetition of the input, for as many repetitions as the rows need."""
    size, n_slots, period = int(np.prod(shape)), in_layout.n_slots, in_layout.period
    fewest = -(-size // n_slots)
    for rows in (1 << k for k in range(period.bit_length())):
        capacity = rows * (n_slots // period)
        if -(-size // capacity) > fewest:
            continue
        ciphertext, inside = np.divmod(np.arange(size), capacity)
        block, row = np.divmod(inside, rows)
        blocks = int(block.max()) + 1
        own_period = rows if blocks == 1 else next_power_of_two(blocks) * period
        yield TensorLayout(
            shape, n_slots, fewest, own_period, ciphertext * n_slots + block * period + row
        )

"""Which layouts compete."""

from __future__ import annotations

import numpy as np
import pytest

from nn.network.layers import AvgPool2d, Conv2d, Linear, Shape
from nn.packed.layout import TensorLayout, input_layout
from nn.packed.layout_candidates import candidate_layouts
from nn.stages.affine import affine_from_layer


def candidates(
    layer: Conv2d | AvgPool2d | Linear, in_shape: Shape, n_slots: int
) -> list[TensorLayout]:
    return candidate_layouts(affine_from_layer(layer, in_shape), input_layout(in_shape, n_slots))


def conv(outputs: int, inputs: int, stride: int, padding: int) -> Conv2d:
    return Conv2d(
        np.ones((outputs, inputs, 3, 3)), np.zeros(outputs), (stride, stride), (padding, padding)
    )


def test_candidate_layouts__are_distinct_and_hold_the_output() -> None:
    found = candidates(conv(8, 4, 2, 1), (4, 8, 8), 1024)
    for index, layout in enumerate(found):
        assert layout.shape == (8, 4, 4)
        assert not any(layout.matches(other) for other in found[:index])


def test_candidate_layouts__of_a_kept_shape_hold_the_inputs_own() -> None:
    source = input_layout((4, 8, 8), 1024)
    found = candidates(conv(4, 4, 1, 1), (4, 8, 8), 1024)
    assert found[0].matches(source)


@pytest.mark.parametrize(
    ("width", "multiplex"),
    # 8 -> 4 at gap 2 fills rows of 8 with two channels; 7 -> 4 reaches the last column, so that
    # rows of 7 have no room for a second; below 7 rows there is room for a second row.
    [(8, (2, 2)), (7, (2, 1))],
)
def test_candidate_layouts__interleave_as_many_channels_as_have_room(
    width: int, multiplex: tuple[int, int]
) -> None:
    found = candidates(conv(8, 1, 2, 1), (1, width, width), 1024)
    grids = [layout.grid for layout in found if layout.grid and layout.grid.gap == (2, 2)]
    assert max(grid.multiplex for grid in grids) == multiplex


def test_candidate_layouts__of_a_linear_layer_are_all_powers_of_two() -> None:
    layer = Linear(np.ones((5, 64)), np.zeros(5))
    found = candidates(layer, (64,), 256)
    # 64 slots a repetition, 4 repetitions: R = 1 holds 4 rows only, R = 2 .. 64 all 5.
    stacked = {tuple(layout.positions % 64) for layout in found}
    assert (0, 1, 0, 1, 0) in stacked
    assert (0, 1, 2, 3, 0) in stacked
    assert all(layout.ciphertexts == 1 for layout in found)
    assert {layout.period for layout in found} >= {8, 16, 32, 64, 256}


def test_candidate_layouts__of_a_pool_to_one_pixel_stack_rows_too() -> None:
    found = candidates(AvgPool2d((4, 4), (4, 4)), (8, 4, 4), 128)
    assert any(layout.period == 8 for layout in found)


def test_candidate_layouts__exist_where_no_channel_fits_a_ciphertext() -> None:
    found = candidates(conv(2, 1, 1, 1), (1, 8, 8), 16)
    assert all(layout.ciphertexts == 8 for layout in found)

"""Layouts: where each element is, and that it comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import NetworkError, ShapeError
from nn.network.layers import Shape
from nn.packed.layout import (
    Grid,
    PackingError,
    TensorLayout,
    compact_layout,
    grid_layout,
    input_layout,
    next_power_of_two,
)

shapes = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 200)),
)
slot_counts = st.integers(0, 9).map(lambda k: 1 << k)


@given(shapes, slot_counts, st.integers(0, 2**32 - 1))
def test_pack__comes_back_and_repeats(shape: Shape, n_slots: int, seed: int) -> None:
    tensor = np.random.default_rng(seed).normal(size=(2, *shape))
    for layout in (input_layout(shape, n_slots), compact_layout(shape, n_slots)):
        slots = layout.pack(tensor)
        assert slots.shape == (2, layout.ciphertexts, n_slots)
        np.testing.assert_array_equal(layout.unpack(slots), tensor)
        np.testing.assert_array_equal(np.roll(slots, layout.period, axis=-1), slots)
        # Nothing else was put in: each element once per period.
        assert np.count_nonzero(slots) == tensor.size * (n_slots // layout.period)
        np.testing.assert_array_equal(layout.pack_flat(tensor.reshape(2, -1)), slots)


@given(shapes, slot_counts)
def test_input_layout__keeps_channels_row_major(shape: Shape, n_slots: int) -> None:
    layout = input_layout(shape, n_slots)
    plane = int(np.prod(shape[1:])) if len(shape) == 3 else shape[0]
    if next_power_of_two(plane) > n_slots:
        np.testing.assert_array_equal(layout.positions, np.arange(layout.size))
        return
    slots = layout.positions.reshape(-1, plane)
    np.testing.assert_array_equal(
        slots - slots[:, :1], np.arange(plane)[None].repeat(len(slots), 0)
    )
    assert (slots[:, 0] % next_power_of_two(plane) == 0).all()


def test_input_layout__of_usual_images() -> None:
    digit = input_layout((1, 28, 28), 4096)
    assert (digit.ciphertexts, digit.period) == (1, 1024)
    np.testing.assert_array_equal(digit.positions, np.arange(784))
    photo = input_layout((3, 32, 32), 16384)
    assert (photo.ciphertexts, photo.period) == (1, 4096)
    split = input_layout((3, 32, 32), 2048)
    assert (split.ciphertexts, split.period) == (2, 2048)
    vector = input_layout((10,), 64)
    assert (vector.ciphertexts, vector.period, vector.grid) == (1, 16, None)


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.data(),
)
def test_grid__places_pixels_as_its_equation_says(
    shape: tuple[int, int, int], gap: tuple[int, int], data: st.DataObject
) -> None:
    multiplex = tuple(data.draw(st.integers(1, g)) for g in gap)
    pitch = shape[2] * gap[1]
    grid = Grid(pitch, next_power_of_two(shape[1] * gap[0] * pitch), gap, multiplex)
    layout = grid_layout(shape, 1024, grid)
    positions = layout.positions.reshape(shape)
    per_ciphertext = min(1024 // grid.block, grid.blocks(shape[0]))
    for c, y, x in np.ndindex(*shape):
        block, inside = divmod(c, multiplex[0] * multiplex[1])
        d_y, d_x = divmod(inside, multiplex[1])
        ciphertext, block = divmod(block, per_ciphertext)
        slot = block * grid.block + (y * gap[0] + d_y) * pitch + x * gap[1] + d_x
        assert positions[c, y, x] == ciphertext * 1024 + slot


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 12),
    st.integers(1, 60),
)
def test_grid__fits_only_when_no_two_pixels_meet_or_leave(
    size: tuple[int, int],
    gap: tuple[int, int],
    multiplex: tuple[int, int],
    pitch: int,
    block: int,
) -> None:
    grid = Grid(pitch, block, gap, multiplex)
    shape = (grid.channels_per_block, *size)
    _, slots = grid.slots(shape)
    if grid.fits(*size):
        assert slots.max() < block
        assert np.unique(slots).size == slots.size
        d_y, column = np.divmod(slots, pitch)
        # A row of pixels stays in one row of slots.
        assert (d_y == d_y[:, :, :1]).all()
        assert (np.diff(column, axis=2) > 0).all()


def test_matches__compares_slots_not_names() -> None:
    layout = compact_layout((2, 3, 4), 64)
    assert layout.matches(compact_layout((24,), 64))
    assert not layout.matches(compact_layout((24,), 128))
    wider = TensorLayout((24,), 64, 1, 64, layout.positions)
    assert not layout.matches(wider)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (((3,), 6, 1, 2, np.arange(3)), "power of two"),
        (((3,), 8, 1, 3, np.arange(3)), "power of two"),
        (((3,), 8, 1, 16, np.arange(3)), "power of two up to n_slots"),
        (((3,), 8, 1, 2, np.arange(3)), "larger power of two"),
        (((3,), 8, 1, 8, np.arange(4)), r"\(3,\) is needed"),
        (((3,), 8, 1, 8, np.arange(6, 9)), "more ciphertexts"),
        (((3,), 8, 1, 8, np.array([0, 1, -1])), "do not fit"),
        (((3,), 8, 1, 8, np.array([0, 1, 1])), "share one slot"),
    ],
)
def test_layout__refuses_what_does_not_fit(arguments: tuple[object, ...], needed: str) -> None:
    with pytest.raises(PackingError, match=needed):
        TensorLayout(*arguments)  # type: ignore[arg-type]
    assert issubclass(PackingError, NetworkError)


def test_layout__refuses_other_shapes() -> None:
    layout = input_layout((1, 4, 4), 32)
    with pytest.raises(ShapeError, match="packs"):
        layout.pack(np.zeros((4, 4)))
    with pytest.raises(ShapeError, match="unpacks"):
        layout.unpack(np.zeros((2, 32)))


def test_grid_layout__refuses_what_does_not_fit() -> None:
    with pytest.raises(PackingError, match="longer pitch"):
        grid_layout((1, 4, 4), 64, Grid(4, 16, (2, 2)))
    with pytest.raises(PackingError, match="more slots"):
        grid_layout((1, 4, 4), 8, Grid(4, 16))


def test_sum_repetitions__adds_every_copy_of_an_element() -> None:
    layout = input_layout((2, 3, 3), 128)
    values = np.random.default_rng(0).normal(size=(2, 18))
    copies = layout.n_slots // layout.period
    slots = layout.pack_flat(values)
    assert np.allclose(layout.sum_repetitions(slots), copies * values)
    slots[..., layout.positions[5]] += 1.0
    assert np.allclose(layout.sum_repetitions(slots)[:, 5], copies * values[:, 5] + 1)

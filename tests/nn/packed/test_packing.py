"""Affine maps in slots, against the maps themselves: exactly, on small integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.network.layers import AvgPool2d, Conv2d, FloatArray, Linear, Shape
from nn.packed import packing
from nn.packed.diagonals import Diagonals
from nn.packed.layout import Grid, PackingError, TensorLayout, compact_layout, input_layout
from nn.packed.layout_candidates import candidate_layouts
from nn.packed.packed_affine import PackedAffine
from nn.packed.packing import lower
from nn.packed.packing_cost import DEFAULT_COST, PackingCost
from nn.stages.affine import Affine, affine_from_layer, identity
from nn.stages.sparse_matrix import SparseMatrix

seeds = st.integers(0, 2**32 - 1)


def integers(rng: np.random.Generator, *shape: int) -> FloatArray:
    """Small integers: sums of their products are exact in float64, in any order."""
    return rng.integers(-9, 10, shape).astype(np.float64)


@st.composite
def convolutions(draw: st.DrawFn) -> Affine:
    rng = np.random.default_rng(draw(seeds))
    groups, out, inside = draw(st.sampled_from([1, 1, 2])), *(draw(st.integers(1, 4)),) * 2
    kernel, padding = draw(st.integers(1, 4)), draw(st.integers(0, 2))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    height, width = (draw(st.integers(max(1, kernel - 2 * padding), 8)) for _ in range(2))
    weight = integers(rng, groups * out, inside, kernel, kernel)
    layer = Conv2d(weight, integers(rng, groups * out), stride, (padding, padding), groups)
    return affine_from_layer(layer, (groups * inside, height, width))


@st.composite
def linears(draw: st.DrawFn) -> Affine:
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.sampled_from([(7,), (64,), (2, 3, 4), (3, 5, 5), (1, 1, 1)]))
    size, outputs = int(np.prod(shape)), draw(st.integers(1, 40))
    weight = integers(rng, outputs, size)
    weight[rng.random(weight.shape) < draw(st.sampled_from([0.0, 0.5, 0.95, 1.0]))] = 0.0
    return Affine(SparseMatrix.from_dense(weight), integers(rng, outputs), shape, (outputs,))


@st.composite
def random_layouts(draw: st.DrawFn, shape: Shape, n_slots: int) -> TensorLayout:
    """Any distinct slots, in any order, of no more ciphertexts than twice the fewest and one."""
    size = int(np.prod(shape))
    most = 2 * -(-size // n_slots) + 1
    fewest = {1 << k: -(-size // (1 << k)) for k in range(n_slots.bit_length())}
    period = draw(st.sampled_from([p for p, count in fewest.items() if count <= most]))
    ciphertexts = draw(st.integers(fewest[period], min(fewest[period] + 1, most)))
    rng = np.random.default_rng(draw(seeds))
    chosen = rng.choice(ciphertexts * period, size, replace=False)
    positions = chosen // period * n_slots + chosen % period
    return TensorLayout(shape, n_slots, ciphertexts, period, positions)


def evaluate_split(packed: PackedAffine, slots: FloatArray) -> FloatArray:
    """`apply` by babies and giants, the way a server does it."""
    out = np.zeros(packed.bias.shape)
    blocks = packed.blocks
    for (o, i), plan in packed.splits.items():
        babies = [np.roll(slots[i], -step) for step in plan.babies]
        sums = np.zeros((len(plan.giants), slots.shape[-1]))
        for giant, baby, shift in plan.terms:
            vector = blocks[o, i][shift]
            sums[giant] += np.roll(vector, plan.giants[giant]) * babies[baby]
        for step, part in zip(plan.giants, sums, strict=True):
            out[o] += np.roll(part, -step)
    for step in packed.folds:
        out = out + np.roll(out, -step, axis=-1)
    return out + packed.bias


def check(packed: PackedAffine, affine: Affine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    in_layout, out_layout = packed.in_layout, packed.out_layout
    values = integers(rng, 2, affine.in_size)
    slots = in_layout.pack_flat(values)
    # What lies between the elements is never read: any value will do, repeating as promised.
    taken = in_layout.pack_flat(np.ones(affine.in_size)) != 0
    noise = integers(rng, *slots.shape[:-1], in_layout.period)
    slots = np.where(taken, slots, np.tile(noise, in_layout.n_slots // in_layout.period))
    out = packed.apply(slots)
    found = out_layout.unpack(out).reshape(2, -1)
    np.testing.assert_array_equal(found, affine(values))
    np.testing.assert_array_equal(np.roll(out, out_layout.period, axis=-1), out)
    np.testing.assert_array_equal(evaluate_split(packed, slots[0]), out[0])
    assert (np.abs(out) <= packed.bound(np.abs(values).max(axis=0))).all()
    check_structure(packed)


def check_structure(packed: PackedAffine) -> None:
    n_slots = packed.in_layout.n_slots
    assert set(packed.splits) == set(packed.blocks)
    assert {o for o, _ in packed.blocks} == set(range(packed.out_layout.ciphertexts))
    for (o, i), diagonals in packed.blocks.items():
        assert (o, i) < (packed.out_layout.ciphertexts, packed.in_layout.ciphertexts)
        assert all(vector.shape == (n_slots,) for vector in diagonals.values())
        lone_zero = len(diagonals) == 1 and not any(j != i for p, j in packed.blocks if p == o)
        assert lone_zero or all(vector.any() for vector in diagonals.values())
        plan = packed.splits[o, i]
        assert sorted(shift for _, _, shift in plan.terms) == sorted(diagonals)
        for giant, baby, shift in plan.terms:
            assert (plan.giants[giant] + plan.babies[baby]) % n_slots == shift
    for first in packed.splits:
        for second in packed.splits:
            if first[1] == second[1]:
                assert packed.splits[first].babies == packed.splits[second].babies
    steps = set(packed.folds)
    for plan in packed.splits.values():
        steps |= set(plan.babies) | set(plan.giants)
    assert packed.rotations == steps - {0}


@given(convolutions(), st.sampled_from([8, 32, 64, 256, 1024]), seeds)
def test_lower__convolution(affine: Affine, n_slots: int, seed: int) -> None:
    check(lower(affine, input_layout(affine.in_shape, n_slots)), affine, seed)


@given(linears(), st.sampled_from([1, 4, 16, 64, 256, 1024]), seeds)
def test_lower__linear(affine: Affine, n_slots: int, seed: int) -> None:
    check(lower(affine, input_layout(affine.in_shape, n_slots)), affine, seed)


@given(convolutions(), convolutions(), st.sampled_from([64, 256, 1024]), seeds)
def test_lower__convolution_on_the_layout_of_another(
    first: Affine, second: Affine, n_slots: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    channels, height, width = first.out_shape
    kernel = (min(3, height), min(2, width))
    layer = Conv2d(integers(rng, 5, channels, *kernel), integers(rng, 5), (2, 1), (1, 1))
    behind = affine_from_layer(layer, first.out_shape)
    packed = lower(first, input_layout(first.in_shape, n_slots))
    check(lower(behind, packed.out_layout), behind, seed)


@given(st.data(), st.one_of(convolutions(), linears()), st.sampled_from([16, 64, 256]), seeds)
def test_lower__between_any_two_layouts(
    data: st.DataObject, affine: Affine, n_slots: int, seed: int
) -> None:
    source = data.draw(random_layouts(affine.in_shape, n_slots))
    target = data.draw(random_layouts(affine.out_shape, n_slots))
    packed = lower(affine, source, target)
    assert packed.out_layout is target
    check(packed, affine, seed)


@given(st.data(), st.sampled_from([16, 64]), seeds)
def test_lower__of_the_identity_moves_every_element(
    data: st.DataObject, n_slots: int, seed: int
) -> None:
    shape = data.draw(st.sampled_from([(5,), (2, 3, 4), (40,)]))
    source, target = (data.draw(random_layouts(shape, n_slots)) for _ in range(2))
    check(lower(identity(shape), source, target), identity(shape), seed)


def naive_diagonals(
    affine: Affine, source: TensorLayout, target: TensorLayout
) -> dict[tuple[int, int], dict[int, FloatArray]]:
    """Diagonals without folds, one entry and one repetition of the output at a time."""
    n_slots, blocks = source.n_slots, {}
    matrix = affine.matrix.toarray()
    for row, column in zip(*np.nonzero(matrix), strict=True):
        o, s = divmod(int(target.positions[row]), n_slots)
        i, p = divmod(int(source.positions[column]), n_slots)
        for copy in range(0, n_slots, target.period):
            shift = (p - s - copy) % source.period
            vectors = blocks.setdefault((o, i), {})
            vector = vectors.setdefault(shift, np.zeros(n_slots))
            vector[s + copy] += matrix[row, column]
    return blocks


@given(st.data(), st.one_of(convolutions(), linears()), st.sampled_from([16, 64]))
def test_lower__makes_the_naive_diagonals(
    data: st.DataObject, affine: Affine, n_slots: int
) -> None:
    source = data.draw(random_layouts(affine.in_shape, n_slots))
    target = data.draw(random_layouts(affine.out_shape, n_slots))
    # A fold this dear is never chosen.
    packed = lower(affine, source, target, PackingCost(fold=1e9))
    assert packed.folds == ()
    expected = naive_diagonals(affine, source, target)
    assert set(packed.blocks) >= set(expected)
    for block, diagonals in packed.blocks.items():
        if block not in expected:
            assert [vector.any() for vector in diagonals.values()] == [False]
            continue
        found = {shift % source.period: vector for shift, vector in diagonals.items()}
        assert set(found) == set(expected[block])
        for shift, vector in found.items():
            np.testing.assert_array_equal(vector, expected[block][shift])


@given(st.one_of(convolutions(), linears()), st.sampled_from([64, 256]))
def test_lower__chooses_the_cheapest_candidate(affine: Affine, n_slots: int) -> None:
    source = input_layout(affine.in_shape, n_slots)
    best = cost_of(lower(affine, source))
    assert best == min(
        cost_of(lower(affine, source, layout)) for layout in candidate_layouts(affine, source)
    )


def cost_of(packed: PackedAffine, cost: PackingCost = DEFAULT_COST) -> float:
    layouts = packed.in_layout, packed.out_layout
    return cost.total(packed.splits, packed.folds, packed.diagonals, *layouts)


def babies(packed: PackedAffine) -> int:
    """Rotations of input ciphertexts: the blocks of one input share them."""
    splits = packed.splits.items()
    return len({(i, step) for (_, i), plan in splits for step in plan.babies if step})


def giants(packed: PackedAffine) -> int:
    """Rotations of sums: the inputs of one output are summed before."""
    splits = packed.splits.items()
    return len({(o, step) for (o, _), plan in splits for step in plan.giants if step})


@given(st.one_of(convolutions(), linears()), st.sampled_from([16, 64]), st.booleans(), st.data())
def test_lower__finds_what_a_search_without_limits_finds(
    affine: Affine, n_slots: int, clean: bool, data: st.DataObject
) -> None:
    """The first of the cheapest choices, in the order in which layouts and bases are listed."""
    in_layout = input_layout(affine.in_shape, n_slots)
    prices = [data.draw(st.sampled_from([0.0, 0.25, 1.0, 4.0])) for _ in range(8)]
    cost = PackingCost(*prices)
    matrix = affine.matrix
    choices = [
        Diagonals.count(
            in_layout,
            layout,
            base,
            in_layout.positions[matrix.indices],
            layout.positions[matrix.rows],
            cost,
            math.inf,
        )
        for layout in candidate_layouts(affine, in_layout)
        for base in packing._fold_bases(in_layout, layout, clean)
    ]
    best = min((choice for choice in choices if choice), key=lambda choice: choice.rank)
    found = lower(affine, in_layout, cost=cost, clean=clean)
    assert found.out_layout.matches(best.out_layout)
    assert (found.folds, found.splits) == (best.folds, best.splits())


def test_cost__adds_up() -> None:
    rng = np.random.default_rng(0)
    affine = affine_from_layer(Linear(integers(rng, 10, 64), integers(rng, 10)), (64,))
    packed = lower(affine, input_layout((64,), 256))
    cost = PackingCost(3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 0.5, 19.0, packed.rotations)
    repeated = max(packed.in_layout.period, packed.out_layout.period) / 256
    assert cost_of(packed, cost) == (
        3 * babies(packed)
        + 5 * giants(packed)
        + 7 * len(packed.folds) * packed.out_layout.ciphertexts
        + 11 * packed.diagonals
        + 0.5 * packed.diagonals * repeated
        + 17 * np.log2(packed.out_layout.period)
    )
    without_keys = PackingCost(key=19.0)
    assert cost_of(packed, without_keys) == cost_of(packed) + 19 * len(packed.rotations)


def digit_convolution(channels: int) -> tuple[Affine, PackedAffine]:
    rng = np.random.default_rng(channels)
    layer = Conv2d(integers(rng, channels, 1, 5, 5) + 0.5, integers(rng, channels), (2, 2), (2, 2))
    affine = affine_from_layer(layer, (1, 28, 28))
    return affine, lower(affine, input_layout((1, 28, 28), 4096))


@pytest.mark.parametrize(("channels", "period"), [(4, 1024), (8, 2048), (16, 4096)])
def test_lower__strided_convolution_of_a_digit_is_multiplexed(channels: int, period: int) -> None:
    affine, packed = digit_convolution(channels)
    check(packed, affine, 0)
    assert packed.diagonals == 36
    assert packed.out_layout.grid == Grid(28, 1024, (2, 2), (2, 2))
    assert (packed.out_layout.ciphertexts, packed.out_layout.period) == (1, period)
    positions = packed.out_layout.positions.reshape(channels, 14, 14)
    c, y, x = np.indices(positions.shape)
    d_y, d_x = c % 4 // 2, c % 2
    np.testing.assert_array_equal(positions, c // 4 * 1024 + (2 * y + d_y) * 28 + 2 * x + d_x)
    assert babies(packed) + giants(packed) <= 13


def test_lower__linear_of_a_digit_network() -> None:
    _, convolution = digit_convolution(16)
    rng = np.random.default_rng(0)
    for outputs, diagonals in [(100, 128), (64, 64)]:
        layer = Linear(integers(rng, outputs, 3136), integers(rng, outputs))
        affine = affine_from_layer(layer, (3136,))
        packed = lower(affine, convolution.out_layout)
        check(packed, affine, 1)
        assert packed.diagonals == diagonals
        assert packed.folds == tuple(
            diagonals << k for k in range(12 - (diagonals.bit_length() - 1))
        )
        assert packed.out_layout.period == diagonals


def test_lower__same_convolution_keeps_the_layout() -> None:
    rng = np.random.default_rng(0)
    layer = Conv2d(integers(rng, 8, 8, 3, 3) + 0.5, integers(rng, 8), (1, 1), (1, 1))
    affine = affine_from_layer(layer, (8, 16, 16))
    source = input_layout((8, 16, 16), 4096)
    packed = lower(affine, source)
    assert packed.out_layout.matches(source)
    assert packed.diagonals == 8 * 9


def test_lower__stride_behind_stride_widens_the_gap() -> None:
    rng = np.random.default_rng(0)
    first = affine_from_layer(AvgPool2d((2, 2), (2, 2)), (4, 16, 16))
    packed = lower(first, input_layout((4, 16, 16), 1024))
    layer = Conv2d(integers(rng, 16, 4, 3, 3), integers(rng, 16), (2, 2), (1, 1))
    second = affine_from_layer(layer, (4, 8, 8))
    again = lower(second, packed.out_layout)
    check(again, second, 0)
    assert again.out_layout.ciphertexts == 1


def test_lower__zero_map_is_one_diagonal_of_zeros() -> None:
    zeros = SparseMatrix.from_dense(np.zeros((3, 8)))
    affine = Affine(zeros, np.array([1.0, 2.0, 3.0]), (8,), (3,))
    packed = lower(affine, input_layout((8,), 32))
    assert (packed.diagonals, packed.rotations) == (1, frozenset(packed.folds))
    check(packed, affine, 0)


@given(st.one_of(linears(), convolutions()), st.sampled_from([8, 64, 256]), seeds)
def test_lower__clean_slots_between_the_elements(
    affine: Affine, n_slots: int, seed: int
) -> None:
    packed = lower(affine, input_layout(affine.in_shape, n_slots), clean=True)
    check(packed, affine, seed)
    values = np.random.default_rng(seed).normal(size=(2, affine.in_size))
    slots = packed.apply(packed.in_layout.pack_flat(values))
    between = packed.out_layout.pack_flat(np.ones(affine.out_size)) == 0
    assert not slots[:, between].any()


@given(st.one_of(linears(), convolutions()), st.sampled_from([8, 64, 256]), seeds)
def test_transposed__is_the_adjoint_map(affine: Affine, n_slots: int, seed: int) -> None:
    packed = lower(affine, input_layout(affine.in_shape, n_slots))
    rng = np.random.default_rng(seed)
    x = integers(rng, 2, packed.in_layout.ciphertexts, n_slots)
    y = integers(rng, 2, packed.out_layout.ciphertexts, n_slots)
    forward = np.zeros_like(y)
    for (o, i), diagonals in packed.blocks.items():
        for shift, vector in diagonals.items():
            forward[:, o] += vector * np.roll(x[:, i], -shift, axis=-1)
    for few in (0, packed.diagonals):
        backward = packed.transposed(y, few=few)
        for one in range(2):
            assert np.isclose((forward[one] * y[one]).sum(), (x[one] * backward[one]).sum())


@given(st.one_of(linears(), convolutions()), st.sampled_from([8, 64, 256]), seeds)
def test_gathered__sums_what_the_diagonals_read(affine: Affine, n_slots: int, seed: int) -> None:
    packed = lower(affine, input_layout(affine.in_shape, n_slots))
    slots = np.random.default_rng(seed).uniform(0, 1, (3, packed.in_layout.ciphertexts, n_slots))
    expected = np.zeros((3, packed.out_layout.ciphertexts, n_slots))
    for (o, i), diagonals in packed.blocks.items():
        for shift in diagonals:
            expected[:, o] += np.roll(slots[:, i], -shift, axis=-1)
    assert np.allclose(packed.gathered(slots), expected, rtol=1e-12, atol=1e-12)


def test_lower__refuses_layouts_of_other_sizes() -> None:
    affine = identity((8,))
    source = compact_layout((8,), 16)
    with pytest.raises(PackingError, match="input layout holds"):
        lower(affine, compact_layout((7,), 16))
    with pytest.raises(PackingError, match="output layout holds"):
        lower(affine, source, compact_layout((9,), 16))
    with pytest.raises(PackingError, match="16 and 32 slots"):
        lower(affine, source, compact_layout((8,), 32))

"""Linear transforms against NumPy, and against rotate, multiply and add."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.circuits import hoisting
from he.ckks.circuits.linear_transform import LinearTransform, SlotMatrix, apply_matrix
from he.ckks.evaluator import Evaluator
from he.errors import (
    EncodingError,
    LevelExhaustedError,
    LevelMismatchError,
    MissingGaloisKeyError,
    ParameterError,
    ParametersMismatchError,
    WrongObjectError,
)
from he.rlwe import galois, limb_blocks
from he.rlwe.key_needs import KeyNeeds
from he.trace import Tracer

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(["tiny", "small", "one-limb digits", "two digits", "wide primes"])
shift_sets = st.lists(st.integers(-70, 300), min_size=1, max_size=12)


def draw_diagonals(s, seed: int, shifts: list[int]) -> dict[int, np.ndarray]:
    """Real and complex, full and short vectors at distinct shifts."""
    rng = np.random.default_rng(seed)
    diagonals = {}
    for shift in {k % s.params.slots: k for k in shifts}.values():
        vector = s.random(int(rng.integers(2**32)), real=bool(rng.integers(2)))
        diagonals[shift] = vector if rng.integers(4) else vector[: int(rng.integers(1, 9))]
    return diagonals


def full(s, vector: np.ndarray) -> np.ndarray:
    return np.concatenate((vector, np.zeros(s.params.slots - vector.size)))


def clear(s, diagonals: dict[int, np.ndarray], slots: np.ndarray) -> np.ndarray:
    return sum(full(s, v) * np.roll(slots, -k) for k, v in diagonals.items())


def variance(s, x, diagonals: dict[int, np.ndarray], *, divided: bool = False) -> float:
    """Every term brings its input's, its rotation's and its plaintext's error; every giant step
    (at most one a term) the rounding and switching of its second rotation; then one rescaling.
    Rotations that are divided by P are rounded."""
    level, scale = x.ct.level, s.params.scales[x.ct.level]
    rotation = s.noise.key_switch(level) if divided else s.noise.switching(level)
    largest = np.abs(x.slots).max() * scale
    total = 0.0
    for vector in diagonals.values():
        size = np.abs(vector).max() * scale
        total += size**2 * (x.variance + rotation) + largest**2 * s.noise.encoding
        total += s.noise.key_switch(level)
    return total / s.params.divisors[level] ** 2 + s.noise.rounding


def evaluator_for(s, needs: KeyNeeds) -> Evaluator:
    return Evaluator(s.params, s.generator.evaluation_keys(s.secret, needs))


@given(names, seeds, shift_sets, st.booleans(), st.data())
def test_apply__is_the_sum_of_rolled_products(schemes, name, seed, shifts, divided, data) -> None:
    s = schemes(name)
    level = data.draw(st.integers(1, s.params.max_level))
    diagonals = draw_diagonals(s, seed, shifts)
    transform = LinearTransform.encode(s.encoder, diagonals, level, divided=divided)
    limbs = s.params.levels[level].limbs + (0 if divided else len(s.params.levels[level].specials))
    assert len(transform.weights) == limbs
    assert all(needed == level for needed in transform.needs.galois.values())
    x = s.encrypt(s.random(seed), level)
    y = transform.apply(evaluator_for(s, transform.needs), x.ct)
    assert y.level == level - 1
    assert y.scale == pytest.approx(s.params.scales[level - 1], rel=2.0**-50)
    predicted = variance(s, x, diagonals, divided=divided)
    s.check(type(x)(y, clear(s, diagonals, x.slots), predicted))


@given(st.sampled_from(["small", "two digits"]), seeds)
def test_apply__agrees_with_rotate_multiply_add(schemes, name, seed) -> None:
    s = schemes(name)
    ev, top = s.evaluator, s.params.max_level
    diagonals = {k: s.random(seed + k) for k in (0, 1, 2, 3, 4, 5)}
    transform = LinearTransform.encode(s.encoder, diagonals, top)
    x = s.encrypt(s.random(seed))
    fused = transform.apply(evaluator_for(s, transform.needs), x.ct)
    terms = [
        ev.multiply_plain(ev.rotate(x.ct, k), s.encoder.encode(v)) for k, v in diagonals.items()
    ]
    unfused = functools.reduce(ev.add, terms)
    assert (fused.level, unfused.level) == (top - 1, top - 1)
    predicted = variance(s, x, diagonals)
    # The unfused way rounds every term twice more.
    extra = sum(np.abs(v).max() ** 2 + 1 for v in diagonals.values()) * s.noise.rounding
    both = type(x)(fused, s.decrypt(unfused), 2 * predicted + 4 * extra)
    s.check(both)


@given(st.sampled_from(["small", "one-limb digits"]), seeds, st.integers(1, 3), st.integers(1, 3))
def test_apply_matrix__sums_over_the_inputs(schemes, name, seed, rows, columns) -> None:
    s = schemes(name)
    rng = np.random.default_rng(seed)
    top = s.params.max_level
    blocks = {}
    for o in range(rows):
        for i in range(columns):
            if i == o % columns or rng.integers(2):
                shifts = rng.integers(0, s.params.slots, int(rng.integers(1, 6))).tolist()
                blocks[o, i] = draw_diagonals(s, int(rng.integers(2**32)), shifts)
    encoded = {
        at: LinearTransform.encode(s.encoder, diagonals, top) for at, diagonals in blocks.items()
    }
    needs = KeyNeeds.union(transform.needs for transform in encoded.values())
    inputs = [s.encrypt(s.random(seed + i)) for i in range(columns)]
    outputs = apply_matrix(evaluator_for(s, needs), encoded, [x.ct for x in inputs])
    assert len(outputs) == rows
    for o, y in enumerate(outputs):
        terms = [(inputs[i], blocks[o, i]) for i in range(columns) if (o, i) in blocks]
        slots = sum(clear(s, diagonals, x.slots) for x, diagonals in terms)
        total = sum(variance(s, x, diagonals) for x, diagonals in terms)
        s.check(type(inputs[0])(y, slots, total))


def matrix_of_four(s, rng, *, divided: bool = False) -> dict[tuple[int, int], LinearTransform]:
    """Two inputs, two outputs, with and without a step of zero."""
    shift_lists = {(0, 0): [0, 1, 2, 9, 10], (0, 1): [3, 4], (1, 0): [1], (1, 1): [0, 17, 18, 40]}
    return {
        at: LinearTransform.encode(
            s.encoder,
            draw_diagonals(s, int(rng.integers(2**32)), shifts),
            s.params.max_level,
            divided=divided,
        )
        for at, shifts in shift_lists.items()
    }


@pytest.mark.parametrize("count", [2, 4, 7])
@pytest.mark.parametrize("name", ["small", "one-limb digits", "wide primes"])
@pytest.mark.parametrize("divided", [False, True])
@pytest.mark.parametrize("digit_bytes", [1, 1 << 30])
def test_slot_matrix__several_vectors_at_once_give_the_same_bits(
    schemes, name, count, digit_bytes, divided, monkeypatch
) -> None:
    """Whether the digits are made limb by limb or all at once."""
    monkeypatch.setattr(limb_blocks, "_DIGIT_BYTES", digit_bytes)
    s = schemes(name)
    blocks = matrix_of_four(s, np.random.default_rng(1), divided=divided)
    ev = evaluator_for(s, KeyNeeds.union(block.needs for block in blocks.values()))
    vectors = [[s.encrypt(s.random(2 * g + i)).ct for i in range(2)] for g in range(count)]
    together = SlotMatrix(ev, blocks).apply(vectors)
    for vector, product in zip(vectors, together, strict=True):
        alone = apply_matrix(ev, blocks, vector)
        assert [(a.data == b.data).all() for a, b in zip(alone, product, strict=True)] == [True] * 2


def test_slot_matrix__agrees_with_its_steps_one_by_one(small) -> None:
    """Rotate in QP, multiply, add up: the same bits as the fused kernels'."""
    s, level = small, small.params.max_level
    diagonals = {k: s.random(k) for k in (0, 1, 2, 5, 6)}
    transform = LinearTransform.encode(s.encoder, diagonals, level)
    ev = evaluator_for(s, transform.needs)
    x = s.encrypt(s.random(9)).ct
    switcher, N = ev.switcher(level), s.params.N
    babies = []
    for step in transform.babies:
        element = galois.element_of_rotation(step, N)
        pair = np.zeros((2, switcher.limbs_qp, N), dtype=np.uint64)
        if element == 1:
            for part in range(2):
                switcher.add_special_multiple(pair[part], x.data[part])
            babies.append(pair)
            continue
        key = ev.keys.for_element(element, level)
        switcher.gadget_product(switcher.decompose(x.data[1]), key, pair)
        switcher.add_special_multiple(pair[0], x.data[0])
        babies.append(switcher.permute(np.empty_like(pair), pair, element))
    sums = np.zeros((len(transform.giants), 2, switcher.limbs_qp, N), dtype=np.uint64)
    for group, (first, last) in zip(sums, itertools.pairwise(transform.starts), strict=True):
        for term in range(first, last):
            for total, part in zip(group, babies[transform.baby_of[term]], strict=True):
                switcher.qp.multiply_add(total, part, transform.diagonals[term])
    column = hoisting.HoistedColumn(ev, level, {0: transform})
    for (at, group), expected in zip(column.sums([x], "test sums"), sums, strict=True):
        assert at[1] in transform.giants
        assert (group[0] == expected).all()


@pytest.mark.parametrize("shifts", [(0, 1, 2, 5, 6), (3, 4, 17, 30), (0,), (9,)])
def test_slot_matrix__divided_agrees_with_its_steps_one_by_one(small, shifts) -> None:
    """Rotate, multiply and add up in Q, rotate the sums in QP, divide: the same bits."""
    s, level = small, small.params.max_level
    diagonals = {k: s.random(k, real=k % 2 == 0) for k in shifts}
    transform = LinearTransform.encode(s.encoder, diagonals, level, divided=True)
    ev = evaluator_for(s, transform.needs)
    x = s.encrypt(s.random(9)).ct
    switcher, N = ev.switcher(level), s.params.N
    babies = [ev.rotate(x, step).data for step in transform.babies]
    total = np.zeros((2, switcher.limbs_qp, N), dtype=np.uint64)
    for giant, (first, last) in zip(
        transform.giants, itertools.pairwise(transform.starts), strict=True
    ):
        group = np.zeros((2, switcher.limbs_q, N), dtype=np.uint64)
        for term in range(first, last):
            for sums, part in zip(group, babies[transform.baby_of[term]], strict=True):
                switcher.q.multiply_add(sums, part, transform.diagonals[term])
        if giant == 0:
            for sums, part in zip(total, group, strict=True):
                switcher.add_special_multiple(sums, part)
            continue
        element = galois.element_of_rotation(giant, N)
        pair = np.zeros_like(total)
        key = ev.keys.for_element(element, level)
        switcher.gadget_product(switcher.decompose(group[1]), key, pair)
        switcher.add_special_multiple(pair[0], group[0])
        switcher.permute_add(total, pair, element)
    expected = switcher.mod_down_rescale(total)
    assert (transform.apply(ev, x).data == expected).all()


def test_slot_matrix__refuses_blocks_of_which_some_are_divided(small) -> None:
    blocks = {
        (0, i): LinearTransform.encode(small.encoder, {0: np.ones(4)}, 2, divided=bool(i))
        for i in range(2)
    }
    with pytest.raises(ParameterError, match="one block has divided = True, another divided = F"):
        SlotMatrix(small.evaluator, blocks)
    with pytest.raises(WrongObjectError, match="divided"):
        LinearTransform.encode(small.encoder, {0: np.ones(4)}, 2, divided=1)


def test_slot_matrix__records_every_vector_in_order(small) -> None:
    blocks = matrix_of_four(small, np.random.default_rng(2))
    keys = small.generator.evaluation_keys(
        small.secret, KeyNeeds.union(block.needs for block in blocks.values())
    )
    vectors = [[small.encrypt(small.random(g)).ct for _ in range(2)] for g in range(3)]
    tracers = [Tracer(small.params), Tracer(small.params)]
    for tracer in tracers:
        for x in itertools.chain.from_iterable(vectors):
            tracer.input(x.data)
    kept = SlotMatrix(Evaluator(small.params, keys, tracers[0]), blocks).apply(vectors)
    single = Evaluator(small.params, keys, tracers[1])
    kept += [apply_matrix(single, blocks, vector) for vector in vectors]
    assert tracers[0].trace() == tracers[1].trace()
    assert [op.kind for op in tracers[0].trace().operations] == ["linear_transform"] * 3


def test_slot_matrix__refuses_blocks_of_several_levels(small) -> None:
    blocks = {
        (0, i): LinearTransform.encode(small.encoder, {0: np.ones(4)}, level)
        for i, level in enumerate((2, 3))
    }
    with pytest.raises(LevelMismatchError, match="one block is encoded for level 3"):
        SlotMatrix(small.evaluator, blocks)


def test_slot_matrix__refuses_an_output_without_a_block(small) -> None:
    block = LinearTransform.encode(small.encoder, {0: np.ones(4)}, 2)
    with pytest.raises(ParameterError, match="no block leads to output 1"):
        SlotMatrix(small.evaluator, {(0, 0): block, (2, 0): block})


def test_matrix_vector_product__by_its_diagonals(small) -> None:
    """A 16 x 16 matrix acts on vectors that repeat through the slots."""
    rng = np.random.default_rng(3)
    matrix = rng.uniform(-1, 1, (16, 16))
    vector = rng.uniform(-1, 1, 16)
    repeats = small.params.slots // 16
    diagonals = {
        k: np.tile([matrix[i, (i + k) % 16] for i in range(16)], repeats) for k in range(16)
    }
    transform = LinearTransform.encode(small.encoder, diagonals, small.params.max_level)
    assert len(transform.needs.galois) < 15  # baby steps and giant steps, not all of them
    x = small.encrypt(np.tile(vector, repeats))
    y = transform.apply(evaluator_for(small, transform.needs), x.ct)
    expected = np.tile(matrix @ vector, repeats)
    small.check(type(x)(y, expected + 0j, variance(small, x, diagonals)))


def test_encode__refuses_what_it_cannot_encode(small) -> None:
    ones = np.ones(small.params.slots)
    with pytest.raises(LevelExhaustedError, match="at least level 1"):
        LinearTransform.encode(small.encoder, {0: ones}, 0)
    with pytest.raises(LevelMismatchError, match="highest"):
        LinearTransform.encode(small.encoder, {0: ones}, 5)
    with pytest.raises(ParameterError, match="at least one diagonal"):
        LinearTransform.encode(small.encoder, {}, 1)
    with pytest.raises(ParameterError, match="same shift"):
        LinearTransform.encode(small.encoder, {1: ones, 1 - small.params.slots: ones}, 1)
    for bad in (np.ones(small.params.slots + 1), np.full(3, np.nan), np.array(["x"])):
        with pytest.raises(EncodingError):
            LinearTransform.encode(small.encoder, {0: bad}, 1)


def test_apply__refuses_foreign_operands(schemes, small) -> None:
    transform = LinearTransform.encode(small.encoder, {1: np.ones(4)}, 2)
    x = small.encrypt(small.random(1)).ct
    with pytest.raises(LevelMismatchError, match="encoded for level 2, the ciphertext is at level"):
        transform.apply(small.evaluator, x)
    low = small.evaluator.drop_to(x, 2)
    with pytest.raises(ParameterError, match="relinearize"):
        transform.apply(small.evaluator, small.evaluator.tensor(low, low))
    with pytest.raises(MissingGaloisKeyError):
        transform.apply(Evaluator(small.params), low)
    other = schemes("two digits")
    with pytest.raises(ParametersMismatchError):
        transform.apply(other.evaluator, other.encrypt(other.random(1), 2).ct)

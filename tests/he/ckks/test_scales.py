"""Scales against the modulus: what cannot decrypt to the right values is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.circuits.linear_transform import LinearTransform
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.scales import check_scale, scaled_integer
from he.errors import (
    CorruptBytesError,
    EncodingError,
    LevelExhaustedError,
    ParameterError,
    ScaleOverflowError,
)
from he.format.container import pack, unpack


@pytest.fixture
def a(small) -> Ciphertext:
    return small.encrypt(small.random(1)).ct


def test_unrescaled_products__are_right_until_the_modulus_and_then_refused(small) -> None:
    """The third product decrypted to zero."""
    ev, x = small.evaluator, small.encrypt(small.random(1, real=True))
    square = ev.relinearize(ev.tensor(x.ct, x.ct))
    fourth = ev.relinearize(ev.tensor(square, square))
    assert np.abs(small.decrypt(fourth) - x.slots**4).max() < 1e-6
    with pytest.raises(ScaleOverflowError, match=r"2\^288\.0.*level 4 .* below 2\^19\d.*rescale"):
        ev.tensor(fourth, fourth)
    with pytest.raises(ScaleOverflowError):
        ev.multiply(fourth, fourth)


def test_products_with_plaintexts__are_refused_beyond_the_modulus(small, a) -> None:
    ev = small.evaluator
    for scale in (2.0**150, 2.0**157.9):
        plain = small.encoder.encode(2.0**-20, scale=scale)
        product = ev.multiply_plain(a, plain, rescale=False)
        assert product.scale == a.scale * scale
    plain = small.encoder.encode(2.0**-20, scale=2.0**160)
    for rescale in (False, True):
        with pytest.raises(ScaleOverflowError, match="the product would have the scale"):
            ev.multiply_plain(a, plain, rescale=rescale)


def test_products_with_integers__are_refused_beyond_the_modulus(small, a) -> None:
    ev, Q = small.evaluator, math.prod(small.params.q)
    ev.multiply_integer(a, Q // 4)
    for factor in (Q, -Q, Q // 2 + 1, 10**400):
        with pytest.raises(EncodingError, match=r"the factor .* does not fit .* level 4"):
            ev.multiply_integer(a, factor)


def test_limbs__are_not_dropped_below_the_scale(small, a) -> None:
    ev = small.evaluator
    square = ev.tensor(a, a)  # at 2^72: level 1 has 86 bits, level 0 has 50
    assert ev.drop_limbs(square, 1).level == 1
    with pytest.raises(ScaleOverflowError, match="level 0 holds scales above 0 and below"):
        ev.drop_limbs(square, 0)


@pytest.mark.parametrize(
    "operand", [10**400, -(10**400), 1e308, np.float64(1e300), np.array(1e300)]
)
def test_scalars_beyond_float64_or_the_modulus__are_refused(small, a, operand) -> None:
    for operation in (small.evaluator.add, small.evaluator.subtract, small.evaluator.multiply):
        with pytest.raises(EncodingError):
            operation(a, operand)


def test_plaintexts__of_scales_beyond_the_modulus_are_refused(small) -> None:
    params, encoder = small.params, small.encoder
    assert encoder.encode(2.0**-10, level=0, scale=2.0**49).scale == 2.0**49
    for level, scale in ((0, 2.0**50), (0, 1e300), (2, 2.0**125)):
        with pytest.raises(ScaleOverflowError, match=f"level {level} holds"):
            encoder.encode(0.0, level=level, scale=scale)
    data = encoder.encode(1.0, level=0).data
    for scale in (params.q[0], 2.0**60, 0.0, -1.0):
        with pytest.raises(ScaleOverflowError):
            Plaintext(params, data, scale)
    for bad in (math.nan, math.inf, None, "1", True):
        with pytest.raises(ParameterError):
            Plaintext(params, data, bad)
    assert type(Plaintext(params, data, 1 << 30).scale) is float


def test_ciphertexts__of_scales_beyond_the_modulus_are_refused(small, a) -> None:
    Q = float(math.prod(small.params.q))
    assert Ciphertext(small.params, a.data, 0.99 * Q).scale == 0.99 * Q
    for scale in (Q, 1e300, 0.0, -2.0**36):
        with pytest.raises(ScaleOverflowError):
            Ciphertext(small.params, a.data, scale)
        with pytest.raises(ScaleOverflowError):
            small.evaluator.result(a.data.copy(), scale)
    for bad in (math.nan, None, "1"):
        with pytest.raises(ParameterError):
            small.evaluator.result(a.data.copy(), bad)


@pytest.mark.parametrize("scale", [2.0**194, 1e300, 0.0, -1.0, math.inf, math.nan])
def test_bytes__of_scales_beyond_the_modulus_are_refused(small, a, scale: float) -> None:
    for obj in (a, small.encoder.encode(1.0)):
        contents = unpack(obj.to_bytes(), obj.kind)
        header = dict(contents.header)
        for name in ("item", "items"):
            if name in header:
                item = header[name][0] if name == "items" else header[name]
                item[[type(value) for value in item].index(float)] = scale
        with pytest.raises(CorruptBytesError, match="scale"):
            type(obj).from_bytes(pack(obj.kind, header, contents.sections), small.params)


def test_linear_transform__of_diagonals_beyond_the_level_is_refused(small) -> None:
    top = small.params.max_level
    for level, size in ((1, 1e30), (1, 2.0**50), (top, 1e60)):
        vector = np.full(small.params.slots, size)
        with pytest.raises(EncodingError, match=f"level {level} holds values below"):
            LinearTransform.encode(small.encoder, {1: vector}, level)
    # As large as the level holds is right as long as the results are small enough.
    x = small.encrypt(small.random(1, 2.0**-10))
    transform = LinearTransform.encode(small.encoder, {0: np.full(small.params.slots, 1e30)}, top)
    y = small.decrypt(transform.apply(small.evaluator, x.ct))
    assert np.abs(y / 1e30 - x.slots).max() < 2.0**-15


def test_linear_transform__of_an_unrescaled_product_is_refused(small) -> None:
    ev, level = small.evaluator, 1
    transform = LinearTransform.encode(small.encoder, {0: np.ones(small.params.slots)}, level)
    low = small.encrypt(small.random(1), level).ct
    wide = ev.relinearize(ev.tensor(low, low))
    with pytest.raises(ScaleOverflowError, match="the product"):
        transform.apply(ev, wide)


def test_polynomial__of_coefficients_beyond_the_level_is_refused(small) -> None:
    for size in (1e30, 1e60, 1e308):
        for c in (size, np.full(4, size)):
            with pytest.raises(EncodingError):
                EncodedPolynomial(small.encoder, Polynomial([0.0, c]), 1)


def test_a_product_at_level_0__says_so_first(small) -> None:
    bottom = small.evaluator.drop_to(small.encrypt(small.random(1)).ct, 0)
    with pytest.raises(LevelExhaustedError):
        small.evaluator.multiply_plain(bottom, small.encoder.encode(1.0, level=0))


def test_check_scale__at_both_sides_of_the_bound(small) -> None:
    params = small.params
    for level in range(params.max_level + 1):
        Q = float(math.prod(params.q[: level + 1]))
        check_scale(params, level, np.nextafter(Q, 0), "it")
        for scale in (Q, math.inf, math.nan, 0.0, -1.0):
            with pytest.raises(ScaleOverflowError, match="it would have the scale"):
                check_scale(params, level, scale, "it")


def test_scaled_integer__at_both_sides_of_the_bound(small) -> None:
    q = small.params.q[0]
    assert scaled_integer(small.params, 0, (q - 1) / 2, 1.0, "it") == q // 2
    for value in ((q + 1) / 2, 1e308, 10**400, math.nan, math.inf, "1", None):
        with pytest.raises(EncodingError):
            scaled_integer(small.params, 0, value, 1.0, "it")
    with pytest.raises(EncodingError, match="beyond float64"):
        scaled_integer(small.params, 0, 1e300, 2.0**40, "it")

"""Images are checked alike by both clients and by networks in the clear."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import nn
from nn.batched.quantize import quantize
from nn.errors import InputRangeError, ShapeError
from nn.network.images import as_batch
from tests.nn.networks import Builder

SHAPE = (2, 3, 4)
IMAGES = np.random.default_rng(1).random((5, *SHAPE))
TAKERS = ["network", "integers in the clear", "packed", "batched reals", "batched integers"]


def network() -> nn.Network:
    builder = Builder(SHAPE, 1)
    builder.linear(3)
    builder.add(nn.Polynomial([0, 0, 1]))
    return nn.Network("small", SHAPE, tuple(builder.nodes))


@pytest.fixture(scope="module")
def takers() -> dict[str, Callable[[Any], object]]:
    """Everything that takes images, by name."""
    options: dict[str, Any] = {"N": 64, "insecure_reason": "unit test"}
    real = options | {"precision_bits": 0}
    return {
        "network": network(),
        "integers in the clear": quantize(network()),
        "packed": nn.Client(nn.compile(network(), **real)).encrypt,
        "batched reals": nn.Client(nn.compile(network(), layout="batched", **real)).encrypt,
        "batched integers": nn.Client(nn.compile(network(), scheme="bfv", **options)).encrypt,
    }


@pytest.fixture(params=TAKERS)
def take(request: pytest.FixtureRequest, takers: dict[str, Callable[[Any], object]]) -> Any:
    return takers[request.param]


class Stubborn:
    """An object that refuses to be an array, as a tensor with a gradient does."""

    def __array__(self, *arguments: object, **keywords: object) -> np.ndarray:
        raise RuntimeError("no array of me")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.moveaxis(IMAGES, 1, -1), r"channels stand last: np.moveaxis\(images, -1, 1\)"),
        (IMAGES.reshape(5, -1), r"images.reshape\(-1, 2, 3, 4\) is needed"),
        (IMAGES.reshape(5, 2, 12), r"images.reshape\(-1, 2, 3, 4\) is needed"),
        (np.swapaxes(IMAGES, 2, 3), "if the elements are in that order"),
        (IMAGES[0], r"pass image\[None\]"),
        (IMAGES[None], "a batch of images of this shape"),
        (IMAGES[:, :1], r"takes a batch \(B, 2, 3, 4\), got \(5, 1, 3, 4\)"),
        (IMAGES[:0], "empty batch"),
        (np.zeros(()), "takes a batch"),
        ([], "takes a batch|dtype"),
    ],
)  # fmt: skip
def test_shapes__that_are_not_the_networks_are_refused(take, images, message) -> None:
    with pytest.raises(ShapeError, match=message):
        take(images)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(complex),
        IMAGES.astype(str),
        IMAGES.astype("S8"),
        IMAGES > 0.5,
        np.full(IMAGES.shape, Fraction(1, 2)),
        IMAGES.astype(object),
        np.zeros(IMAGES.shape, dtype="M8[s]"),
        np.ma.masked_less(IMAGES, 0.5),
        [[1.0], [1.0, 2.0]],
        Stubborn(),
        None,
        "images",
        b"images",
        {"images": 1},
        nn.Flatten(),
    ],
    ids=lambda images: f"{type(images).__name__} {getattr(images, 'dtype', '')}",
)
def test_anything_but_real_numbers__is_refused(take, images) -> None:
    with pytest.raises(InputRangeError, match=r"real numbers|masked"):
        take(images)


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_pixels__that_are_not_finite_are_refused(take, pixel) -> None:
    images = IMAGES.copy()
    images[3, 1, 2, 3] = pixel
    with pytest.raises(InputRangeError, match=r"finite|infinite"):
        take(images)


@pytest.mark.parametrize("name", TAKERS[2:])
@pytest.mark.parametrize("pixel", [-0.2, 1.2, 255.0, 1e300, -1e300])
def test_pixels__outside_the_range_are_refused_by_clients(takers, name, pixel) -> None:
    images = IMAGES.copy()
    images[0, 0, 0, 0] = pixel
    with pytest.raises(InputRangeError, match="input_range"):
        takers[name](images)


@pytest.mark.parametrize(
    "stored",
    [
        np.asfortranarray(IMAGES),
        IMAGES.astype(">f8"),
        IMAGES.astype(np.longdouble),
        np.repeat(IMAGES, 2, axis=3)[..., ::2],
        np.moveaxis(np.ascontiguousarray(np.moveaxis(IMAGES, 1, -1)), -1, 1),
        IMAGES.tolist(),
        np.ma.array(IMAGES),
    ],
    ids=["Fortran", "big-endian", "long double", "strided", "moved axis", "list", "unmasked"],
)
def test_arrays__mean_the_same_however_they_lie_in_memory(stored) -> None:
    batch = as_batch(stored, SHAPE, "the network")
    assert np.array_equal(batch, IMAGES)
    assert batch.dtype == np.float64
    assert batch.flags.c_contiguous


def test_integers_and_small_floats__are_taken(take) -> None:
    for dtype in (np.uint8, np.int16, np.uint64, np.float16, np.float32):
        take(np.ones((1, *SHAPE), dtype=dtype))

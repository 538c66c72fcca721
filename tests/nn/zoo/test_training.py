"""The training code on synthetic images: it learns, repeats itself, and exports what it trained."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import nn
from nn.frontend.torch_layers import PolynomialActivation
from nn.zoo import training
from nn.zoo.train_fashion_mnist import RECIPE as FASHION_RECIPE
from nn.zoo.train_mnist import RECIPE as MNIST_RECIPE
from nn.zoo.training import QUADRATIC_RANGE, Recipe

RECIPE = Recipe(
    "bars", channels=2, features=8, epochs=4, batch_size=50, rotation_degrees=2, shift=1, zoom=0.05
)


def bars(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of one horizontal bar; its height on the image is its class."""
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    images = rng.integers(0, 40, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + 2 * label + label // 2 : 4 + 2 * label + label // 2, 4:24] = 255
    return images, labels


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    return training.as_tensors(*bars(1000))


@pytest.fixture(scope="module")
def model(data: tuple[Tensor, Tensor]) -> torch.nn.Sequential:
    return training.train(RECIPE, *data)


def test_train__learns(model: torch.nn.Sequential) -> None:
    # Guessing is right once in ten; a quarter is beyond it by 16 standard deviations.
    assert training.accuracy(model, *training.as_tensors(*bars(999))) > 0.25


def test_train__repeats_itself_and_watching_changes_nothing(
    model: torch.nn.Sequential, data: tuple[Tensor, Tensor]
) -> None:
    again = training.train(RECIPE, *data, watch=data)
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_train__holds_quadratic_coefficients(data: tuple[Tensor, Tensor]) -> None:
    wild = training.train(replace(RECIPE, learning_rate=0.3, epochs=1), *data)
    low, high = QUADRATIC_RANGE
    for module in wild.modules():
        if isinstance(module, PolynomialActivation):
            assert (module.coefficients[:, 2] >= low).all()
            assert (module.coefficients[:, 2] <= high).all()


def test_export__is_the_model_in_single_precision(
    model: torch.nn.Sequential, data: tuple[Tensor, Tensor]
) -> None:
    images, _ = data
    network = training.export(RECIPE.name, model, images)
    assert [node.name for node in network.nodes] == [
        "conv1", "act1", "flatten", "fc1", "act2", "fc2",
    ]  # fmt: skip
    assert network.statistics is not None
    for node in network.nodes:
        for array in vars(node.layer).values():
            if isinstance(array, np.ndarray):
                assert np.array_equal(array, array.astype(np.float32))
    with torch.no_grad():
        expected = model(images[:50]).numpy()
    # Weights rounded to float32 move a logit like float32 arithmetic does; twice for the model's.
    from nn.network.evaluation_error import FLOAT32_ROUNDOFF, rounding_bound

    allowed = 2 * rounding_bound(network, images[:50].numpy(), FLOAT32_ROUNDOFF)
    assert (np.abs(network(images[:50].numpy()) - expected) <= allowed).all()


def test_augment__without_any_change_is_the_identity(data: tuple[Tensor, Tensor]) -> None:
    images = data[0][:20]
    plain = Recipe("plain")
    same = training.augment(images, plain, torch.Generator().manual_seed(0))
    # Coordinates are float32: off by 28 * 2^-23 pixels or so, times steps of at most 1 between
    # neighbours and a cubic kernel whose slope is below 2.
    assert (same - images).abs().max() < 16 * 28 * 2.0**-23


def test_augment__flips_some_and_stays_within_range(data: tuple[Tensor, Tensor]) -> None:
    images = torch.zeros(40, 1, 28, 28)
    images[:, :, :, 20:] = 1
    flipped = training.augment(images, Recipe("f", flip=True), torch.Generator().manual_seed(0))
    left = flipped[:, 0, 14, 3] > 0.5
    assert 5 < int(left.sum()) < 35
    moved = training.augment(data[0][:40], MNIST_RECIPE, torch.Generator().manual_seed(0))
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_split_for_validation__is_a_fixed_partition() -> None:
    held_out, kept = training.split_for_validation(6000)
    assert (len(held_out), len(kept)) == (5000, 1000)
    assert torch.equal(torch.cat([held_out, kept]).sort().values, torch.arange(6000))
    assert torch.equal(held_out, training.split_for_validation(6000)[0])


def test_main__writes_weights_and_test_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        return bars(200)

    monkeypatch.setattr(training, "read_split", read_split)
    arguments = ["train", "--data", "unread", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    training.main(replace(RECIPE, epochs=1), "from nowhere")
    assert nn.load(tmp_path / "bars.npz").name == "bars"
    with np.load(tmp_path / "bars_test.npz") as bundle:
        assert np.array_equal(bundle["images"], bars(200)[0])
        assert np.array_equal(bundle["labels"], bars(200)[1])
    assert "fc2" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", [MNIST_RECIPE, FASHION_RECIPE])
def test_recipes__build_networks_of_depth_five(recipe: Recipe) -> None:
    model = training.build(recipe)
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert recipe.features == 64

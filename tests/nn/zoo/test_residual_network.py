"""The residual network's activation, its folding, and its training in a small size."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nn.errors import ZooError
from nn.zoo.colour_images import as_pixels, read_jpegs, read_test_images
from nn.zoo.datasets import write_test_images
from nn.zoo.relu_teacher import ReluTeacher
from nn.zoo.residual_network import (
    CLAMP,
    EPSILON,
    LEAST_SQUARE,
    NormalisedHermite,
    ResNet20,
    hermite,
)
from nn.zoo.train_cifar10 import Recipe, Trainer, by_channel
from nn.zoo.training import export

GENERATOR = torch.Generator().manual_seed(8)


def values(count: int, channels: int = 4) -> torch.Tensor:
    return torch.randn(count, channels, 6, 6, generator=GENERATOR) * 2 + 1


def test_hermite__is_the_series_with_each_basis_normalised() -> None:
    """Against the definition: batch normalisation of h1 and h2, one after the other."""
    x = values(20)
    layer = NormalisedHermite(4, hermite).train()
    with torch.no_grad():
        layer.gamma.mul_(torch.rand(layer.gamma.shape, generator=GENERATOR) + 0.5)
        layer.moments.copy_(torch.tensor([1.0, 5.0, 100.0])[:, None])
        found = layer(x)
    normalised = [
        torch.nn.BatchNorm2d(4, eps=EPSILON, affine=False).train()(h)
        for h in (x, (x.square() - 1) / math.sqrt(2))
    ]
    gamma = layer.gamma.detach()[:, :, None, None]
    expected = gamma[0] * normalised[0] + gamma[1] * normalised[1] + layer.beta[:, None, None]
    # EPSILON beside variances of some units: relative errors far below 1e-4.
    torch.testing.assert_close(found, expected.detach(), atol=1e-3, rtol=1e-4)


def test_hermite__starts_as_that_of_relu() -> None:
    """On normal values it is the projection of ReLU: no polynomial of degree 2 is nearer."""
    x = torch.randn(200, 1, 30, 30, generator=GENERATOR)
    layer = NormalisedHermite(1, hermite).train()
    distance = (layer(x) - x.relu()).square().mean().item()
    # E[relu^2] less the squares of the first three coefficients of its Hermite series.
    least = 1 / 2 - 1 / (2 * math.pi) - 1 / 4 - 1 / (4 * math.pi)
    assert distance == pytest.approx(least, rel=0.1)
    other = NormalisedHermite(1, hermite).train()
    other.imitate_relu(x)
    torch.testing.assert_close(other.gamma, layer.gamma, atol=0.01, rtol=0)
    torch.testing.assert_close(other.beta, layer.beta, atol=0.01, rtol=0)


def test_hermite__holds_values_that_go_astray() -> None:
    usual = torch.tensor([[0.0], [1.0], [3.0]])
    x = torch.zeros(4, 1, 2, 2)
    x[0, 0, 0, 0] = 1000
    one = hermite(x, torch.ones(2, 1), torch.zeros(1), usual)
    x[0, 0, 0, 0] = CLAMP * math.sqrt(1 + EPSILON)
    other = hermite(x, torch.ones(2, 1), torch.zeros(1), usual)
    torch.testing.assert_close(one[:2], other[:2])
    assert one[2] > other[2] > 0


def test_folded__is_the_activation_in_use() -> None:
    layer = NormalisedHermite(4, hermite).train()
    for _ in range(5):
        layer(values(10))
    layer.eval()
    x = values(3)
    with torch.no_grad():
        torch.testing.assert_close(layer.folded()(x), layer(x))


def test_hold_square__keeps_the_sign_and_the_least() -> None:
    layer = NormalisedHermite(4, hermite)
    with torch.no_grad():
        layer.gamma[1] = torch.tensor([1e-4, -1e-4, 0.3, -0.3])
    layer.hold_square()
    square = layer.folded().coefficients[:, 2]
    assert square.abs().min() >= LEAST_SQUARE * (1 - 1e-5)
    assert torch.equal(torch.sign(square), torch.tensor([1.0, -1.0, 1.0, -1.0]))
    assert layer.gamma[1, 2] == torch.tensor(0.3)


def teacher_arrays() -> dict[str, np.ndarray]:
    """Random weights under AutoFHE's names."""
    rng = np.random.default_rng(3)
    arrays: dict[str, np.ndarray] = {}
    sizes = [("conv1", "bn1", 3, 16)]
    width = 16
    for group, outputs in enumerate((16, 32, 64), 1):
        for block in range(3):
            for k in (1, 2):
                name = f"layer{group}_{block}_"
                sizes.append((f"{name}conv{k}", f"{name}bn{k}", width, outputs))
                width = outputs
    for conv, norm, inputs, outputs in sizes:
        scale = math.sqrt(2 / (9 * inputs))
        arrays[f"{conv}_weight"] = rng.normal(0, scale, (outputs, inputs, 3, 3))
        arrays[f"{norm}_weight"] = rng.uniform(0.5, 1.5, outputs)
        arrays[f"{norm}_bias"] = rng.normal(0, 0.1, outputs)
        arrays[f"{norm}_running_mean"] = rng.normal(0, 0.1, outputs)
        arrays[f"{norm}_running_var"] = rng.uniform(0.5, 1.5, outputs)
    arrays["linear_weight"] = rng.normal(0, 0.2, (10, 64))
    arrays["linear_bias"] = rng.normal(0, 0.1, 10)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> ReluTeacher:
    path = tmp_path_factory.mktemp("teacher") / "relu.npz"
    np.savez(path, **teacher_arrays())  # type: ignore[arg-type]
    return ReluTeacher.read(path)


def test_teacher__is_a_resnet_with_batch_normalisation(teacher: ReluTeacher) -> None:
    """Its first convolution, by torch's own layers; and its shortcuts, by a student with ReLU."""
    arrays = {name: torch.from_numpy(array) for name, array in teacher_arrays().items()}
    x = torch.rand(2, 3, 8, 8, generator=GENERATOR)
    before: list[torch.Tensor] = []
    logits, features = teacher.with_features(x, before)
    norm = torch.nn.BatchNorm2d(16).eval()
    with torch.no_grad():
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).copy_(arrays[f"bn1_{name}"])
        scaled = (x - teacher.mean) / teacher.deviation
        expected = norm(torch.nn.functional.conv2d(scaled, arrays["conv1_weight"], padding=1))
    torch.testing.assert_close(before[0], expected, atol=1e-5, rtol=1e-5)

    class Relu(NormalisedHermite):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu()

    student = ResNet20().eval()
    teacher.start(student, x)
    for module in student.modules():
        if isinstance(module, NormalisedHermite):
            module.__class__ = Relu
    with torch.no_grad():
        same, own = student.with_features(x)
    torch.testing.assert_close(same, logits, atol=1e-3, rtol=1e-3)
    for one, other in zip(own, features, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("taught", [True, False])
def test_trainer__goes_on_where_it_stopped(
    teacher: ReluTeacher, tmp_path: Path, taught: bool
) -> None:
    recipe = replace(Recipe(), windows=((1, 16),), settling_epochs=1, batch_size=10)
    images = torch.randint(0, 256, (25, 32, 32, 3), dtype=torch.uint8, generator=GENERATOR)
    labels = torch.arange(25) % 10

    def made() -> Trainer:
        return Trainer(recipe, images, labels, teacher if taught else None, compiled=False)

    whole, first, second = made(), made(), made()
    whole.run_epoch()
    assert first.run_epoch().startswith("cifar10: epoch 1/2, side 16, loss ")
    first.keep(tmp_path / "kept")
    second.resume(tmp_path / "kept")
    assert "side 32" in second.run_epoch()
    whole.run_epoch()
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_export__is_the_network_of_the_zoo() -> None:
    from nn import zoo

    model = ResNet20().eval()
    for _, layer in model.layers():
        with torch.no_grad():
            layer.gamma[1] = 0.02  # untrained weights would make larger squares overflow
    model.fold()
    x = torch.rand(4, 3, 32, 32, generator=GENERATOR)
    network, bundled = export("cifar10", model, x), zoo.load("cifar10")
    assert [type(node.layer) for node in network.nodes] == [
        type(node.layer) for node in bundled.nodes
    ]
    assert network.shapes == bundled.shapes
    coarse = by_channel(network)
    assert coarse.statistics is not None
    assert network.statistics is not None
    for name, found in coarse.statistics.items():
        assert (found.max_abs >= network.statistics[name].max_abs).all()
        assert found.max_abs.max() == network.statistics[name].max_abs.max()
        assert found.growth is network.statistics[name].growth


def jpegs(tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> Path:
    from PIL import Image

    pictures = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    files = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    arrays = {
        "jpeg": np.frombuffer(b"".join(files), dtype=np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.arange(3, dtype=np.uint8),
    }
    change(arrays)
    path = tmp_path / "train.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_read_jpegs(tmp_path: Path) -> None:
    images, labels = read_jpegs(jpegs(tmp_path, lambda arrays: None))
    assert images.shape == (3, 32, 32, 3)
    assert labels.tolist() == [0, 1, 2]
    pixels = as_pixels(images)
    assert pixels.shape == (3, 3, 32, 32)
    assert pixels[1, 2, 5, 7] == images[1, 5, 7, 2] / 255


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("labels"),
        lambda arrays: arrays.update(labels=arrays["labels"][:2]),
        lambda arrays: arrays.update(jpeg=arrays["jpeg"][:100]),
        lambda arrays: arrays.update(offsets=arrays["offsets"][:1]),
        lambda arrays: arrays.update(offsets=arrays["offsets"][:, None]),
        lambda arrays: arrays.update(labels=np.array([0, 1, 10])),
        lambda arrays: arrays.update(labels=np.array([0, -1, 9])),
    ],
)
def test_read_jpegs__refuses_other_files(
    tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None]
) -> None:
    with pytest.raises(ZooError, match=r"train\.npz holds"):
        read_jpegs(jpegs(tmp_path, change))


def test_test_images__are_written_as_read(tmp_path: Path) -> None:
    images = np.random.default_rng(2).integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(4, dtype=np.uint8)
    write_test_images(images, labels, tmp_path / "test.npz")
    found = read_test_images(tmp_path / "test.npz")
    assert np.array_equal(found[0], images)
    assert np.array_equal(found[1], labels)
    write_test_images(images[:, :1], labels, tmp_path / "test.npz")
    with pytest.raises(ZooError, match=r"images \(4, 1, 32, 32\) uint8 .* are needed"):
        read_test_images(tmp_path / "test.npz")
    write_test_images(images, labels + 7, tmp_path / "test.npz")
    with pytest.raises(ZooError, match=r"labels 7 to 10; they must be 0 to 9"):
        read_test_images(tmp_path / "test.npz")


def test_teacher__refuses_other_files(tmp_path: Path) -> None:
    hundred = {"linear_weight": np.zeros((100, 64)), "linear_bias": np.zeros(100)}
    for arrays in (
        {"conv1_weight": np.zeros(3)},
        {"conv1_weight": np.array(["a"])},
        teacher_arrays() | hundred,
        teacher_arrays() | {"linear_bias": np.zeros(1)},
    ):
        np.savez(tmp_path / "other.npz", **arrays)
        with pytest.raises(ZooError, match="holds no ResNet-20 with ReLU"):
            ReluTeacher.read(tmp_path / "other.npz")


def test_trainer__refuses_other_checkpoints_and_too_few_images(tmp_path: Path) -> None:
    recipe = replace(Recipe(), windows=((1, 16),), batch_size=10)
    images, labels = torch.zeros(25, 32, 32, 3, dtype=torch.uint8), torch.arange(25) % 10
    with pytest.raises(ZooError, match=r"9 images: .* 10 at least are needed"):
        Trainer(recipe, images[:9], labels[:9], None, compiled=False)
    trainer = Trainer(recipe, images, labels, None, compiled=False)
    path = tmp_path / "kept"
    torch.save({"model": {}}, path)
    other = path.read_bytes()
    for content in (b"", b"no checkpoint", other, other[: len(other) // 2]):
        path.write_bytes(content)
        with pytest.raises(ZooError, match="kept holds no training"):
            trainer.resume(path)

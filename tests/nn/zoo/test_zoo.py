"""The bundled networks keep their promises on the bundled test images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nn import zoo
from nn.errors import ZooError
from nn.inference.promise import SLACK
from nn.network.activation import Polynomial
from nn.network.layers import Linear

PROMISED_ACCURACY = {
    "mnist": 0.989,
    "fashion_mnist": 0.90,
    "cifar10": 0.905,
    "breast_cancer": 0.97,
    "gun_point": 0.96,
}
PICTURES = ("mnist", "fashion_mnist")
ROWS = {"breast_cancer": (171, 30), "gun_point": (150, 1, 150)}


def test_names__are_the_promised_ones() -> None:
    assert zoo.names() == (*PICTURES, "cifar10", *ROWS)
    for name in zoo.names():
        assert len(zoo.class_names(name)) == (2 if name in ROWS else 10)


@pytest.mark.parametrize("name", zoo.names())
def test_network__reaches_its_accuracy_on_all_test_images(name: str) -> None:
    network = zoo.load(name)
    images, labels = zoo.test_images(name)
    right = int((network(images).argmax(axis=1) == labels).sum())
    assert right >= PROMISED_ACCURACY[name] * len(labels)


@pytest.mark.parametrize("name", PICTURES)
def test_test_images__are_the_full_test_set(name: str) -> None:
    images, labels = zoo.test_images(name)
    assert images.shape == (10000, 1, 28, 28)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels.shape == (10000,)
    assert labels.dtype == np.int64
    counts = np.bincount(labels, minlength=10)
    # Fashion-MNIST's test set is balanced; MNIST's is known to hold these counts.
    mnist = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert counts.tolist() == (mnist if name == "mnist" else [1000] * 10)


def test_cifar10__is_a_resnet_on_the_first_test_images() -> None:
    """Depth 21, like the squares that complete in all of its 19 activations."""
    network, (images, labels) = zoo.load("cifar10"), zoo.test_images("cifar10")
    assert images.shape == (500, *network.input_shape) == (500, 3, 32, 32)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == network.input_range == (0.0, 1.0)
    assert np.bincount(labels, minlength=10).min() > 30
    polynomials = [n.layer for n in network.nodes if isinstance(n.layer, Polynomial)]
    normalisation, *activations = polynomials
    assert normalisation.degree == 1
    assert len(activations) == 19
    for activation in activations:
        assert activation.degree == 2
        assert np.abs(activation.coefficients[:, 2]).min() > 1 / 256


def test_cifar10__no_test_image_goes_astray() -> None:
    """Beyond `SLACK` times what the statistics know, a plan promises nothing."""
    network, (images, _) = zoo.load("cifar10"), zoo.test_images("cifar10")
    assert network.statistics is not None
    known = network.statistics[network.output.name].max_abs
    assert np.abs(network(images)).max() <= SLACK * known.max()


@pytest.mark.parametrize("name", ROWS)
def test_rows__are_what_the_network_takes(name: str) -> None:
    network, (rows, labels) = zoo.load(name), zoo.test_images(name)
    assert rows.shape == ROWS[name]
    assert rows.dtype == np.float32
    assert network.input_shape == rows.shape[1:]
    assert network.input_range[0] <= rows.min() < rows.max() <= network.input_range[1]
    assert set(labels.tolist()) == {0, 1}


@pytest.mark.parametrize("name", PICTURES)
def test_network__suits_encryption(name: str) -> None:
    """Depth five: convolution, quadratic, linear, quadratic, linear, with moderate values."""
    network = zoo.load(name)
    assert network.name == name
    assert network.input_shape == (1, 28, 28)
    assert network.input_range == (0.0, 1.0)
    assert network.output_shape == (10,)
    kinds = [type(node.layer).__name__ for node in network.nodes]
    assert kinds == ["Conv2d", "Polynomial", "Flatten", "Linear", "Polynomial", "Linear"]
    assert network.statistics is not None
    for node in network.nodes:
        largest = network.statistics[node.name].max_abs.max()
        assert 0 < largest <= (32 if node is network.output else 16)
        if isinstance(node.layer, Polynomial):
            assert node.layer.degree == 2
            assert node.layer.per_channel
            # The training holds them within this range; float32 rounds 0.05 to just above it.
            quadratic = np.abs(node.layer.coefficients[:, 2])
            assert quadratic.min() >= 0.05
            assert quadratic.max() <= 2
        if isinstance(node.layer, Linear):
            assert node.layer.weight.shape[0] in (10, 64)


@pytest.mark.parametrize("name", PICTURES)
def test_statistics__describe_the_network(name: str) -> None:
    """Taken on training images, they are close to those of the test images."""
    network = zoo.load(name)
    images, _ = zoo.test_images(name)
    measured = network.calibrated(images[:2000]).statistics
    assert network.statistics is not None
    assert measured is not None
    for value in network.shapes:
        stored_rms = np.sqrt(np.square(network.statistics[value].rms).mean())
        measured_rms = np.sqrt(np.square(measured[value].rms).mean())
        # 2,000 images of the same kind of data: the relative spread of such a mean of squares is
        # below 1 / sqrt(2000) = 2 % times the images' own spread, which is of the order of one.
        assert abs(measured_rms / stored_rms - 1) < 0.1
        assert (network.statistics[value].rms <= network.statistics[value].max_abs).all()


@pytest.mark.parametrize("lookup", [zoo.load, zoo.test_images, zoo.class_names])
def test_zoo__refuses_unknown_names(lookup: object) -> None:
    with pytest.raises(ZooError, match="no network 'cifar'; it has mnist, fashion_mnist, "):
        lookup("cifar")  # type: ignore[operator]


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_test_images__say_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(zoo, "_FOLDER", tmp_path)
    if content is not None:
        (tmp_path / "mnist_test.npz").write_bytes(content)
    with pytest.raises(ZooError, match=r"mnist_test.npz is missing or damaged.*reinstall"):
        zoo.test_images("mnist")


@pytest.mark.parametrize("content", [None, b"not an archive"])
def test_load__says_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(zoo, "_FOLDER", tmp_path)
    if content is not None:
        (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ZooError, match=r"mnist.npz is missing or damaged.*reinstall"):
        zoo.load("mnist")


@pytest.mark.parametrize("name", zoo.names())
def test_networks__know_how_errors_grow_and_hold_no_image(name: str) -> None:
    network = zoo.load(name)
    assert network.knows_growth
    with np.load(Path(zoo.__file__).parent / f"{name}.npz") as archive:
        kinds = {member.split("/")[-1] for member in archive.files}
    # A mean over time and shortcuts are sparse matrices.
    own = {"rows", "columns", "values"} if name in ("gun_point", "cifar10") else set()
    assert kinds - own == {"network", "weight", "bias", "coefficients", "max_abs", "rms", "gains",
                           "carried"}  # fmt: skip

"""Network files: exact round trips, and refusal of everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.errors import NetworkFileError
from nn.network.activation import Polynomial
from nn.network.graph import Network, Node
from nn.network.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
)


def network(seed: int = 0) -> Network:
    """One of each layer."""
    rng = np.random.default_rng(seed)
    norm = BatchNorm(*rng.normal(size=(1, 2)), [1.0, 2.0], *rng.normal(size=(2, 2)), 1e-3)
    kernel = rng.normal(size=(2, 1, 2, 2)).astype(np.float32)
    nodes = (
        Node("block.0/conv", Conv2d(kernel, rng.normal(size=2), (2, 1), (1, 0), 2), ("input",)),
        Node("norm", norm, ("block.0/conv",)),
        Node("act", Polynomial(rng.normal(size=(2, 3))), ("norm",)),
        Node("sum", Add(), ("act", "norm")),
        Node("pool", AvgPool2d((2, 3), (1, 2), (1, 1)), ("sum",)),
        Node("flat", Flatten(), ("pool",)),
        Node("fc", Linear(rng.normal(size=(3, 16)), rng.normal(size=3)), ("flat",)),
    )
    return Network("one of each", (2, 4, 4), nodes, (-0.5, 1.5))


IMAGES = np.random.default_rng(5).uniform(-0.5, 1.5, size=(4, 2, 4, 4))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.npz"


def assert_identical(left: Network, right: Network) -> None:
    assert (left.name, left.input_shape, left.input_range) == (
        right.name,
        right.input_shape,
        right.input_range,
    )
    assert [(n.name, n.inputs, type(n.layer)) for n in left.nodes] == [
        (n.name, n.inputs, type(n.layer)) for n in right.nodes
    ]
    for first, second in zip(left.nodes, right.nodes, strict=True):
        for field, value in vars(first.layer).items():
            assert np.array_equal(value, getattr(second.layer, field))


def test_round_trip__is_exact(path: Path) -> None:
    original = network().calibrated(IMAGES)
    nn.save(original, path)
    loaded = nn.load(path)
    assert_identical(original, loaded)
    assert original.statistics is not None
    assert loaded.statistics is not None
    for name, statistics in original.statistics.items():
        assert np.array_equal(statistics.max_abs, loaded.statistics[name].max_abs)
        assert np.array_equal(statistics.rms, loaded.statistics[name].rms)
    assert np.array_equal(original(IMAGES), loaded(IMAGES))


def test_round_trip__keeps_the_growth_of_errors(path: Path) -> None:
    original = network().calibrated(IMAGES)
    assert original.knows_growth
    nn.save(original, path)
    loaded = nn.load(path)
    assert original.statistics is not None
    assert loaded.statistics is not None
    for name, found in original.statistics.items():
        growth, again = found.growth, loaded.statistics[name].growth
        assert growth is not None
        assert again is not None
        assert np.array_equal(again.gains, growth.gains)
        assert again.carried == growth.carried
    plain = {name: replace(found, growth=None) for name, found in original.statistics.items()}
    nn.save(replace(original, statistics=plain), path)
    assert not nn.load(path).knows_growth


def test_save__stores_no_image(path: Path) -> None:
    """Only weights, and maxima and means over all images."""
    images = np.random.default_rng(5).uniform(0, 1, (40, *IMAGES.shape[1:])).astype(np.float32)
    nn.save(network().calibrated(images), path)
    with np.load(path) as archive:
        for name in archive.files:
            kind = name.split("/")[-1]
            assert name == "network" or kind not in ("samples", "images")
            flat = archive[name].ravel()
            for image in images.reshape(len(images), -1):
                assert flat.size < image.size or not np.isin(image, flat).all()


def test_round_trip__without_statistics(path: Path) -> None:
    nn.save(network(), str(path))
    assert nn.load(str(path)).statistics is None


def test_save__is_deterministic_and_stores_float32_where_exact(tmp_path: Path) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b"
    nn.save(network(), first)
    nn.save(network(), second)
    assert first.read_bytes() == second.read_bytes()
    with np.load(first) as archive:
        assert archive["nodes/0/weight"].dtype == np.float32
        assert archive["nodes/6/weight"].dtype == np.float64


def test_save__refuses_unknown_layers(path: Path) -> None:
    class Mystery(Layer):
        def output_shape(self, *input_shapes: Shape) -> Shape:
            return input_shapes[0]

        def forward(self, *inputs: FloatArray) -> FloatArray:
            return inputs[0]

    with pytest.raises(NetworkFileError, match="'m' is a Mystery"):
        nn.save(Network("m", (2,), (Node("m", Mystery(), ("input",)),)), path)
    assert not path.exists()


def test_load__missing_file_is_a_missing_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nn.load(path)


@given(st.data())
def test_load__refuses_truncated_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("truncated")
    nn.save(network().calibrated(IMAGES), folder / "whole.npz")
    whole = (folder / "whole.npz").read_bytes()
    cut = folder / "cut.npz"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(NetworkFileError):
        nn.load(cut)


@given(st.data())
def test_load__altered_bytes_are_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A ZIP archive has bytes of no meaning here (times, attributes); no other may pass."""
    folder = tmp_path_factory.mktemp("altered")
    original = network()
    nn.save(original, folder / "whole.npz")
    altered = bytearray((folder / "whole.npz").read_bytes())
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "altered.npz").write_bytes(altered)
    try:
        loaded = nn.load(folder / "altered.npz")
    except NetworkFileError:
        return
    assert_identical(original, loaded)


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Save a network, change its header or arrays, and write it back."""
    nn.save(network().calibrated(IMAGES), path)
    with np.load(path) as archive:
        arrays: dict[str, Any] = dict(archive)
    header = json.loads(arrays["network"].tobytes())
    change(header, arrays)
    if "network" in arrays:
        arrays["network"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(path, **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, arrays: arrays.pop("network"), "no usable network file"),
        (lambda header, arrays: header.update(format="other"), "is not marked as"),
        (lambda header, arrays: header.update(version=2), "version 2; this release reads 1"),
        (lambda header, arrays: header.pop("nodes"), "no usable network file"),
        (lambda header, arrays: header.update(nodes=3), "no usable network file"),
        (lambda header, arrays: header["nodes"][0].update(layer="Eval"), "a 'Eval'; known are Add"),
        (lambda header, arrays: header["nodes"][0].update(inputs=["x"]), "no earlier node"),
        (lambda header, arrays: header["nodes"][0]["fields"].update(stride=[0, 1]), "stride"),
        (lambda header, arrays: header["nodes"][0]["fields"].update(x=1), "no usable"),
        (lambda header, arrays: header.update(input_range=[1]), "no usable network file"),
        (lambda header, arrays: header.update(input_shape=None), "no usable network file"),
        (lambda header, arrays: arrays.pop("nodes/0/weight"), "no usable network file"),
        (lambda header, arrays: arrays.pop("statistics/0/rms"), "no usable network file"),
        (lambda header, arrays: arrays.update({"nodes/6/bias": np.full(3, np.nan)}), "NaN"),
        (lambda header, arrays: arrays.update({"statistics/0/rms": np.ones(3)}), "rms"),
    ],
)
def test_load__refuses_foreign_content(
    path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], message: str
) -> None:
    rewritten(path, change)
    with pytest.raises(NetworkFileError, match=message):
        nn.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"hello " * 100])
def test_load__refuses_other_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NetworkFileError, match="not a network file"):
        nn.load(path)


def test_load__never_unpickles(path: Path) -> None:
    np.savez(path, network=np.array([{"format": "he-accel network"}], dtype=object))
    with pytest.raises(NetworkFileError, match="not a network file"):
        nn.load(path)


def test_load__refuses_a_plain_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(NetworkFileError, match="not a network file"):
        nn.load(path)

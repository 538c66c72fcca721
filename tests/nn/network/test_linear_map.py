"""Maps with few entries and reshaping: cleartext meaning, files, stages, and an encrypted run."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import nn
from nn.errors import LayerParameterError, ShapeError
from nn.network.activation import Polynomial
from nn.network.error_growth import powers_before, variance_after
from nn.network.evaluation_error import rounding_after
from nn.network.graph import Network, Node
from nn.network.layers import Conv2d
from nn.network.linear_map import LinearMap, Reshape
from nn.stages.rewriting import rewrite

RNG = np.random.default_rng(5)
DENSE = np.where(RNG.random((6, 8)) < 0.4, RNG.normal(size=(6, 8)), 0.0)


def dense_map(
    dense: np.ndarray, in_shape: tuple[int, ...], out_shape: tuple[int, ...]
) -> LinearMap:
    rows, columns = np.nonzero(dense)
    bias = np.arange(len(dense), dtype=float)
    return LinearMap.from_entries(dense[rows, columns], rows, columns, bias, in_shape, out_shape)


def test_linear_map__is_its_matrix() -> None:
    layer = dense_map(DENSE, (2, 2, 2), (3, 2))
    x = RNG.normal(size=(5, 2, 2, 2))
    expected = x.reshape(5, 8) @ DENSE.T + np.arange(6)
    assert layer.output_shape((2, 2, 2)) == (3, 2)
    assert np.allclose(layer.forward(x).reshape(5, 6), expected, rtol=1e-14)
    assert np.allclose(variance_after(layer, [x], [np.ones_like(x)])[0].ravel(), (DENSE**2).sum(1))
    (back,) = powers_before(layer, [x], np.ones((5, 3, 2)), 2)
    assert np.allclose(back.reshape(5, 8), (DENSE**2).sum(0))
    bound = rounding_after(layer, [x], [np.zeros_like(x)])
    assert ((bound > 0) & (bound < 1e-13)).all()


def test_linear_map__adds_up_entries_in_one_place() -> None:
    layer = LinearMap.from_entries([1, 2, 3, -3], [0, 0, 1, 1], [1, 1, 0, 0], [0, 0], (2,), (2,))
    assert (layer.values.tolist(), layer.rows.tolist(), layer.columns.tolist()) == ([3], [0], [1])
    zero = LinearMap.from_entries([], [], [], [1, 2], (2,), (2,))
    assert zero.forward(np.ones((1, 2))).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [0, 2]}, "rows must be whole numbers from 0 to 1"),
        ({"columns": [0, 0.5]}, "columns must be whole"),
        ({"rows": [0, 0], "columns": [1, 1]}, "two entries in one place"),
        ({"bias": [0.0]}, "bias has shape"),
        ({"values": [1.0, np.nan]}, "holds 1 NaN"),
        ({"out_shape": ()}, "one to 8 lengths"),
        ({"rows": [0]}, "2 numbers are needed"),
    ],
)
def test_linear_map__refuses(change: dict[str, object], message: str) -> None:
    fields = {"values": [1.0, 2.0], "rows": [0, 1], "columns": [0, 1], "bias": [0.0, 0.0]}
    with pytest.raises(LayerParameterError, match=message):
        LinearMap(**{**fields, "in_shape": (2,), "out_shape": (2,), **change})  # type: ignore[arg-type]


def test_reshape__refuses_another_size() -> None:
    with pytest.raises(ShapeError, match="sizes differ"):
        Reshape((2, 2)).output_shape((5,))


def signal_network() -> Network:
    """Signals (2, 8) through a convolution, a square, a slice and a shift, to (2, 3)."""
    convolution = Conv2d(RNG.normal(size=(2, 2, 1, 3)), RNG.normal(size=2), padding=(0, 1))
    kept = np.eye(16)[[1, 3, 5, 9, 11, 13]]
    nodes = (
        Node("image", Reshape((2, 1, 8)), ("input",)),
        Node("conv", convolution, ("image",)),
        Node("square", Polynomial.square(), ("conv",)),
        Node("slice", dense_map(kept, (2, 1, 8), (2, 3)), ("square",)),
        Node("turned", Reshape((3, 2)), ("slice",)),
    )
    return Network("signals", (2, 8), nodes, (-1.0, 1.0))


def test_networks__of_maps_are_kept_in_files(tmp_path: Path) -> None:
    network = signal_network()
    nn.save(network, tmp_path / "file.npz")
    read = nn.load(tmp_path / "file.npz")
    x = RNG.normal(size=(3, 2, 8))
    assert read.fingerprint() == network.fingerprint()
    assert np.array_equal(read(x), network(x))
    assert np.array_equal(pickle.loads(pickle.dumps(network))(x), network(x))


def test_rewriting__reshaping_is_no_stage() -> None:
    assert [type(stage).__name__ for stage in rewrite(signal_network())] == [
        "AffineStage",
        "SquareStage",
        "AffineStage",
    ]


def test_networks__of_signals_run_encrypted_in_the_shapes_of_their_users() -> None:
    network = signal_network().calibrated(RNG.uniform(-1, 1, size=(50, 2, 8)))
    plan = nn.compile(network, N=2048, insecure_reason="a test", precision_bits=6)
    client = nn.Client(nn.read_plan(plan.to_bytes(), insecure_reason="a test"))
    server = nn.Server(plan, network, client.evaluation_keys())
    x = RNG.uniform(-1, 1, size=(2, 2, 8))
    found = client.decrypt(server.run(client.encrypt(x)))
    assert found.shape == (2, 3, 2)
    assert (np.abs(found - network(x)) <= plan.predicted_error.reshape(3, 2)).all()

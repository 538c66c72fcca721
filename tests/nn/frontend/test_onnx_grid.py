"""Every kind of ONNX model: converted and equal to its reference, or refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import nn
from nn.errors import NetworkError
from tests.nn.frontend.onnx_cases import CASES, NORM, REFUSED, one

TWINS = {
    # Before opset 14 the reference implementation takes statistics of the batch.
    "batch_norm_opset_11": lambda: one("BatchNormalization", NORM, epsilon=0.01),
}
TOLERANCES = {"float16": 1e-2, "float64": 1e-12}


def reference(model: onnx.ModelProto, images: Any) -> list[Any]:
    return list(ReferenceEvaluator(model).run(None, {"x": images}))


@pytest.mark.parametrize("name", CASES)
def test_from_onnx__converts(name: str) -> None:
    model = CASES[name]()
    network = nn.from_onnx(model.SerializeToString(), input_range=(-1, 1))
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 2
    rng = np.random.default_rng(3)
    dtype = name if name.startswith("float") else "float32"
    images = rng.uniform(-1, 1, (batch, *network.input_shape)).astype(dtype)
    expected = reference(TWINS.get(name, CASES[name])(), images)
    found = network.finished(network(images.astype(np.float64)))
    parts = [found] if isinstance(found, np.ndarray) else list(found)
    for part, wanted in zip(parts, expected, strict=len(parts) > 1):
        assert part.shape == wanted.shape
        tolerance = TOLERANCES.get(name, 2e-5)
        assert np.allclose(part, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", REFUSED)
def test_from_onnx__refuses(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(NetworkError, match=rf"(?s){message}"):
        nn.from_onnx(make().SerializeToString(), input_range=(-1, 1))


def test_grid__is_large() -> None:
    assert len(CASES) >= 60
    assert len(REFUSED) >= 30

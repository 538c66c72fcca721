"""from_onnx: files, what is missing in them, PyTorch's exporters, and damaged bytes."""

from __future__ import annotations

import builtins
import contextlib
import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional

import nn
from he.errors import HEError
from nn.errors import (
    InputRangeWarning,
    MissingPackageError,
    NetworkError,
    NetworkFileError,
    ShapeError,
)
from tests.nn.frontend.onnx_cases import CASES, VECTOR, chain, model, one, waves


class LeNet(torch_nn.Module):
    """Convolutions with ReLU and max-pool, and a view by the size of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch_nn.Conv2d(1, 3, 5, padding=2)
        self.norm = torch_nn.BatchNorm2d(3)
        self.conv2 = torch_nn.Conv2d(3, 4, 3)
        self.linear = torch_nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.conv1(x))), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.pad(x, (0, 1, 1, 0)).mean(2) + x[:, :, 0, :1]
        return functional.softmax(self.linear(x.reshape(x.size(0), -1)), 1)


@pytest.fixture(scope="module")
def lenet() -> LeNet:
    torch.manual_seed(4)
    return LeNet().eval()


def check(network: nn.Network, module: torch_nn.Module) -> None:
    images = torch.rand(3, *network.input_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(images).numpy()
    found = network.finished(network(images.double().numpy()))
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axes", [None, {"image": {0: "batch"}}])
@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_from_onnx__torchs_exporter(lenet: LeNet, opset: int, axes: Any) -> None:
    file = io.BytesIO()
    torch.onnx.export(
        lenet, (torch.rand(1, 1, 12, 12),), file, dynamo=False, opset_version=opset,
        input_names=["image"], dynamic_axes=axes,
    )  # fmt: skip
    check(nn.from_onnx(file.getvalue(), input_range=(0, 1)), lenet)


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.filterwarnings("ignore")
def test_from_onnx__torchs_new_exporter(lenet: LeNet, opset: int, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    program = torch.onnx.export(
        lenet, (torch.rand(2, 1, 12, 12),), dynamo=True, opset_version=opset, verbose=False
    )
    program.save(tmp_path / "lenet.onnx")
    network = nn.from_onnx(tmp_path / "lenet.onnx", "lenet", (0, 1))
    assert network.name == "lenet"
    check(network, lenet)


def test_from_onnx__names_nodes_as_the_file() -> None:
    network = nn.from_onnx(CASES["keras_dense"]().SerializeToString(), input_range=(0, 1))
    assert [node.name for node in network.nodes] == ["MatMul_0", "Add_1", "MatMul_2", "Add_3"]


def test_from_onnx__says_which_range_it_takes() -> None:
    with pytest.warns(InputRangeWarning, match=r"\[0, 1\] is taken"):
        network = nn.from_onnx(one("Neg").SerializeToString())
    assert network.input_range == (0, 1)


def test_from_onnx__open_lengths_are_given() -> None:
    data = model([("GlobalAveragePool", ["x"], ["y"], {})], shape=(3, "H", "W"))  # type: ignore[arg-type]
    network = nn.from_onnx(data.SerializeToString(), "open", (0, 1), input_shape=(3, 5, 7))
    assert network.input_shape == (3, 5, 7)
    with pytest.raises(ShapeError, match=r"axes \[2, 3\] open: pass input_shape"):
        nn.from_onnx(data.SerializeToString(), input_range=(0, 1))


def external(folder: Path) -> Path:
    """A model whose weights are in a file beside it."""
    path = folder / "model.onnx"
    onnx.save_model(
        chain(("MatMul", [waves(6, 300)], {}), ("MatMul", [waves(300, 2)], {}), shape=VECTOR),
        path, save_as_external_data=True, location="weights.bin", size_threshold=100,
    )  # fmt: skip
    return path


def test_from_onnx__reads_weights_beside_the_file(tmp_path: Path) -> None:
    path = external(tmp_path)
    assert nn.from_onnx(path, input_range=(0, 1)).output_shape == (2,)
    with pytest.raises(NetworkFileError, match=r"2 weights .* in another file: pass the path"):
        nn.from_onnx(path.read_bytes(), input_range=(0, 1))
    (tmp_path / "weights.bin").write_bytes(b"short")
    with pytest.raises(NetworkFileError, match="missing or damaged"):
        nn.from_onnx(path, input_range=(0, 1))
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(NetworkFileError, match=r"2 weights .* in another file, which is missing"):
        nn.from_onnx(path, input_range=(0, 1))


@pytest.mark.parametrize("data", [b"", b"no model", b"\x08\x07", bytes(100), "x" * 10])
def test_from_onnx__refuses_files_that_are_no_model(data: Any, tmp_path: Path) -> None:
    if isinstance(data, str):
        with pytest.raises(FileNotFoundError):
            nn.from_onnx(tmp_path / data, input_range=(0, 1))
        return
    (tmp_path / "x.onnx").write_bytes(data)
    for given in (data, tmp_path / "x.onnx"):
        with pytest.raises(NetworkFileError, match="no ONNX model"):
            nn.from_onnx(given, input_range=(0, 1))


def test_from_onnx__refuses_other_objects() -> None:
    for given in (None, 3, [], object()):
        with pytest.raises(HEError, match="path"):
            nn.from_onnx(given, input_range=(0, 1))  # type: ignore[arg-type]


FUZZED = [
    "conv", "keras_dense", "keras_channels_last", "reshape_by_shape", "split", "pad", "softmax",
    "local_function", "resize_linear", "max_pool_padded", "batch_norm", "expand",
]  # fmt: skip


@pytest.mark.parametrize("name", FUZZED)
def test_from_onnx__damaged_bytes_raise_named_errors(name: str) -> None:
    data = CASES[name]().SerializeToString()
    rng = random.Random(name)
    converted = 0
    for _ in range(60):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(bad))
            match rng.randrange(4):
                case 0:
                    bad[place] = rng.randrange(256)
                case 1:
                    bad[place] ^= 1 << rng.randrange(8)
                case 2:
                    del bad[place : place + rng.randint(1, 30)]
                case _:
                    bad[place:place] = bad[place : place + rng.randint(1, 30)]
        with contextlib.suppress(NetworkError, HEError):
            nn.from_onnx(bytes(bad), input_range=(-1, 1))
            converted += 1
    assert converted < 60


@pytest.mark.parametrize("name", FUZZED[:4])
def test_from_onnx__truncated_files_raise_named_errors(name: str) -> None:
    data = CASES[name]().SerializeToString()
    for end in range(0, len(data), max(1, len(data) // 40)):
        with pytest.raises((NetworkError, HEError)):
            nn.from_onnx(data[:end], input_range=(-1, 1))


def test_from_onnx__without_onnx_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def no_onnx(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "onnx":
            raise ImportError("No module named 'onnx'")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_onnx)
    with pytest.raises(MissingPackageError, match=r"pip install 'he-accel\[onnx\]'"):
        nn.from_onnx(b"", input_range=(0, 1))


def test_import__of_the_door_imports_neither_onnx_nor_torch() -> None:
    code = "import sys, nn.frontend.onnx_file; sys.exit(bool({'onnx', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

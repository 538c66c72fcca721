"""A deep ReLU network of PyTorch to an encrypted answer, by calls and by commands alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import nn
from nn.cli.main import main

RECIPE = {"activation": (7, 7), "margin": 0.625, "ranges": "layer"}
REASON = "unit test"


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    """Three residual layers of width 8."""

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.linear(x) + x)

    torch.manual_seed(5)
    layers = [torch.nn.Linear(8, 8), torch.nn.ReLU(), *[Residual() for _ in range(3)]]
    return torch.nn.Sequential(*layers, torch.nn.Linear(8, 3)).eval()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).uniform(-1, 1, (64, 8))


@pytest.fixture
def few_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Insecure rings hold any number of levels, so few are allowed."""
    monkeypatch.setattr("nn.packed.bootstrap_planner.MOST_DEPTH", 8)


@pytest.fixture
def options(images: np.ndarray, module: torch.nn.Module, tmp_path: Path) -> list[str]:
    """The network with its ReLUs as a file, with images, and the recipe as options."""
    path, data = tmp_path / "deep.npz", tmp_path / "images.npz"
    nn.save(nn.from_torch(module, images[:4], input_range=(-1.0, 1.0)), path)
    np.savez(data, images=images, labels=np.zeros(len(images), dtype=np.int64))
    return [
        *("--network", str(path), "--calibrate", str(data)),
        *("--activation", "7,7", "--margin", "0.625", "--ranges", "layer"),
        *("--precision", "3", "--ring-degree", "512", "--insecure-reason", REASON),
    ]


def test_relu_network__module_to_encrypted_answer(module, images, few_levels) -> None:
    network = nn.from_torch(module, images[:4], input_range=(-1.0, 1.0))
    approximated = nn.approximate(network, images, **RECIPE)
    plan = nn.compile(approximated, N=512, precision_bits=3, bootstrap=True, insecure_reason=REASON)
    assert plan.bootstraps >= 2
    client = nn.Client(plan)
    server = nn.Server(plan, approximated, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images[:3])))
    assert (np.abs(logits - approximated(images[:3])) <= plan.predicted_error).all()
    # Four ReLUs, each off by at most 2^-6 of a range of a few units.
    assert np.abs(logits - network(images[:3])).max() < 0.5


def test_commands__plan_and_infer_with_bootstraps(
    options: list[str], few_levels: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *options, "--bootstrap"]) == 0
    assert "bootstrap" in capsys.readouterr().out
    assert main(["plan", *options, "--no-bootstrap"]) == 0
    assert "bootstrap" not in capsys.readouterr().out
    data = options[options.index("--calibrate") + 1]
    folder = tmp_path / "weights"
    where = ["--memory", "0", "--weights-folder", str(folder)]
    assert main(["infer", *options, "--bootstrap", "--data", data, "--index", "1", *where]) == 0
    assert "image 1" in capsys.readouterr().out
    assert any(folder.iterdir())


def test_commands__refuse_ways_that_are_none(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["plan", *options, "--activation", "fast"])
    assert "degrees such as 15,25" in capsys.readouterr().err
    assert main(["plan", *options, "--activation", "7,6"]) == 2
    assert "odd degrees" in capsys.readouterr().err

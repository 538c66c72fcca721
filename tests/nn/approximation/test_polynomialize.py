"""Modules made of polynomials: the start is a fit, and training brings back what was lost."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn as torch_nn
from torch.nn import functional

import nn
from nn.errors import ApproximationError
from nn.frontend.pytorch import PolynomialActivation


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Functional(torch_nn.Module):
    """Activations as modules, functions and methods, a pool of each kind, and batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch_nn.Conv2d(1, 6, 3, padding=1)
        self.norm = torch_nn.BatchNorm2d(6)
        self.conv2 = torch_nn.Conv2d(6, 8, 3)
        self.pool = torch_nn.MaxPool2d(2)
        self.act = torch_nn.SiLU()
        self.fc1 = torch_nn.Linear(32, 16)
        self.fc2 = torch_nn.Linear(16, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.norm(self.conv1(x))), 2)
        x = self.pool(self.act(self.conv2(x)))
        return self.fc2(self.fc1(x.flatten(1)).relu())


@pytest.fixture(scope="module")
def digits():
    images, labels = nn.zoo.test_images("mnist")
    small = images[:3000].reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5))
    return small, labels[:3000]


@pytest.fixture(scope="module")
def trained(digits):
    torch.manual_seed(0)
    module = Functional()
    pixels = torch.tensor(digits[0], dtype=torch.float32)
    classes = torch.tensor(digits[1], dtype=torch.int64)
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    for _ in range(3):
        for rows in torch.randperm(2500).split(50):
            optimizer.zero_grad()
            functional.cross_entropy(module(pixels[rows]), classes[rows]).backward()
            optimizer.step()
    return module.eval()


@pytest.mark.parametrize("labelled", [False, True])
def test_polynomialize__training_brings_back_what_was_lost(trained, digits, labelled):
    images, labels = digits
    weights = copy.deepcopy(trained.state_dict())
    options = {"labels": labels[:2500]} if labelled else {}
    made = nn.polynomialize(trained, images[:2500], **options, epochs=6, learning_rate=4e-3)
    report = made.report
    assert (report.activations, report.pools, report.trained) == (3, 2, True)
    assert report.replaced < report.after - 0.1
    assert report.after >= report.original - 0.1  # of a network that is itself right on nine of ten
    assert "3 activations and 2 max-pools" in str(report)
    unseen, truth = torch.tensor(images[2500:], dtype=torch.float32), labels[2500:]
    with torch.no_grad():
        right = [float((m(unseen).argmax(1).numpy() == truth).mean()) for m in (trained, made)]
    assert right[1] >= right[0] - 0.05
    assert all((weights[key] == value).all() for key, value in trained.state_dict().items())


def test_polynomialize__result_is_a_network_of_degree_2(trained, digits):
    images, _ = digits
    made = nn.polynomialize(trained, images[:300], epochs=0)
    kinds = {type(layer) for layer in made.modules()}
    assert not kinds & {torch_nn.ReLU, torch_nn.SiLU, torch_nn.MaxPool2d}
    assert sum(isinstance(layer, PolynomialActivation) for layer in made.modules()) == 3
    network = nn.from_torch(made, images[:4], input_range=(0, 1))
    with torch.no_grad():
        expected = made(torch.tensor(images[:50], dtype=torch.float32)).numpy()
    assert np.abs(network(images[:50]) - expected).max() < 1e-4 * np.abs(expected).max()
    plan = nn.compile(network.calibrated(images[:300]))
    # Five linear layers, two of them pools that join the next one, and three squares.
    assert plan.params.max_level <= 8


@pytest.mark.parametrize("degree", [2, 3, 5])
def test_polynomialize__start_is_the_fit_of_least_squares(degree):
    """One ReLU over known values, beside the nearest polynomial of the degree."""
    torch.manual_seed(0)
    module = torch_nn.Sequential(torch_nn.Flatten(), torch_nn.Linear(4, 6), torch_nn.ReLU())
    images = np.random.default_rng(0).normal(size=(400, 4))
    made = nn.polynomialize(module, images, degree=degree, epochs=0)
    with torch.no_grad():
        before = module[:2](torch.tensor(images, dtype=torch.float32)).numpy().ravel()
        after = made(torch.tensor(images, dtype=torch.float32)).numpy().ravel()
    exact = np.maximum(before, 0)
    best = np.polynomial.Polynomial.fit(before.astype(float), exact, degree)
    error = np.mean((best(before) - exact) ** 2)
    # The whole range counts too, with a twentieth of the weight of the values.
    width = np.ptp(before)
    centre, radius = (before.min() + before.max()) / 2, 0.6 * width
    nodes = centre + radius * np.cos(np.pi * (np.arange(200) + 0.5) / 200)
    beside = np.mean((best(nodes) - np.maximum(nodes, 0)) ** 2)
    assert error <= np.mean((after - exact) ** 2) <= error + 0.051 * beside


def test_polynomialize__the_same_seed_gives_the_same_module(trained, digits):
    images, _ = digits
    first, second, other = (
        nn.polynomialize(trained, images[:300], epochs=1, seed=seed) for seed in (1, 1, 2)
    )
    x = torch.tensor(images[:5], dtype=torch.float32)
    with torch.no_grad():
        assert (first(x) == second(x)).all()
        assert (first(x) != other(x)).any()


def test_polynomialize__refuses_what_it_cannot_replace():
    images = np.zeros((30, 4))
    with pytest.raises(ApproximationError, match="no activation"):
        nn.polynomialize(torch_nn.Linear(4, 3), images)
    with pytest.raises(ApproximationError, match="two or more logits"):
        nn.polynomialize(torch_nn.Sequential(torch_nn.Linear(4, 1), torch_nn.ReLU()), images)

    class Branching(torch_nn.Module):
        def forward(self, x):
            return functional.relu(x) if x.sum() > 0 else x

    with pytest.raises(ApproximationError, match="branches on"):
        nn.polynomialize(Branching(), images)
    module = torch_nn.Sequential(torch_nn.Linear(4, 3), torch_nn.ReLU())
    with pytest.raises(ApproximationError, match="labels of shape"):
        nn.polynomialize(module, images, np.zeros(4, dtype=int))

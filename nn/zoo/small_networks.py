"""The zoo's networks for a table and for a signal, and their training.

Importing this file imports torch.

Both sets are small (hundreds of rows), so all of them are one batch, and the training rows are
varied at random: noise on every value, and for signals a shift in time and a change of scale.
"""

from __future__ import annotations

import argparse
import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from he.format.files import check_writable
from nn.errors import ZooError
from nn.frontend.torch_layers import PolynomialActivation
from nn.network.network_file import save
from nn.zoo.datasets import write_test_images
from nn.zoo.training import add_output_option, average_into, export, output_files, split
from ntt.terminal import CommandParser, run_command, show

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]
Data = tuple[Rows, Labels, Rows, Labels]
"""Training rows and labels, test rows and labels."""


@dataclass(frozen=True)
class Recipe:
    """Everything but the data that determines a network.

    noise: the standard deviation that is added to every value. shift: steps in time, at most.
    scale: the relative change of a signal, at most.
    """

    name: str
    build: Callable[[], nn.Sequential]
    input_range: tuple[float, float]
    steps: int = 600
    learning_rate: float = 1e-2
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    noise: float = 0.02
    shift: int = 0
    scale: float = 0.0
    average_decay: float = 0.98
    seed: int = 2026


def table_network() -> nn.Sequential:
    """30 features ``(B, 30)`` to two logits, by way of 16 values of degree 2."""
    return nn.Sequential(
        OrderedDict(
            fc1=nn.Linear(30, 16),
            norm1=nn.BatchNorm1d(16),
            act1=PolynomialActivation(channels=16),
            fc2=nn.Linear(16, 2),
        )
    )


class Mean(nn.Module):
    """The mean over time, ``(B, C, T)`` to ``(B, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean of each channel."""
        return torch.mean(x, 2)


def signal_network() -> nn.Sequential:
    """One signal ``(B, 1, 150)`` to two logits, by way of two convolutions of degree 2."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv1d(1, 8, 9, stride=3, padding=4),
            norm1=nn.BatchNorm1d(8),
            act1=PolynomialActivation(channels=8),
            conv2=nn.Conv1d(8, 16, 5, stride=2, padding=2),
            norm2=nn.BatchNorm1d(16),
            act2=PolynomialActivation(channels=16),
            mean=Mean(),
            fc=nn.Linear(16, 2),
        )
    )


def train(recipe: Recipe, rows: Tensor, labels: Tensor) -> nn.Sequential:
    """Train on all rows at once; return the averaged weights in evaluation mode."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = recipe.build()
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    for step in range(recipe.steps):
        logits = model(_varied(rows, recipe, generator))
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average_into(average, model, min(recipe.average_decay, step / (step + 10)))
    return average


def _varied(rows: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """The rows with noise, signals also shifted and scaled, within the input range."""
    count = len(rows)
    if recipe.shift:
        length = rows.shape[-1]
        shifts = torch.randint(-recipe.shift, recipe.shift + 1, (count, 1), generator=generator)
        places = (torch.arange(length) + shifts).clamp(0, length - 1)
        rows = rows.gather(-1, places[:, None])
    if recipe.scale:
        factors = 1 + recipe.scale * (2 * torch.rand(count, 1, 1, generator=generator) - 1)
        rows = rows * factors
    noise = torch.randn(rows.shape, generator=generator)
    return (rows + recipe.noise * noise).clamp(*recipe.input_range)


def accuracy(model: nn.Module, rows: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest logit is the label's."""
    with torch.no_grad():
        answers = model(rows).argmax(1)
    return float((answers == labels).double().mean())


def main(recipe: Recipe, read: Callable[[], Data], source: str) -> int:
    """The command line of a network's training script; returns its exit status.

    read: the data, from the package that `source` names.
    """
    return run_command(lambda: _run(recipe, read, source), ZooError)


def _run(recipe: Recipe, read: Callable[[], Data], source: str) -> int:
    parser = CommandParser(
        description=f"Train the zoo's network {recipe.name!r}. Deterministic for one version of "
        "torch on one kind of processor.",
        epilog=source,
    )
    add_output_option(parser)
    parser.add_argument(
        "--validate",
        action="store_true",
        help="train without a fifth of the training rows, print the accuracy on them, write "
        "nothing; the mean of five such runs",
    )
    arguments: argparse.Namespace = parser.parse_args()
    files = output_files(arguments.out, recipe.name)
    for path in files if not arguments.validate else ():
        check_writable(path)
    torch.set_num_threads(1)
    try:
        rows, labels, test_rows, test_labels = read()
    except ImportError as error:
        raise ZooError(f"{source} ({error})") from error
    x, y = torch.from_numpy(rows), torch.from_numpy(labels)
    if arguments.validate:
        show(f"{recipe.name}: held out {_held_out(recipe, x, y):.2%}")
        return 0
    model = train(recipe, x, y)
    test = accuracy(model, torch.from_numpy(test_rows), torch.from_numpy(test_labels))
    show(f"{recipe.name}: {test:.2%} of {len(test_rows)} test rows")
    network = export(recipe.name, model, x, recipe.input_range)
    print(network.summary())
    save(network, files[0])
    write_test_images(test_rows, test_labels.astype(np.uint8), files[1])
    return 0


def _held_out(recipe: Recipe, rows: Tensor, labels: Tensor) -> float:
    """The mean accuracy on each fifth of the rows, by a network that was trained on the others."""
    order = torch.cat(split(len(rows), 0))
    found = []
    for part in range(5):
        held_out = order[part::5]
        kept = order[torch.arange(len(order)) % 5 != part]
        model = train(recipe, rows[kept], labels[kept])
        found.append(accuracy(model, rows[held_out], labels[held_out]))
    return sum(found) / len(found)

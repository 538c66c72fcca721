"""Training of the zoo's networks. Importing this file imports torch.

All networks are ``conv - degree 2 - linear - degree 2 - linear``: a multiplicative depth of five,
which CKKS evaluates at N = 8192. The noise of an encrypted run has a fixed size, and a square
multiplies the noise by twice its input. So three measures keep the values small: batch
normalisation before each polynomial, a penalty on values beyond `Recipe.value_limit`, and quadratic
coefficients held within `QUADRATIC_RANGE`.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from he.format.files import check_writable
from nn.errors import ZooError
from nn.frontend.pytorch import from_torch
from nn.frontend.torch_layers import PolynomialActivation
from nn.network.folding import fold_batch_norms
from nn.network.graph import Network
from nn.network.network_file import save
from nn.zoo.datasets import Bytes, read_split, write_test_images
from ntt.terminal import CommandParser, positive, run_command

QUADRATIC_RANGE = (0.05, 2.0)
VALIDATION_IMAGES = 5000


@dataclass(frozen=True)
class Recipe:
    """Everything but the data that determines a network. Shifts are in pixels."""

    name: str
    channels: int = 8
    kernel: int = 5
    features: int = 64
    epochs: int = 20
    batch_size: int = 250
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    rotation_degrees: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    flip: bool = False
    value_limit: float = 8.0
    value_penalty: float = 1.0
    average_decay: float = 0.998
    seed: int = 2026


def build(recipe: Recipe) -> nn.Sequential:
    """The untrained model on images ``(B, 1, 28, 28)`` in [0, 1]."""
    channels, features = recipe.channels, recipe.features
    size = (28 + 2 * (recipe.kernel // 2) - recipe.kernel) // 2 + 1
    conv = nn.Conv2d(1, channels, recipe.kernel, stride=2, padding=recipe.kernel // 2)
    return nn.Sequential(
        OrderedDict(
            conv1=conv,
            norm1=nn.BatchNorm2d(channels),
            act1=PolynomialActivation(channels=channels),
            flatten=nn.Flatten(),
            fc1=nn.Linear(channels * size * size, features),
            norm2=nn.BatchNorm1d(features),
            act2=PolynomialActivation(channels=features),
            fc2=nn.Linear(features, 10),
        )
    )


def as_tensors(images: Bytes, labels: Bytes) -> tuple[Tensor, Tensor]:
    """Pixels / 255 as float32 ``(n, 1, 28, 28)``, and int64 labels."""
    pixels = torch.from_numpy(images[:, None].astype(np.float32) / np.float32(255))
    return pixels, torch.from_numpy(labels.astype(np.int64))


def augment(images: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Each image randomly rotated, zoomed, shifted and flipped.

    Images are resampled bicubically and clamped to [0, 1]: bilinear resampling blurs the strokes,
    and a network trained on blurred digits is worse on sharp digits.
    """
    count = len(images)

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * limit

    angle = uniform(math.radians(recipe.rotation_degrees))
    zoom_x, zoom_y = 1 + uniform(recipe.zoom), 1 + uniform(recipe.zoom)
    if recipe.flip:
        zoom_x = zoom_x * torch.randint(0, 2, (count,), generator=generator).mul(2).sub(1)
    half = images.shape[-1] / 2
    rows = [
        [angle.cos() * zoom_x, -angle.sin() * zoom_y, uniform(recipe.shift / half)],
        [angle.sin() * zoom_x, angle.cos() * zoom_y, uniform(recipe.shift / half)],
    ]
    transform = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    grid = functional.affine_grid(transform, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bicubic", align_corners=False).clamp(0, 1)


def train(
    recipe: Recipe, images: Tensor, labels: Tensor, watch: tuple[Tensor, Tensor] | None = None
) -> nn.Sequential:
    """Train on ``(n, 1, 28, 28)`` images; return the averaged weights in evaluation mode.

    watch: a held-out set whose accuracy is printed after each epoch; it does not affect the result.
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = build(recipe)
    average = copy.deepcopy(model).eval()
    steps = recipe.epochs * (len(images) // recipe.batch_size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=steps
    )
    started = time.perf_counter()
    for epoch in range(recipe.epochs):
        total = 0.0
        for batch in batches(len(images), recipe.batch_size, generator):
            inputs = augment(images[batch], recipe, generator)
            logits, excess = _forward_with_excess(model, inputs, recipe.value_limit)
            loss = functional.cross_entropy(
                logits, labels[batch], label_smoothing=recipe.label_smoothing
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss + recipe.value_penalty * excess)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            _hold_quadratics(model)
            step = schedule.last_epoch
            # The memory is short at first, so that the untrained weights are forgotten.
            average_into(average, model, min(recipe.average_decay, step / (step + 10)))
            total += loss.item()
        held_out = "" if watch is None else f", held out {accuracy(average, *watch):.2%}"
        print(
            f"{recipe.name}: epoch {epoch + 1}/{recipe.epochs}, "
            f"loss {total * recipe.epochs / steps:.4f}{held_out}, "
            f"{time.perf_counter() - started:.0f} s",
            flush=True,
        )
    return average


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images whose largest logit is the label's."""
    with torch.no_grad():
        answers = torch.cat([model(chunk).argmax(1) for chunk in torch.split(images, 1000)])
    return (answers == labels).double().mean().item()


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """A random order of ``0 .. count - 1`` in full batches, int64 ``(size,)`` each."""
    order = torch.randperm(count, generator=generator)
    yield from torch.split(order[: count - count % size], size)


def _forward_with_excess(
    model: nn.Sequential, inputs: Tensor, limit: float
) -> tuple[Tensor, Tensor]:
    """The logits, and the mean square by which the layers' values exceed `limit`."""
    values = inputs
    excess = torch.zeros(())
    for layer in model:
        values = layer(values)
        if not isinstance(layer, (nn.Conv2d, nn.Flatten)):
            excess = excess + functional.relu(values.abs() - limit).square().mean()
    return values, excess


def _hold_quadratics(model: nn.Module) -> None:
    """Keep every quadratic coefficient within `QUADRATIC_RANGE`, in place."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, PolynomialActivation):
                module.coefficients[:, 2].clamp_(*QUADRATIC_RANGE)


def average_into(average: nn.Module, model: nn.Module, decay: float) -> None:
    """``average = decay average + (1 - decay) model``, batch statistics included."""
    with torch.no_grad():
        state = model.state_dict()
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(state[name], 1 - decay)


def export(
    name: str, model: nn.Module, rows: Tensor, input_range: tuple[float, float] = (0.0, 1.0)
) -> Network:
    """The trained model as a folded Network with float32 weights and statistics over `rows`."""
    network = from_torch(model, rows[:100], name, input_range=input_range)
    folded = fold_batch_norms(network)
    nodes = []
    for node in folded.nodes:
        arrays = {
            field.name: getattr(node.layer, field.name).astype(np.float32)
            for field in fields(node.layer)
            if isinstance(getattr(node.layer, field.name), np.ndarray)
            and getattr(node.layer, field.name).dtype.kind == "f"
        }
        nodes.append(replace(node, layer=replace(node.layer, **arrays)))
    return replace(folded, nodes=tuple(nodes)).calibrated(rows.numpy())


def main(recipe: Recipe, source: str) -> int:
    """The command line of a network's training script; returns its exit status.

    source: where the images are from.
    """
    return run_command(lambda: _run(recipe, source), ZooError)


def _run(recipe: Recipe, source: str) -> int:
    parser = CommandParser(
        description=f"Train the zoo's network {recipe.name!r}. Deterministic for one version of "
        "torch on one kind of processor.",
        epilog=source,
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the four IDX files, gzipped or not"
    )
    add_output_option(parser)
    parser.add_argument(
        "--validate",
        action="store_true",
        help=f"train without {VALIDATION_IMAGES} of the training images, print the accuracy on "
        "them, write nothing",
    )
    parser.add_argument("--threads", type=positive, default=1, help="torch's threads (default: 1)")
    arguments = parser.parse_args()
    files = output_files(arguments.out, recipe.name)
    for path in files if not arguments.validate else ():
        check_writable(path)
    torch.set_num_threads(arguments.threads)
    images, labels = as_tensors(*read_split(arguments.data, "train"))
    if arguments.validate:
        held_out, kept = split_for_validation(len(images))
        train(recipe, images[kept], labels[kept], (images[held_out], labels[held_out]))
        return 0
    test = read_split(arguments.data, "test")
    network = export(recipe.name, train(recipe, images, labels), images)
    print(network.summary())
    save(network, files[0])
    write_test_images(*test, files[1])
    return 0


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--out``, the folder of `output_files`."""
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="where to write (default: the zoo)"
    )


def output_files(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a network and of its test set."""
    return folder / f"{name}.npz", folder / f"{name}_test.npz"


def split_for_validation(count: int) -> tuple[Tensor, Tensor]:
    """The indices of the images held out and of those kept, the same in every run."""
    return split(count, VALIDATION_IMAGES)


def split(count: int, held_out: int) -> tuple[Tensor, Tensor]:
    """A random choice of `held_out` of `count` indices, and the others; the same in every run."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return order[:held_out], order[held_out:]

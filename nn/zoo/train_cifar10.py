"""Train the zoo's `cifar10`: ``python -m nn.zoo.train_cifar10 --data FILE --test FILE``.

A ResNet-20 whose activations are polynomials of degree 2 from the start. With ``--teacher`` it
starts from a ResNet-20 with ReLU, each activation fitted to ReLU, and imitates the logits and the
values after each group of blocks. Early epochs see windows of the images, which takes less time.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from he.format.files import check_writable, replaced_file
from nn.errors import ZooError
from nn.network.graph import Network
from nn.network.layers import FloatArray
from nn.network.network_file import save
from nn.zoo.colour_images import as_pixels, read_jpegs, read_test_images
from nn.zoo.datasets import write_test_images
from nn.zoo.relu_teacher import ReluTeacher
from nn.zoo.residual_network import ResNet20, hermite
from nn.zoo.training import (
    accuracy,
    add_output_option,
    average_into,
    batches,
    export,
    output_files,
    split,
)
from ntt.terminal import CommandParser, positive, run_command, show

HELD_OUT = 2000
STARTING_IMAGES = 1000
"""So many training images give the start's activations their moments."""
STATISTICS_IMAGES = 1000
"""So many training images give the exported network its statistics."""

NAME = "cifar10"
SIDE = 32


@dataclass(frozen=True)
class Recipe:
    """Everything but the data that determines the network.

    windows: epochs, and the side of the images that they see. shift: pixels. temperature: by which
    logits are divided before the student's distribution is compared with the teacher's.
    teacher_share: of the loss; the rest is for labels. feature_weight: of the distance of values
    after the groups of blocks. penalty: of values beyond their usual deviations. settling: the
    last epochs start from the averaged weights, and pay a higher penalty, so that no image goes
    astray where values are not held.
    """

    windows: tuple[tuple[int, int], ...] = ((4, 24), (5, 28), (5, 32))
    batch_size: int = 250
    learning_rate: float = 0.05
    warm_up: float = 0.15
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    temperature: float = 3.0
    teacher_share: float = 0.6
    feature_weight: float = 0.5
    penalty: float = 2.0
    settling_epochs: int = 1
    settling_rate: float = 2e-3
    settling_penalty: float = 40.0
    settling_decay: float = 0.98
    clip: float = 2.0
    shift: int = 4
    average_decay: float = 0.998
    seed: int = 2026

    @property
    def epochs(self) -> int:
        """All epochs."""
        return sum(epochs for epochs, _ in self.windows) + self.settling_epochs

    def settles(self, epoch: int) -> bool:
        """Whether it is one of the last epochs."""
        return epoch >= self.epochs - self.settling_epochs

    def side(self, epoch: int) -> int:
        """The side of the images of an epoch."""
        sides = [side for epochs, side in self.windows for _ in range(epochs)]
        return SIDE if self.settles(epoch) else sides[epoch]

    def rate(self, done: float) -> float:
        """The learning rate when a share `done` of the steps before settling is done.

        Up and down by cosines; from there on `settling_rate`.
        """
        if done >= 1:
            return self.settling_rate
        if done < self.warm_up:
            begin, end, part = 0.1, 1.0, done / self.warm_up
        else:
            begin, end, part = 1.0, 0.0, (done - self.warm_up) / (1 - self.warm_up)
        return self.learning_rate * (end + (begin - end) * (1 + math.cos(math.pi * part)) / 2)


class Trainer:
    """The state of one training, which a file can keep between two epochs.

    images ``(n, 32, 32, 3)`` uint8, labels ``(n,)`` int64, 0 to 9. compiled: whether torch compiles
    the activations, which takes a C++ compiler. Raises `ZooError` for too few images for a batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        images: Tensor,
        labels: Tensor,
        teacher: ReluTeacher | None,
        compiled: bool,
    ) -> None:
        self.recipe, self.labels, self.teacher = recipe, labels, teacher
        margin = recipe.shift
        self.padded = torch.full(
            (len(images), SIDE + 2 * margin, SIDE + 2 * margin, 3), 120, dtype=torch.uint8
        )
        self.padded[:, margin : margin + SIDE, margin : margin + SIDE] = images
        held_out, self.kept = split(len(images), min(HELD_OUT, len(images) // 5))
        self.steps = len(self.kept) // recipe.batch_size
        if not self.steps:
            raise ZooError(
                f"{len(images)} images: without those held out, {recipe.batch_size} at least are "
                "needed for a batch"
            )
        self.watch = as_pixels(images[held_out]), labels[held_out]
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.distance: Callable[[Tensor, Tensor], Tensor] = relative_distance
        activation = hermite
        if compiled:
            activation = torch.compile(hermite, dynamic=False)
            self.distance = torch.compile(relative_distance, dynamic=False)
        self.model = ResNet20(activation).train()
        for weight in self.model.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        if teacher is not None:
            order = torch.randperm(len(self.kept), generator=self.generator)
            some = self.kept[order[:STARTING_IMAGES]]
            teacher.start(self.model, as_pixels(images[some]))
        self.average = ResNet20().eval()
        self.average.load_state_dict(self.model.state_dict())
        weights = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() <= 1]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": recipe.weight_decay},
            {"params": others},
        ]
        self.optimizer = torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=True,
        )
        self.epoch = 0

    def run_epoch(self) -> str:
        """Train for one epoch; a line of what came of it."""
        recipe, began = self.recipe, time.perf_counter()
        total = excess = 0.0
        settles = recipe.settles(self.epoch)
        penalty = recipe.settling_penalty if settles else recipe.penalty
        longest = recipe.settling_decay if settles else recipe.average_decay
        if settles:
            self.model.load_state_dict(self.average.state_dict())
        before = (recipe.epochs - recipe.settling_epochs) * self.steps
        for step, batch in enumerate(batches(len(self.kept), recipe.batch_size, self.generator)):
            done = (self.epoch * self.steps + step) / before
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.rate(done)
            chosen = self.kept[batch]
            loss = self._loss(self._views(chosen), self.labels[chosen])
            beyond = self.model.excess()
            self.optimizer.zero_grad()
            torch.autograd.backward(loss + penalty * beyond)
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            self.optimizer.step()
            for _, layer in self.model.layers():
                layer.hold_square()
            taken = self.epoch * self.steps + step + 1
            # The memory is short at first, so that the starting weights are forgotten.
            average_into(self.average, self.model, min(longest, taken / (taken + 10)))
            total, excess = total + loss.item(), excess + beyond.item()
        self.epoch += 1
        return (
            f"{NAME}: epoch {self.epoch}/{recipe.epochs}, side {recipe.side(self.epoch - 1)}, "
            f"loss {total / self.steps:.4f}, excess {excess / self.steps:.2g}, held out "
            f"{accuracy(self.average, *self.watch):.2%}, {time.perf_counter() - began:.0f} s"
        )

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        recipe, wanted = self.recipe, None
        goals: list[Tensor] = []
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if self.teacher is not None:
                with torch.no_grad():
                    wanted, goals = self.teacher.with_features(images)
            logits, features = self.model.with_features(images)
        logits = logits.float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if wanted is None:
            return loss
        ours, theirs = (
            functional.log_softmax(values.float() / recipe.temperature, 1)
            for values in (logits, wanted)
        )
        imitation = functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        imitation = imitation * recipe.temperature**2
        far = [self.distance(*pair) for pair in zip(features, goals, strict=True)]
        return (
            (1 - recipe.teacher_share) * loss
            + recipe.teacher_share * imitation
            + recipe.feature_weight * torch.stack(far).mean()
        )

    def _views(self, chosen: Tensor) -> Tensor:
        """Random windows of the chosen images, flipped at random, as pixels / 255.

        A window smaller than the image stays within it; one of its size may reach over the edge.
        """
        side = self.recipe.side(self.epoch)
        margin = self.recipe.shift if side < SIDE else 0
        room = self.padded.shape[1] - side - 2 * margin
        shape = 2, len(chosen)
        top, left = margin + torch.randint(0, room + 1, shape, generator=self.generator)
        flips = torch.randint(0, 2, (len(chosen), 1), generator=self.generator).bool()
        places = torch.arange(side)
        rows = top[:, None] + places
        columns = left[:, None] + torch.where(flips, side - 1 - places, places)
        return as_pixels(self.padded[chosen[:, None, None], rows[:, :, None], columns[:, None]])

    def keep(self, path: Path) -> None:
        """Write the state to a file, whole or not at all; raises `OSError`."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "epoch": self.epoch,
        }
        with replaced_file(path, "wb") as file:
            torch.save(state, file)

    def resume(self, path: Path) -> None:
        """Go on from a file that `keep` wrote; raises `ZooError` for any other."""
        try:
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.generator.set_state(state["generator"])
            self.epoch = state["epoch"]
        except Exception as error:  # whatever the parsers raise on bytes of any kind
            raise ZooError(
                f"{path} holds no training that was begun with this recipe ({error}): name another "
                "file"
            ) from error


def relative_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean square of the difference over that of the wanted values."""
    found, wanted = found.float(), wanted.float()
    return (found - wanted).square().mean() / wanted.square().mean()


def main() -> int:
    """The command line; returns its exit status."""
    return run_command(_run, ZooError)


def _run() -> int:
    arguments = _arguments()
    files = output_files(arguments.out, NAME)
    kept: Path | None = arguments.checkpoint
    for path in files if kept is None else [*files, kept]:
        check_writable(path)
    torch.set_num_threads(arguments.threads)
    test_images, test_labels = read_test_images(arguments.test)
    teacher = None if arguments.teacher is None else ReluTeacher.read(arguments.teacher)
    images, labels = read_jpegs(arguments.data)
    trainer = Trainer(Recipe(), images, labels, teacher, arguments.compile)
    if kept is not None and kept.exists():
        trainer.resume(kept)
    while trainer.epoch < trainer.recipe.epochs:
        show(trainer.run_epoch())
        if kept is not None:
            trainer.keep(kept)
    model = trainer.average
    model.fold()
    test = torch.tensor(test_images).float() / 255, torch.tensor(test_labels).long()
    show(f"{NAME}: {accuracy(model, *test):.2%} of {len(test_labels)} test images")
    chosen = trainer.kept[torch.randperm(len(trainer.kept), generator=trainer.generator)]
    network = export(NAME, model, as_pixels(images[chosen[:STATISTICS_IMAGES]]))
    print(network.summary())
    save(by_channel(network), files[0])
    write_test_images(test_images, test_labels, files[1])
    return 0


def by_channel(network: Network) -> Network:
    """The network with each channel's largest statistics for all its pixels: a small file."""
    assert network.statistics is not None
    return replace(
        network,
        statistics={
            name: replace(found, max_abs=_by_channel(found.max_abs), rms=_by_channel(found.rms))
            for name, found in network.statistics.items()
        },
    )


def _by_channel(values: FloatArray) -> FloatArray:
    if values.ndim != 3:
        return values
    largest = values.max(axis=(1, 2), keepdims=True)
    return np.broadcast_to(largest, values.shape).copy()


def _arguments() -> argparse.Namespace:
    parser = CommandParser(
        description=f"Train the zoo's network {NAME!r}.",
        epilog="CIFAR-10: Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="npz file of the training images: jpeg, offsets, labels",
    )
    parser.add_argument(
        "--test", type=Path, required=True, help="npz file of test images: images, labels"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        help="npz file of a ResNet-20 with ReLU, as AutoFHE publishes one, to start from",
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="keep the state here after each epoch, and go on from it"
    )
    parser.add_argument(
        "--compile", action="store_true", help="compile the activations; takes a C++ compiler"
    )
    add_output_option(parser)
    parser.add_argument("--threads", type=positive, default=1, help="torch's threads (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

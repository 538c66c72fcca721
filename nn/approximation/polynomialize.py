"""`polynomialize`: a PyTorch module whose activations are polynomials. Importing it imports torch.

A network that is trained with its polynomials needs degree 2 where an approximation without
training needs degree 7 and more. The start is a fit of least squares over the values of each
activation, one layer after the other, and training brings back what the replacement lost.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, fx, nn
from torch.nn import functional

from he.validation import instance, whole_number
from nn.approximation.torch_replacement import PolynomialRange, replace_all, traced
from nn.errors import ApproximationError

_MOST_FIT_IMAGES = 512
_BATCH = 64
_MOST_DEGREE = 15
_PENALTY = 0.1
_TEMPERATURE = 2.0


@dataclass(frozen=True)
class PolynomializeReport:
    """How often a module is right: as it was, with polynomials before training, and after it.

    With labels the parts of the images that are classified right; without labels `original` is 1,
    and the others are the parts whose answer is that of the original module. trained: whether there
    was any training. The images are those that the module was made with, so that the truth about
    other images is a little worse.
    """

    original: float
    replaced: float
    after: float
    activations: int
    pools: int
    trained: bool

    def __str__(self) -> str:
        return (
            f"{self.activations} activations and {self.pools} max-pools replaced: right answers "
            f"{100 * self.original:.2f} % before, {100 * self.replaced:.2f} % replaced, "
            f"{100 * self.after:.2f} % {'trained' if self.trained else 'without training'}"
        )


class Polynomialized(nn.Module):
    """A module of polynomial activations and average pools, with the report of its making."""

    def __init__(self, inner: nn.Module, report: PolynomializeReport) -> None:
        super().__init__()
        self.inner = inner
        self.report = report

    def forward(self, x: Tensor) -> Any:
        """What the inner module computes."""
        return self.inner(x)


def polynomialize(
    module: nn.Module,
    images: ArrayLike | Tensor,
    labels: ArrayLike | Tensor | None = None,
    *,
    degree: int = 2,
    epochs: int = 2,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Polynomialized:
    """A copy of a module with polynomials of a degree, and average in place of max-pools, trained.

    images: ``(B, ..)``, the more the better: thousands. labels: ``(B,)``, the classes; without them
    the copy learns the answers of the module itself (distillation). epochs: how often the training
    sees all images; 0 replaces only, and refits the batch norms.

    Each polynomial starts as the least-squares fit over the values that its activation reads, one
    for each channel of an image; then batch norms measure their means and variances again. Training
    uses Adam, clips gradients at 1, and holds the values near the ranges where the polynomials were
    fitted. The module itself does not change, and `report` of the result tells what was lost.

    The same seed gives the same training on the same machine with the same number of threads.

    Raises `ApproximationError` for a module that torch.fx cannot trace, for a degree below 2 or
    above 15, and for a module without activations to replace.
    """
    instance(module, nn.Module, "module")
    degree = whole_number(degree, "degree", 2, _MOST_DEGREE)
    epochs = whole_number(epochs, "epochs", 0)
    pixels = _tensor(images, next((p.dtype for p in module.parameters()), torch.float32))
    classes = None if labels is None else _tensor(labels, torch.int64)
    if classes is not None and classes.shape != pixels.shape[:1]:
        raise ApproximationError(
            f"labels of shape {tuple(classes.shape)}: one for each of {len(pixels)} images needed"
        )
    teacher = copy.deepcopy(module).eval()
    student = traced(teacher)
    ranges, pools = replace_all(student, pixels[:_MOST_FIT_IMAGES], degree)
    targets = _outputs(teacher, pixels)
    truth = targets.argmax(1) if classes is None else classes
    _refit_batch_norms(student, pixels)
    replaced = _right(student, pixels, truth)
    if epochs:
        generator = torch.Generator().manual_seed(seed)
        _train(student, pixels, targets, classes, ranges, epochs, learning_rate, generator)
    report = PolynomializeReport(
        float((targets.argmax(1) == truth).double().mean()),
        replaced,
        _right(student, pixels, truth),
        len(ranges),
        pools,
        bool(epochs),
    )
    return Polynomialized(student.eval(), report)


def _tensor(given: ArrayLike | Tensor, kind: torch.dtype) -> Tensor:
    tensor = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
    return tensor.detach().cpu().to(kind)


# -- training -------------------------------------------------------------------------------------


def _batches(count: int, generator: torch.Generator | None = None) -> Iterator[Tensor]:
    order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    yield from order.split(_BATCH)


def _outputs(module: nn.Module, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        found = [module(pixels[rows]) for rows in _batches(len(pixels))]
    if not isinstance(found[0], Tensor) or found[0].ndim != 2 or found[0].shape[1] < 2:
        raise ApproximationError("the module must give one row of two or more logits an image")
    return torch.cat(found)


def _right(module: nn.Module, pixels: Tensor, truth: Tensor) -> float:
    module.eval()
    return float((_outputs(module, pixels).argmax(1) == truth).double().mean())


def _refit_batch_norms(module: nn.Module, pixels: Tensor) -> None:
    """Measure the means and variances of batch norms again."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    tracked = [norm for norm in norms if norm.track_running_stats]
    if not tracked:
        return
    kept = [norm.momentum for norm in tracked]
    module.eval()
    for norm in tracked:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    with torch.no_grad():
        for rows in _batches(len(pixels)):
            if len(rows) > 1:
                module(pixels[rows])
    for norm, momentum in zip(tracked, kept, strict=True):
        norm.momentum = momentum
        norm.eval()


def _train(
    student: fx.GraphModule,
    pixels: Tensor,
    targets: Tensor,
    classes: Tensor | None,
    ranges: list[PolynomialRange],
    epochs: int,
    learning_rate: float,
    generator: torch.Generator,
) -> None:
    excess: list[Tensor] = []
    hooks = [
        one.polynomial.register_forward_pre_hook(
            lambda _, given, one=one: excess.append(one.excess(given[0]))
        )
        for one in ranges
    ]
    optimizer = torch.optim.Adam(student.parameters(), learning_rate)
    steps = epochs * -(-len(pixels) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * learning_rate, total_steps=steps)
    student.train()
    for _ in range(epochs):
        for rows in _batches(len(pixels), generator):
            optimizer.zero_grad()
            excess.clear()
            logits = student(pixels[rows])
            loss = _distance(logits, targets[rows])
            if classes is not None:
                loss = (loss + functional.cross_entropy(logits, classes[rows])) / 2
            loss = loss + _PENALTY * torch.stack(excess).sum()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    for hook in hooks:
        hook.remove()
    student.eval()


def _distance(logits: Tensor, targets: Tensor) -> Tensor:
    """The divergence of softened answers, and a little of the logits' own distance."""
    soft = functional.kl_div(
        functional.log_softmax(logits / _TEMPERATURE, 1),
        functional.softmax(targets / _TEMPERATURE, 1),
        reduction="batchmean",
    )
    scale = targets.square().mean().clamp_min(1e-6)
    return _TEMPERATURE**2 * soft + 0.1 * functional.mse_loss(logits, targets) / scale

"""`approximate`: a network with activations of any kind, made of polynomials, without training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from he.validation import instance, real_number, shown
from nn.approximation.choice import (
    Assembled,
    agreement,
    assemble,
    effects_of,
    largest_move,
    least_levels,
    single_choices,
)
from nn.approximation.minimax import check_degree
from nn.approximation.samples import DEFAULT_MARGIN, Ranges, RangesOf
from nn.approximation.signs import nearest_composite
from nn.approximation.sites import sites_of
from nn.errors import ApproximationError
from nn.network.activation import Chebyshev
from nn.network.graph import Network
from nn.network.images import as_batch
from nn.network.layers import FloatArray

MaxPool = Literal["maximum", "average", "either"]
Wanted = Literal["exact", "cheap"] | int | tuple[int, ...]

EXACT_MOVE = 2.0**-6
"""What "exact" means: no logit moves by more than this part of the largest one."""

CHEAP_AGREEMENT = 0.99
"""What "cheap" means: of so many images the answer is that of the original network."""

CHEAP_LOSS = 0.003
"""What "cheap" means with labels: the part of right answers falls by no more than this."""

FEWEST_IMAGES = 20


@dataclass(frozen=True)
class SiteSummary:
    """What became of one layer.

    name, function: of the layer. method: how it is computed. low, high: the range that its
    polynomials are made for. error: a bound on the error of its value, for inputs in the range.
    """

    name: str
    function: str
    method: str
    levels: int
    low: float
    high: float
    error: float


@dataclass(frozen=True, eq=False)
class Approximation:
    """An approximated network, beside the one that it stands for.

    network: of polynomials alone, calibrated. agreement: the part of the calibration images whose
    answer is the same. largest_move: the largest difference of a logit over these images, in units
    of the largest logit.
    """

    network: Network
    sites: tuple[SiteSummary, ...]
    agreement: float
    largest_move: float

    def __str__(self) -> str:
        rows = [("layer", "function", "computed as", "levels", "range", "error at most")]
        rows += [
            (
                site.name,
                site.function,
                site.method,
                str(site.levels),
                f"{site.low:.3g} to {site.high:.3g}",
                f"{site.error:.2g}",
            )
            for site in self.sites
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        share = f"{100 * self.agreement:.1f} % of the calibration images have the same answer"
        return "\n".join(
            [*lines, f"{share}; no logit moves by more than {self.largest_move:.2g} of the largest"]
        )


def approximate(
    network: Network,
    images: ArrayLike,
    activation: Wanted = "cheap",
    *,
    labels: ArrayLike | None = None,
    max_pool: MaxPool | None = None,
    margin: float = DEFAULT_MARGIN,
    ranges: RangesOf = "channel",
) -> Network:
    """The network with every activation and maximum computed by polynomials, calibrated.

    images: of the kind that the network will see, ``(B, *input_shape)``, and best such that it was
    not trained on: its answers for those are surer than others. Hundreds are better than tens.

    activation: "cheap" takes the fewest levels for which `CHEAP_AGREEMENT` of the images keep their
    answer; with `labels`, ``(B,)``, for which no more than `CHEAP_LOSS` of the right answers are
    lost. "exact" takes those for which no logit of the images moves by more than `EXACT_MOVE` of
    the largest. A number is the degree of all polynomials. Several, such as ``(15, 25)``, are the
    odd degrees of the composite sign by which every ReLU, LeakyReLU, abs and maximum is computed:
    for deep networks, whose plans bootstrap.

    max_pool: "maximum" computes maxima, "average" puts a multiple of the average in their place,
    "either" what takes fewer levels; the default is "either" for "cheap", else "maximum". margin:
    how much wider a range is than the values of the images, each side, in units of its width.
    ranges: "channel" gives each channel a range of its own, "layer" one to all of a layer, which
    more images keep within.

    The polynomials are near the functions within these ranges alone. Beyond, they grow without
    bound: `outside_ranges` says for images in the clear where they leave them, and the client
    reports an answer with `AnswerError` that is larger than the plan promises.

    A network without such layers is calibrated alone. `approximation` tells what was chosen. Raises
    `ApproximationError` where no choice comes near enough, and for fewer than `FEWEST_IMAGES`
    images.
    """
    found = approximation(
        network, images, activation, labels=labels, max_pool=max_pool, margin=margin, ranges=ranges
    )
    return found.network


def approximation(
    network: Network,
    images: ArrayLike,
    activation: Wanted = "cheap",
    *,
    labels: ArrayLike | None = None,
    max_pool: MaxPool | None = None,
    margin: float = DEFAULT_MARGIN,
    ranges: RangesOf = "channel",
) -> Approximation:
    """`approximate`, with what was chosen and how near it is; printed, it is a table."""
    instance(network, Network, "network")
    batch = as_batch(images, network.input_shape, f"network {network.name!r}")
    pools = max_pool or ("either" if activation == "cheap" else "maximum")
    _check(batch, activation, pools)
    truth = None if labels is None else _checked_labels(labels, len(batch))
    taken = _checked_ranges(margin, ranges)
    exact = network(batch)
    plain = replace(network, statistics=None)
    if isinstance(activation, tuple | int):
        chosen = single_choices(sites_of(plain), activation, average=pools == "average")
        made = assemble(plain, batch, chosen, taken)
    else:
        made = _fewest_levels(plain, batch, _Goal(activation, exact, truth), pools, taken)
    made_network = replace(plain, nodes=made.nodes).calibrated(batch)
    return Approximation(
        made_network,
        _summaries(network, made),
        agreement(made.answers, exact),
        largest_move(made.answers, exact),
    )


def outside_ranges(network: Network, images: ArrayLike) -> FloatArray:
    """How far each image leaves the ranges of an approximated network, ``(B,)``.

    The largest size of a value that a polynomial on [-1, 1] reads: up to 1 all approximations hold.
    """
    batch = as_batch(images, network.input_shape, f"network {network.name!r}")
    with np.errstate(over="ignore", invalid="ignore"):
        values = network.values(batch)
    reached = np.zeros(len(batch))
    for node in network.nodes:
        if isinstance(node.layer, Chebyshev):
            value = values[node.inputs[0]].reshape(len(batch), -1)
            size = np.nan_to_num(np.abs(value), nan=np.inf).max(axis=1)
            reached = np.maximum(reached, size)
    return reached


@dataclass(frozen=True, eq=False)
class _Goal:
    """What the answers of the calibration images must be: near enough, or right often enough."""

    activation: str
    exact: FloatArray
    labels: np.ndarray | None

    def __call__(self, answers: FloatArray) -> bool:
        """Whether these answers of the first images suffice."""
        count = len(answers)
        exact = self.exact[:count]
        if self.activation == "exact":
            return largest_move(answers, exact) <= EXACT_MOVE
        if self.labels is None:
            return agreement(answers, exact) >= CHEAP_AGREEMENT
        right, before = (
            np.nan_to_num(logits.reshape(count, -1)).argmax(axis=1) == self.labels[:count]
            for logits in (answers, exact)
        )
        finite = np.isfinite(answers).all()
        return bool(finite and right.mean() >= before.mean() - CHEAP_LOSS)


def _fewest_levels(
    network: Network, batch: FloatArray, suffices: _Goal, pools: str, ranges: Ranges
) -> Assembled:
    """The choices of the fewest levels, with maxima, averages or either."""
    best: Assembled | None = None
    for averages in {"maximum": (False,), "average": (True,)}.get(pools, (True, False)):
        option, before = _averaged(network, batch, ranges) if averages else (network, None)
        effects = effects_of(option, batch, ranges=ranges)
        least = math.inf if best is None else best.levels
        found = least_levels(option, batch, effects, ranges, suffices, least)
        if found is not None:
            best = found if before is None else before.followed_by(found)
    if best is None:
        raise ApproximationError(
            f"network {network.name!r}: no choice of polynomials is {suffices.activation!r}; give "
            f"more calibration images, choose a degree, or train it with nn.polynomialize"
        )
    return best


def _averaged(network: Network, batch: FloatArray, ranges: Ranges) -> tuple[Network, Assembled]:
    """The network with averages in place of maxima over windows."""
    pools: Mapping[str, None] = {
        site.name: None for site in sites_of(network) if site.what == "max pool"
    }
    made = assemble(network, batch, pools, ranges)
    return replace(network, nodes=made.nodes), made


def _summaries(network: Network, made: Assembled) -> tuple[SiteSummary, ...]:
    found = []
    for site in sites_of(network):
        choice, replaced = made.choices[site.name], made.replaced[site.name]
        found.append(
            SiteSummary(
                site.name,
                site.what,
                "average" if choice is None else choice.label,
                site.levels(choice),
                replaced.low,
                replaced.high,
                replaced.error,
            )
        )
    return tuple(found)


def _checked_labels(labels: ArrayLike, count: int) -> np.ndarray:
    found = np.asarray(labels)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise ApproximationError(
            f"labels of shape {found.shape} and type {found.dtype}: a whole number for each of the "
            f"{count} images is needed"
        )
    return found


def _checked_ranges(margin: float, ranges: RangesOf) -> Ranges:
    margin = real_number(margin, "margin")
    if margin < 0:
        raise ApproximationError(f"margin = {margin}: a number of at least 0 is needed")
    if ranges not in ("channel", "layer"):
        raise ApproximationError(f"ranges = {ranges!r}: 'channel' or 'layer' is needed")
    return Ranges(margin, ranges)


def _check(batch: FloatArray, activation: object, max_pool: object) -> None:
    if len(batch) < FEWEST_IMAGES:
        raise ApproximationError(
            f"{len(batch)} calibration images: at least {FEWEST_IMAGES} are needed, hundreds are "
            f"better"
        )
    check_wanted(activation)
    if max_pool not in ("maximum", "average", "either"):
        raise ApproximationError(
            f"max_pool = {max_pool!r}: 'maximum', 'average' or 'either' is needed"
        )


def check_wanted(activation: object) -> None:
    """Raise `ApproximationError` unless `approximate` takes this for its `activation`."""
    if isinstance(activation, int) and not isinstance(activation, bool):
        check_degree(activation)
        if activation < 2:
            raise ApproximationError("degree 1 leaves no activation: 2 or more are needed")
    elif isinstance(activation, tuple):
        for degree in activation:
            check_degree(degree)
        nearest_composite(activation)
    elif activation not in ("exact", "cheap"):
        raise ApproximationError(
            f"activation = {shown(activation)}: 'exact', 'cheap', a degree or a tuple of odd "
            f"degrees is needed"
        )

"""`approximate`: a network with activations of any kind, made of polynomials, without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from he.validation import instance, real_number
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
from nn.approximation.samples import DEFAULT_MARGIN
from nn.approximation.sites import sites_of
from nn.errors import ApproximationError
from nn.network.graph import Network
from nn.network.images import as_batch
from nn.network.layers import FloatArray

MaxPool = Literal["maximum", "average", "either"]
Wanted = Literal["exact", "cheap"] | int

EXACT_MOVE = 2.0**-6
"""What "exact" means: no logit moves by more than this part of the largest one."""

CHEAP_AGREEMENT = 0.995
"""What "cheap" means: of so many images the answer is that of the original network."""

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
    max_pool: MaxPool = "maximum",
    margin: float = DEFAULT_MARGIN,
) -> Network:
    """The network with every activation and maximum computed by polynomials, calibrated.

    images: of the kind that the network will see, ``(B, *input_shape)``; hundreds are better than
    tens. activation: "cheap" takes the fewest levels for which `CHEAP_AGREEMENT` of the images keep
    their answer, "exact" those for which no logit of the images moves by more than `EXACT_MOVE` of
    the largest; a number is the degree of all polynomials. max_pool: "maximum" computes maxima,
    "average" puts averages in their place, "either" what takes fewer levels. margin: how much wider
    a range is than the values of the images, each side, in units of its width.

    The polynomials are near the functions within these ranges alone. Beyond, they grow without
    bound: `outside_ranges` says for images in the clear where they leave them, and the client
    reports an answer with `AnswerError` that is larger than the plan promises.

    A network without such layers is calibrated alone. `approximation` tells what was chosen. Raises
    `ApproximationError` where no choice comes near enough, and for fewer than `FEWEST_IMAGES`
    images.
    """
    return approximation(network, images, activation, max_pool=max_pool, margin=margin).network


def approximation(
    network: Network,
    images: ArrayLike,
    activation: Wanted = "cheap",
    *,
    max_pool: MaxPool = "maximum",
    margin: float = DEFAULT_MARGIN,
) -> Approximation:
    """`approximate`, with what was chosen and how near it is; printed, it is a table."""
    instance(network, Network, "network")
    batch = as_batch(images, network.input_shape, f"network {network.name!r}")
    _check(batch, activation, max_pool)
    margin = real_number(margin, "margin")
    if margin < 0:
        raise ApproximationError(f"margin = {margin}: a number of at least 0 is needed")
    exact = network(batch)
    plain = replace(network, statistics=None)
    sites = sites_of(plain)
    if isinstance(activation, int):
        chosen = single_choices(sites, activation, average=max_pool == "average")
        made = assemble(plain, batch, chosen, margin)
    else:
        averaged = _averaged(plain, batch, margin)
        options = {"maximum": [plain], "average": [averaged], "either": [averaged, plain]}
        found = [
            (_searched(option, batch, exact, activation, margin), option)
            for option in options[max_pool]
        ]
        made, plain = min(found, key=lambda pair: pair[0].levels)
    made_network = replace(plain, nodes=made.nodes).calibrated(batch)
    return Approximation(
        made_network,
        _summaries(plain, made),
        agreement(made.answers, exact),
        largest_move(made.answers, exact),
    )


def outside_ranges(network: Network, images: ArrayLike) -> FloatArray:
    """How far each image leaves the ranges of an approximated network, ``(B,)``.

    The largest size of a value that a polynomial on [-1, 1] reads: up to 1 all approximations hold.
    """
    from nn.network.activation import Chebyshev

    batch = as_batch(images, network.input_shape, f"network {network.name!r}")
    values = network.values(batch)
    reached = np.zeros(len(batch))
    for node in network.nodes:
        if isinstance(node.layer, Chebyshev):
            value = values[node.inputs[0]].reshape(len(batch), -1)
            reached = np.fmax(reached, np.abs(value).max(axis=1))
    return reached


def _searched(
    network: Network,
    batch: FloatArray,
    exact: FloatArray,
    activation: str,
    margin: float,
) -> Assembled:
    if not sites_of(network):
        return assemble(network, batch, {}, margin)
    effects = effects_of(network, batch, margin=margin)

    def suffices(answers: FloatArray) -> bool:
        if activation == "exact":
            return largest_move(answers, exact) <= EXACT_MOVE
        return agreement(answers, exact) >= CHEAP_AGREEMENT

    return least_levels(network, batch, effects, margin, suffices)


def _averaged(network: Network, batch: FloatArray, margin: float) -> Network:
    """The network with averages in place of maxima over windows."""
    pools: Mapping[str, None] = {
        site.name: None for site in sites_of(network) if site.what == "max pool"
    }
    return replace(network, nodes=assemble(network, batch[:1], pools, margin).nodes)


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


def _check(batch: FloatArray, activation: object, max_pool: object) -> None:
    if len(batch) < FEWEST_IMAGES:
        raise ApproximationError(
            f"{len(batch)} calibration images: at least {FEWEST_IMAGES} are needed, hundreds are "
            f"better"
        )
    if isinstance(activation, int) and not isinstance(activation, bool):
        check_degree(activation)
        if activation < 2:
            raise ApproximationError("degree 1 leaves no activation: 2 or more are needed")
    elif activation not in ("exact", "cheap"):
        raise ApproximationError(
            f"activation = {activation!r}: 'exact', 'cheap' or a degree is needed"
        )
    if max_pool not in ("maximum", "average", "either"):
        raise ApproximationError(
            f"max_pool = {max_pool!r}: 'maximum', 'average' or 'either' is needed"
        )

"""Which polynomial each layer gets: the least levels for a wanted effect on the logits.

Each site is replaced alone, by each of its choices, and the mean square by which the logits of
calibration images move is its effect. Effects of small errors add up. So the best choices for a
number of levels come from a table over the sites (a knapsack), and the number of levels is the
least for which the network as a whole does what is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nn.approximation.replacement import Replaced
from nn.approximation.samples import Ranges
from nn.approximation.sites import Choice, Site, answers_with, assembled, sites_of
from nn.network.graph import Network, Node
from nn.network.layers import FloatArray

_MOST_EFFECT_VALUES = 1 << 25
"""The most numbers of all values of the images whose effects are measured: 256 MiB."""

_MOST_EFFECT_IMAGES = 128
_MOST_SEARCH_IMAGES = 256


@dataclass(frozen=True, eq=False)
class Assembled:
    """A network with polynomials in place of its sites, and its answers for the images.

    originals: the nodes that were replaced. choices, replaced: by their names.
    """

    nodes: tuple[Node, ...]
    originals: tuple[Node, ...]
    choices: Mapping[str, Choice]
    replaced: Mapping[str, Replaced]
    answers: FloatArray

    @property
    def levels(self) -> int:
        """The levels of all choices together."""
        sites = (Site(node) for node in self.originals)
        return sum(site.levels(self.choices[site.name]) for site in sites)

    def followed_by(self, other: Assembled) -> Assembled:
        """What both replaced, the other behind this one."""
        return Assembled(
            other.nodes,
            (*self.originals, *other.originals),
            {**self.choices, **other.choices},
            {**self.replaced, **other.replaced},
            other.answers,
        )


def assemble(
    network: Network, batch: FloatArray, choices: Mapping[str, Choice], ranges: Ranges
) -> Assembled:
    """The network with these choices."""
    nodes, replaced, answers = assembled(network, batch, choices, ranges)
    originals = tuple(site.node for site in sites_of(network) if site.name in choices)
    return Assembled(nodes, originals, choices, replaced, answers)


@dataclass(frozen=True, eq=False)
class Effects:
    """choices: of each site. squares: of each the mean squared move of the logits."""

    sites: tuple[Site, ...]
    choices: tuple[tuple[Choice, ...], ...]
    squares: tuple[tuple[float, ...], ...]

    def best(self) -> list[tuple[int, dict[str, Choice]]]:
        """(levels, choices) of the smallest effect for each number of levels, ascending.

        A number of levels that is no better than a smaller one is left out.
        """
        table: dict[int, tuple[float, tuple[Choice, ...]]] = {0: (0.0, ())}
        for site, choices, squares in zip(self.sites, self.choices, self.squares, strict=True):
            longer: dict[int, tuple[float, tuple[Choice, ...]]] = {}
            for taken, (total, before) in table.items():
                for choice, square in zip(choices, squares, strict=True):
                    levels = taken + site.levels(choice)
                    if levels not in longer or total + square < longer[levels][0]:
                        longer[levels] = total + square, (*before, choice)
            table = longer
        names = [site.name for site in self.sites]
        found, least = [], np.inf
        for levels in sorted(table):
            total, chosen = table[levels]
            if total < least:
                found.append((levels, dict(zip(names, chosen, strict=True))))
                least = total
        return found


def effects_of(network: Network, batch: FloatArray, *, ranges: Ranges) -> Effects:
    """The effects of all choices of all sites, on the first of the images."""
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    count = max(1, min(len(batch), _MOST_EFFECT_IMAGES, _MOST_EFFECT_VALUES // size))
    exact = network.values(batch[:count])
    answers = exact[network.output.name]
    sites = sites_of(network)
    choices = tuple(site.choices for site in sites)
    squares = []
    with np.errstate(over="ignore", invalid="ignore"):
        for site, given in zip(sites, choices, strict=True):
            moved = answers_with(network, exact, site, given, ranges)
            found = [float(np.mean((other - answers) ** 2)) for other in moved]
            squares.append(tuple(np.nan_to_num(found, nan=np.inf).tolist()))
    return Effects(sites, choices, tuple(squares))


def least_levels(
    network: Network,
    batch: FloatArray,
    effects: Effects,
    ranges: Ranges,
    suffices: Callable[[FloatArray], bool],
    fewer_than: float = math.inf,
) -> Assembled | None:
    """The assembled network of the fewest levels whose answers suffice; None if there is none.

    suffices: says so of the answers of the first images. fewer_than: only such numbers of levels
    are wanted. The search looks at few images, the last word has the whole batch.
    """
    few = batch[:_MOST_SEARCH_IMAGES]
    options = [choices for levels, choices in effects.best() if levels < fewer_than]

    def made(images: FloatArray, choices: Mapping[str, Choice]) -> Assembled | None:
        with np.errstate(over="ignore", invalid="ignore"):
            found = assemble(network, images, choices, ranges)
        return found if suffices(found.answers) else None

    # More levels are better but for chance: bisection finds where that begins.
    below, above = -1, len(options)
    while above - below > 1:
        middle = (below + above) // 2
        if made(few, options[middle]) is None:
            below = middle
        else:
            above = middle
    for choices in options[above:]:
        if made(few, choices) is None:
            continue
        lowered = _lowered(effects, choices, lambda trial: made(few, trial) is not None)
        for trial in (lowered, choices):
            found = made(batch, trial)
            if found is not None:
                return found
    return None


def _lowered(
    effects: Effects,
    choices: Mapping[str, Choice],
    suffices: Callable[[Mapping[str, Choice]], bool],
) -> Mapping[str, Choice]:
    """The choices with fewer levels at one site after the other, as long as that suffices.

    Effects add up to the first order alone, and their sum says little of answers.
    """
    best, improved = choices, True
    while improved:
        improved = False
        for site in effects.sites:
            fewer = [c for c in site.choices if site.levels(c) < site.levels(best[site.name])]
            if not fewer:
                continue
            trial = {**best, site.name: max(fewer, key=site.levels)}
            if suffices(trial):
                best, improved = trial, True
    return best


def agreement(answers: FloatArray, exact: FloatArray) -> float:
    """The part of the images whose largest logit is that of the exact network; one logit: its sign.

    Answers that are not finite agree with none.
    """
    flat, true = answers.reshape(len(answers), -1), exact.reshape(len(exact), -1)
    finite = np.isfinite(flat).all(axis=1)
    if flat.shape[1] == 1:
        same = (flat[:, 0] > 0) == (true[:, 0] > 0)
    else:
        same = np.nan_to_num(flat).argmax(axis=1) == true.argmax(axis=1)
    return float(np.mean(same & finite))


def largest_move(answers: FloatArray, exact: FloatArray) -> float:
    """The largest difference of a logit, in units of the largest exact logit."""
    difference = np.abs(answers - exact).max()
    largest = float(np.abs(exact).max())
    return float(difference) / largest if np.isfinite(difference) and largest else float("inf")


def single_choices(
    sites: Sequence[Site], degree: int | tuple[int, ...], *, average: bool
) -> dict[str, Choice]:
    """One degree for all sites, or the degrees of one composite sign."""
    return {
        site.name: None if average and site.what == "max pool" else site.nearest(degree)
        for site in sites
    }

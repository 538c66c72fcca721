"""One table of what a network could become: accuracy, levels and time of each approximation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nn.approximation.approximate import Approximation, Wanted, approximation
from nn.approximation.choice import agreement, largest_move
from nn.compilation import compile
from nn.errors import ApproximationError
from nn.inference.search import PlanningError
from nn.network.graph import Network
from nn.network.images import as_batch
from nn.packed.plan_picture import stage_rows

DEFAULT_WAYS: tuple[Wanted, ...] = ("cheap", "exact")


@dataclass(frozen=True, eq=False)
class Row:
    """One way. right: the part of right answers, with labels. agreement: of equal answers.

    largest_move: of a logit, in units of the largest. levels, ring, milliseconds: of the plan, on
    one thread; None where no plan was found, and `failure` says why.
    """

    way: str
    right: float | None
    agreement: float | None
    largest_move: float | None
    levels: int | None = None
    ring: int | None = None
    milliseconds: float | None = None
    failure: str = ""
    approximation: Approximation | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The rows; printed, they are a table."""

    rows: tuple[Row, ...]

    def __str__(self) -> str:
        title = ("way", "right", "same answer", "largest move", "levels", "N", "predicted ms")
        cells: list[tuple[str, ...]] = [title]
        for row in self.rows:
            shares = (_percent(row.right), _percent(row.agreement), _number(row.largest_move))
            plan = (
                "" if x is None else f"{x:,.0f}" for x in (row.levels, row.ring, row.milliseconds)
            )
            cells.append((row.way, *shares, *plan))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if index == 0 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        reasons = [f"{row.way}: {row.failure}" for row in self.rows if row.failure]
        return "\n".join([*lines, *reasons])


def compare_approximations(
    network: Network,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    ways: Sequence[Wanted] = DEFAULT_WAYS,
    held_out: ArrayLike | None = None,
    held_out_labels: ArrayLike | None = None,
) -> Comparison:
    """A table of the network itself and of its approximations in the given ways.

    images, labels: for calibration, as `nn.approximate` takes them. ways: "cheap", "exact", and
    degrees. held_out, held_out_labels: the images that the table counts, by default the same. A way
    that fails has a row that says why. The milliseconds are those that `nn plan --levels` predicts.
    """
    batch = as_batch(images, network.input_shape, f"network {network.name!r}")
    seen = batch if held_out is None else as_batch(held_out, network.input_shape, "held_out")
    truth = labels if held_out is None else held_out_labels
    classes = None if truth is None else np.asarray(truth)
    exact = network(seen)
    rows = [Row("in the clear", _right(exact, classes), 1.0, 0.0)]
    for way in ways:
        name = way if isinstance(way, str) else f"degree {way}"
        try:
            found = approximation(network, batch, way, labels=labels)
        except ApproximationError as error:
            rows.append(Row(name, None, None, None, failure=str(error)))
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            answers = found.network(seen)
        shares = (_right(answers, classes), agreement(answers, exact), largest_move(answers, exact))
        try:
            plan = compile(found.network)
        except PlanningError as error:
            rows.append(Row(name, *shares, failure=str(error), approximation=found))
            continue
        times = [row.milliseconds for row in stage_rows(plan)]
        total = sum(time for time in times if time is not None) if times else None
        rows.append(
            Row(name, *shares, plan.params.max_level, plan.params.N, total, approximation=found)
        )
    return Comparison(tuple(rows))


def _right(answers: np.ndarray, classes: np.ndarray | None) -> float | None:
    if classes is None:
        return None
    flat = np.nan_to_num(answers.reshape(len(answers), -1))
    return float(np.mean(flat.argmax(axis=1) == classes))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"

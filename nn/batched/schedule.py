"""The order of the steps of a batched circuit: where products are relinearized."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nn.batched.quantize import Square


@dataclass(frozen=True)
class Relinearization:
    """The step that brings a product of three parts back to two."""


def scheduled(steps: Iterable[Any]) -> Sequence[Any]:
    """The steps (`Square`, and affine steps with a `matrix`), with relinearizations in between.

    A product stays in three parts through the affine map behind it, unless the map has more outputs
    than inputs. The map then costs half as much again, but fewer elements are relinearized.
    """
    found: list[Any] = []
    parts = 2
    for step in steps:
        widens = not isinstance(step, Square) and step.matrix.shape[0] > step.matrix.shape[1]
        if parts == 3 and (isinstance(step, Square) or widens):
            found.append(Relinearization())
            parts = 2
        found.append(step)
        if isinstance(step, Square):
            parts = 3
        elif parts == 3:
            found.append(Relinearization())
            parts = 2
    if parts == 3:
        found.append(Relinearization())
    return tuple(found)

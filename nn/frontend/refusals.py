"""All operations of a model that have no counterpart, for one message that lists them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend.network_builder import NetworkBuilder
from nn.network.graph import INPUT
from nn.network.linear_map import LinearMap

_MOST = 20


@dataclass(frozen=True)
class Refusal:
    """What cannot be converted, where it stands, and why with the way out."""

    what: str
    path: str
    position: int
    reason: str


class Refusals:
    """Collects refusals in a model called `title` of so many steps."""

    def __init__(self, title: str, steps: int) -> None:
        self._title = title
        self._steps = steps
        self._found: list[Refusal] = []

    def note(self, what: str, path: str, position: int, reason: str) -> None:
        """Add a refusal; one thing in one place is noted once."""
        if not any((x.what, x.path, x.reason) == (what, path, reason) for x in self._found):
            self._found.append(Refusal(what, path, position, reason))

    def stand_in(self, builder: NetworkBuilder, size: int) -> str:
        """A node that stands for the value of a refused operation, so that others are looked at."""
        zero = np.zeros(1, dtype=np.int64)
        shape = builder.shape(INPUT)
        layer = LinearMap(np.zeros(1), zero, zero, np.zeros(size), shape, (size,))
        return builder.emit("refused", layer, [INPUT], None)

    def check(self) -> None:
        """Raise `UnsupportedLayerError`, which lists all refusals, if there are any."""
        if not self._found:
            return
        lines = [self._line(refusal) for refusal in self._found[:_MOST]]
        if len(self._found) > _MOST:
            lines.append(f"and {len(self._found) - _MOST} more")
        if len(lines) == 1:
            raise UnsupportedLayerError(lines[0])
        listed = "".join(f"\n- {line}" for line in lines)
        raise UnsupportedLayerError(
            f"{len(self._found)} operations of {self._title} cannot be converted:{listed}"
        )

    def _line(self, refusal: Refusal) -> str:
        place = f" at {refusal.path!r}" if refusal.path else ""
        step = f", step {refusal.position} of {self._steps}" if refusal.position else ""
        return f"{refusal.what}{place}{step} in {self._title}, is not supported: {refusal.reason}"

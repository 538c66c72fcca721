"""A sheet to draw on, which becomes an SVG file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

INK, FAINT, RULE, PAPER = "#1f2933", "#66727f", "#c5ced6", "#ffffff"
# Each room's colour, and the colour of its background.
ROOM_COLOURS = {
    "benchmarks": ("#55626d", "#eef1f3"),
    "nn": ("#7448b0", "#f1eafa"),
    "he": ("#1f7d55", "#e4f4ec"),
    "ntt": ("#2a67a8", "#e4eef9"),
    "accel_model": ("#b0355a", "#fbe8ee"),
    "rtl": ("#b85f14", "#fdeee0"),
}

_SANS = "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Point = tuple[float, float]


class Sheet:
    """A white sheet of `width` by `height` pixels; later shapes lie on earlier ones."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._shapes: list[str] = []

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        stroke: str = "none",
        radius: float = 0,
        line: float = 1,
        dashed: bool = False,
    ) -> None:
        """A rectangle with its left upper corner at (x, y)."""
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self._shapes.append(
            f'<rect x="{x:.5g}" y="{y:.5g}" width="{width:.5g}" height="{height:.5g}" '
            f'rx="{radius:g}" fill="{fill}" stroke="{stroke}" stroke-width="{line:g}"{dash}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        anchor: str = "start",
        colour: str = INK,
        bold: bool = False,
        mono: bool = False,
        turned: bool = False,
    ) -> None:
        """One line of text on the base line y; `turned` by a quarter, to be read from below."""
        weight = ' font-weight="600"' if bold else ""
        family = f' font-family="{_MONO}"' if mono else ""
        turn = f' transform="rotate(-90 {x:.5g} {y:.5g})"' if turned else ""
        self._shapes.append(
            f'<text x="{x:.5g}" y="{y:.5g}" font-size="{size:g}" text-anchor="{anchor}" '
            f'fill="{colour}"{weight}{family}{turn} xml:space="preserve">{escape(words)}</text>'
        )

    def lines(self, x: float, y: float, lines: Sequence[str], step: float, **style: Any) -> None:
        """Lines of text under one another, `step` pixels apart; style as in `text`."""
        for index, words in enumerate(lines):
            self.text(x, y + step * index, words, **style)

    def line(
        self, points: Sequence[Point], *, colour: str = FAINT, width: float = 1.5,
        dashed: bool = False,
    ) -> None:  # fmt: skip
        """A line through points."""
        path = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._shapes.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            f'stroke-linejoin="round"{dash}/>'
        )

    def arrow(
        self, points: Sequence[Point], *, colour: str = FAINT, width: float = 1.5,
        dashed: bool = False,
    ) -> None:  # fmt: skip
        """A line through points with a head at the last."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        along = ((x1 - x0) / length, (y1 - y0) / length)
        head = 5 + 1.5 * width
        back = (x1 - head * along[0], y1 - head * along[1])
        self.line([*points[:-1], back], colour=colour, width=width, dashed=dashed)
        half = 0.45 * head
        corners = [
            (x1, y1),
            (back[0] - half * along[1], back[1] + half * along[0]),
            (back[0] + half * along[1], back[1] - half * along[0]),
        ]
        self.polygon(corners, fill=colour)

    def polygon(self, corners: Sequence[Point], *, fill: str) -> None:
        """A filled polygon."""
        path = " ".join(f"{x:.5g},{y:.5g}" for x, y in corners)
        self._shapes.append(f'<polygon points="{path}" fill="{fill}"/>')

    def circle(self, x: float, y: float, radius: float, *, fill: str) -> None:
        """A filled disc."""
        self._shapes.append(f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{radius:g}" fill="{fill}"/>')

    def svg(self) -> str:
        """The file's text."""
        shapes = "\n".join(self._shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" font-family="{_SANS}">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{self.width}" height="{self.height}" rx="10" fill="{PAPER}"/>\n'
            f"{shapes}\n</svg>\n"
        )


def mono_width(words: str, size: float) -> float:
    """Pixels that `words` take in the monospaced face, or slightly more."""
    return 0.605 * size * len(words)

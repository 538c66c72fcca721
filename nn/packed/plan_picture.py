"""The way of an encrypted run through its levels: a row for each stage, as text and as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from he.ckks.params import CKKSParameters
from nn.packed.packed_network import PackedStage
from nn.packed.plan import InferencePlan
from nn.packed.stage_plan import StagePlan
from nn.packed.work import stage_transforms
from ntt.terminal import printable

BUTTERFLY_NS = 0.3
"""What a butterfly takes on one thread, by which transforms are turned into time: a guess for
comparisons, from 0.15 on new machines to 0.5 on shared ones."""

_COLOURS = {
    "affine": "#3b6fb6",
    "square": "#c8553d",
    "polynomial": "#8a4fa3",
    "add": "#6b7280",
    "bootstrap": "#2f8f5b",
}
_ROW, _LEFT, _BAR, _RIGHT = 18, 170, 300, 400


@dataclass(frozen=True)
class StageRow:
    """One stage. bits: log2 of the modulus of its input. milliseconds: predicted on one thread;
    None for a plan that was read from bytes.
    """

    plan: StagePlan
    bits: float
    milliseconds: float | None

    @property
    def megabytes(self) -> str:
        """The weights, in words."""
        size = self.plan.weight_bytes
        return "" if not size else f"{size / 1e6:,.0f}"

    @property
    def time(self) -> str:
        """The milliseconds, in words."""
        return "" if self.milliseconds is None else f"{self.milliseconds:,.0f}"


def stage_rows(plan: InferencePlan) -> list[StageRow]:
    """The rows of all stages, in order."""
    packed: Sequence[PackedStage | None] = plan.packed or [None] * len(plan.stages)
    return [
        StageRow(stage, _bits(plan.params, stage.level_in), _milliseconds(plan, stage, item))
        for stage, item in zip(plan.stages, packed, strict=True)
    ]


def text_picture(plan: InferencePlan) -> str:
    """The rows as a table, with a bar for the bits that are left."""
    rows = stage_rows(plan)
    most = max(row.bits for row in rows)
    width = max(len("stage"), *(len(printable(row.plan.name)) for row in rows))
    title = f"{'stage':<{width}}  {'kind':<10} {'level':>7} {'bits':>5}  {'':<20}"
    lines = [f"{title} {'rotations':>9} {'MB':>7} {'ms':>7}"]
    for row in rows:
        stage = row.plan
        bar = "#" * max(1, round(20 * row.bits / most))
        level = f"{stage.level_in}->{stage.level_out}"
        lines.append(
            f"{printable(stage.name):<{width}}  {stage.kind:<10} {level:>7} {row.bits:>5.0f}  "
            f"{bar:<20} {stage.rotations or '':>9} {row.megabytes:>7} {row.time:>7}"
        )
    return "\n".join([*lines, _summary(plan, rows)])


def svg_picture(plan: InferencePlan) -> str:
    """The rows as an SVG document: a bar is as long as the modulus that the stage starts with."""
    rows = stage_rows(plan)
    most = max(row.bits for row in rows)
    width, height = _LEFT + _BAR + _RIGHT, _ROW * (len(rows) + 4)
    document = 'xmlns="http://www.w3.org/2000/svg" font-family="monospace" font-size="11"'
    parts = [
        f'<svg {document} viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(8, _ROW, f"{printable(plan.network)}: {_summary(plan, rows)}"),
        *_columns(2 * _ROW, "stage", "level", "bits", "rotations", "weights", "time"),
    ]
    for number, row in enumerate(rows):
        stage, y = row.plan, _ROW * (number + 3)
        length = _BAR * row.bits / most
        parts.append(_bar(_LEFT, y - _ROW + 6, length, _ROW - 4, stage.kind))
        parts += _columns(
            y,
            printable(stage.name),
            f"{stage.level_in} to {stage.level_out}",
            f"{row.bits:.0f}",
            str(stage.rotations or ""),
            f"{row.megabytes} MB" if row.megabytes else "",
            f"{row.time} ms" if row.time else "",
        )
    y = _ROW * (len(rows) + 3)
    for number, kind in enumerate(_COLOURS):
        x = _LEFT + 90 * number
        parts += [_bar(x, y - 9, 10, 10, kind), _text(x + 14, y, kind)]
    return "\n".join([*parts, "</svg>", ""])


def _bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle in the colour of a kind of stage; other kinds are black."""
    place = f'x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}"'
    return f'<rect {place} fill="{_COLOURS.get(kind, "#111827")}"/>'


def _columns(y: int, name: str, *values: str) -> list[str]:
    first = _LEFT + _BAR + 10
    return [_text(8, y, name[:24])] + [
        _text(first + 75 * place, y, value) for place, value in enumerate(values)
    ]


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _summary(plan: InferencePlan, rows: Sequence[StageRow]) -> str:
    known = [row.milliseconds for row in rows if row.milliseconds is not None]
    time = f", about {sum(known) / 1e3:.2g} s on one thread" if known else ""
    weights = "" if plan.weight_bytes is None else f", {plan.weight_bytes / 1e9:.2f} GB of weights"
    keys = plan.evaluation_key_bytes / 1e9
    count = plan.bootstraps
    bootstraps = f"{count} bootstrap{'s' * (count != 1)}" if count else "no bootstrap"
    return f"{plan.depth} levels, {bootstraps}, {keys:.2f} GB of keys{weights}{time}"


def _bits(params: CKKSParameters, level: int) -> float:
    return sum(math.log2(prime) for prime in params.primes(level))


def _milliseconds(
    plan: InferencePlan, stage: StagePlan, item: PackedStage | None
) -> float | None:
    if item is None:
        return None
    N = plan.params.N
    transforms = stage_transforms(item, stage.level_in, stage.level_out, plan.params)
    return transforms * N * math.log2(N) / 2 * BUTTERFLY_NS / 1e6

"""The picture of the way of a ciphertext through a bootstrap: its modulus, its scale, its error.

All numbers are those of a real parameter set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import he
from he.ckks.bootstrap.prediction import Prediction
from tools.pictures.svg import FAINT, INK, RULE, Sheet

_BASE, _TOP, _LEFT, _BAR, _GAP = 372, 92, 74, 24, 5
_COLOURS = {
    "SlotsToCoeffs": "#2a67a8",
    "ModRaise": "#b85f14",
    "CoeffsToSlots": "#7448b0",
    "EvalMod": "#1f7d55",
    "left": "#c5ced6",
}
_WORDS = {
    "SlotsToCoeffs": "the slots become coefficients",
    "ModRaise": "the modulus grows: m + q0 I",
    "CoeffsToSlots": "the coefficients become slots",
    "EvalMod": "a sine takes q0 I away",
    "left": "levels for the next products",
}


def draw() -> str:
    """The picture as SVG."""
    params = he.CKKSParameters.build(
        9, scale_bits=40, N=1 << 16, bootstrap=he.Bootstrapping(precision_bits=15)
    )
    way = list(_way(params))
    width = _LEFT + len(way) * (_BAR + _GAP) + 40
    sheet = Sheet(width, 546, "The way of a ciphertext through a bootstrap")
    sheet.text(30, 34, "The way of a ciphertext through a bootstrap", size=15, bold=True)
    words = f"log2 of the modulus at each level, and above it that of the scale: N = {params.N}"
    sheet.text(30, 53, words, size=12.5, colour=FAINT)
    highest = math.log2(params.modulus(params.max_level))
    for bits in range(0, 1201, 200):
        if bits > highest + 100:
            break
        y = _y(bits, highest)
        sheet.line([(_LEFT - 6, y), (width - 30, y)], colour=RULE, width=1)
        sheet.text(_LEFT - 12, y + 4, str(bits), size=11, anchor="end", colour=FAINT)
    for place, (step, level) in enumerate(way):
        x = _LEFT + place * (_BAR + _GAP)
        y = _y(math.log2(params.modulus(level)), highest)
        sheet.box(x, y, _BAR, _BASE - y, fill=_COLOURS[step], radius=2)
        scale = f"{math.log2(params.scales[level]):.0f}"
        sheet.text(x + _BAR / 2, max(y - 5, _TOP - 6), scale, size=10.5, anchor="middle")
        sheet.text(x + _BAR / 2, _BASE + 15, str(level), size=10.5, anchor="middle", colour=FAINT)
    sheet.text(_LEFT - 12, _BASE + 15, "level", size=10.5, anchor="end", colour=FAINT)
    _legend(sheet, params, way)
    return sheet.svg()


def _way(params: he.CKKSParameters) -> Iterator[tuple[str, int]]:
    """(step, level) of the ciphertext that each step starts from, level by level."""
    circuit = params.bootstrap
    assert circuit is not None
    yield from (("SlotsToCoeffs", level) for level in range(circuit.stc_levels, 0, -1))
    yield "ModRaise", 0
    sine = params.max_level - circuit.cts_levels
    yield from (("CoeffsToSlots", level) for level in range(params.max_level, sine, -1))
    refreshed = sine - circuit.cosine_levels
    yield from (("EvalMod", level) for level in range(sine, refreshed, -1))
    yield from (("left", level) for level in range(refreshed, circuit.stc_levels - 1, -1))


def _y(bits: float, highest: float) -> float:
    return _BASE - (_BASE - _TOP) * bits / highest


def _legend(sheet: Sheet, params: he.CKKSParameters, way: list[tuple[str, int]]) -> None:
    """A line for each step: what it does, and what it adds to the error."""
    circuit = params.bootstrap
    assert circuit is not None
    added = Prediction(params, circuit).along_the_way()
    for row, step in enumerate(dict.fromkeys(step for step, _ in way)):
        y = _BASE + 46 + 22 * row
        sheet.box(_LEFT, y - 11, 13, 13, fill=_COLOURS[step], radius=2)
        name = "" if step == "left" else step
        sheet.text(_LEFT + 22, y, name, size=12.5, bold=True)
        sheet.text(_LEFT + 150, y, _WORDS[step], size=12.5, colour=INK)
        if step in added:
            bits = -math.log2(added[step]) / 2
            words = f"adds an error of 2^-{bits:.1f} (standard deviation)"
            sheet.text(_LEFT + 390, y, words, size=12.5, colour=FAINT)
    bootstrapper = he.Bootstrapper(params)
    sheet.text(
        _LEFT, _BASE + 46 + 22 * 5 + 6,
        f"Promised in every slot: {bootstrapper.precision_bits:.1f} bits. The cosine and the "
        f"inverse sine err by at most 2^-{-math.log2(bootstrapper.error.bound):.1f}.",
        size=12.5,
    )  # fmt: skip

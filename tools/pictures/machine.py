"""The picture of the whole machine: its parts, and what the shape of `asic7` makes of each."""

from __future__ import annotations

from accel_model.timed.shape import KINDS, Shape
from accel_model.timed.timeline import QUEUE_DEPTH
from tools.pictures.svg import FAINT, INK, ROOM_COLOURS, RULE, Sheet

_COMPUTES = {
    "ntt": "NTT, inverse NTT",
    "pointwise": "a b + c, a + b, a - b",
    "automorphism": "a(x) to a(x^g)",
    "count": "overflow counts",
}
_RTL, _MODEL, _NTT = (ROOM_COLOURS[room] for room in ("rtl", "accel_model", "ntt"))


def draw(shape: Shape) -> str:
    """The picture as SVG."""
    sheet = Sheet(960, 470, "The whole machine")
    _outside(sheet, shape)
    _queues(sheet)
    _scratchpad(sheet, shape)
    _units(sheet, shape)
    return sheet.svg()


def _part(
    sheet: Sheet, place: tuple[float, float, float, float], title: str, lines: list[str],
    colours: tuple[str, str] = _RTL,
) -> None:  # fmt: skip
    x, y, width, height = place
    colour, paper = colours
    sheet.box(x, y, width, height, fill=paper, stroke=colour, radius=6)
    sheet.text(x + 12, y + 22, title, bold=True, colour=colour)
    sheet.lines(x + 12, y + 41, lines, 17, size=12)


def _outside(sheet: Sheet, shape: Shape) -> None:
    channel = shape.channel
    sheet.text(24, 30, "external memory", size=12, colour=FAINT)
    sheet.line([(24, 38), (936, 38)], colour=RULE)
    for x, words in ((110, "AXI4, code"), (400, f"AXI4, data, {channel.data_bits} bits")):
        sheet.arrow([(x, 38), (x, 76)], colour=INK)
        sheet.text(x + 8, 60, words, size=12)
    sheet.arrow([(610, 76), (610, 38)], colour=INK)
    sheet.text(730, 60, "AXI4-Lite, interrupt", size=12)
    sheet.arrow([(720, 38), (720, 76)], colour=INK)
    _part(sheet, (24, 78, 240, 62), "instruction fetch", ["fills three queues"])
    _part(
        sheet, (290, 78, 380, 62), "channel engine",
        [f"packs limbs at their prime's width; bursts of {channel.burst_beats} beats"],
    )  # fmt: skip
    _part(sheet, (696, 78, 240, 62), "control", ["start, status, cycles, addresses"])


def _queues(sheet: Sheet) -> None:
    for number, name in enumerate(("memory", "moves", "compute")):
        y = 168 + 34 * number
        sheet.box(24, y, 190, 26, fill=_MODEL[1], stroke=_MODEL[0], radius=4)
        sheet.text(34, y + 18, f"{name}: {QUEUE_DEPTH} instructions", size=12)
    sheet.arrow([(119, 140), (119, 166)])
    sheet.arrow([(214, 181), (272, 181), (272, 116), (288, 116)], dashed=True)
    sheet.arrow([(214, 215), (348, 215)], dashed=True)
    sheet.arrow([(24, 249), (11, 249), (11, 413), (22, 413)], dashed=True)


def _scratchpad(sheet: Sheet, shape: Shape) -> None:
    _part(sheet, (350, 168, 140, 62), "arrivals", [f"{shape.arrivals} limbs"], _NTT)
    _part(sheet, (550, 168, 140, 62), "departures", [f"{shape.departures} limbs"], _NTT)
    sheet.arrow([(420, 140), (420, 166)], colour=INK)
    sheet.arrow([(620, 166), (620, 142)], colour=INK)
    sheet.arrow([(420, 230), (420, 272)], colour=INK)
    sheet.arrow([(620, 274), (620, 232)], colour=INK)
    megabytes = shape.slots * shape.N * shape.width / 8e6
    words = (
        f"{shape.slots} slots of a limb, {megabytes:.0f} MB; {shape.banks} banks; a row has "
        f"{shape.lanes} residues, a limb {shape.rows} rows, a beat {shape.banks} cycles"
    )
    _part(sheet, (24, 274, 912, 56), "scratchpad", [words], _NTT)


def _units(sheet: Sheet, shape: Shape) -> None:
    for place, kind in enumerate(KINDS):
        x, count = 24 + 231 * place, shape.units.count(kind)
        sheet.arrow([(x + 90, 330), (x + 90, 372)], colour=INK)
        sheet.arrow([(x + 130, 374), (x + 130, 332)], colour=INK)
        wide = "butterflies" if kind == "ntt" else "lanes"
        title = f"{count} x {kind}" if count > 1 else kind
        _part(
            sheet, (x, 374, 219, 78), title,
            [_COMPUTES[kind],
             f"{shape.lanes} {wide}, {shape.latency_cycles(kind)} cycles"],
        )  # fmt: skip

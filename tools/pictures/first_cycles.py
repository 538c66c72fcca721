"""The picture of the first cycles of a timed program: the channel, the moves and every unit."""

from __future__ import annotations

from collections.abc import Iterator

from accel_model.timed.channel import ChannelTimeline
from accel_model.timed.program import Compute, Memory, Move, TimedProgram
from accel_model.timed.timeline import run_time
from tools.pictures.svg import FAINT, INK, RULE, Sheet

CYCLES, MARK = 8000, 1000
_LEFT, _RIGHT, _TOP, _ROW = 150, 936, 74, 22
_COLOURS = {
    "code": "#8a97a3", "fetch": "#55626d", "write": "#1f2933",
    "NTT": "#2a67a8", "INTT": "#7fb0de", "MULTIPLY": "#d9741a", "MULTIPLY_ADD": "#b85f14",
    "ADD": "#1f7d55", "SUBTRACT": "#63b392", "PERMUTE": "#b0355a", "COUNT": "#7448b0",
}  # fmt: skip

Bar = tuple[str, float, float, str]
"""Row, first cycle, last cycle, colour's name."""


def draw(program: TimedProgram, title: str) -> str:
    """The picture as SVG."""
    found = [bar for bar in bars(program) if bar[1] < CYCLES]
    names = ["code", "channel", "moves", *_names(program)]
    height = _TOP + _ROW * len(names) + 62
    sheet = Sheet(960, height, f"The first {CYCLES:,} cycles of {title}")
    sheet.text(24, 30, f"The first {CYCLES:,} cycles of {title}", size=15, bold=True)
    sheet.text(24, 50, f"shaded: the first {MARK:,}", size=12, colour=FAINT)
    bottom = _TOP + _ROW * len(names)
    sheet.box(_LEFT, _TOP, _at(MARK) - _LEFT, bottom - _TOP, fill="#f0f2f4")
    for number, name in enumerate(names):
        y = _TOP + _ROW * number
        sheet.line([(_LEFT, y), (_RIGHT, y)], colour=RULE, width=0.5)
        sheet.text(_LEFT - 8, y + 15, name, size=12, anchor="end")
    for row, begin, end, kind in found:
        x, y = _at(begin), _TOP + _ROW * names.index(row)
        width = max(_at(min(end, CYCLES)) - x - 0.5, 0.5)
        sheet.box(x, y + 4, width, _ROW - 8, fill=_COLOURS[kind])
    for cycle in range(0, CYCLES + 1, MARK):
        sheet.text(_at(cycle), bottom + 16, f"{cycle:,}", size=11, anchor="middle", colour=FAINT)
    x = float(_LEFT)
    for kind in dict.fromkeys(bar[3] for bar in found):
        sheet.box(x, bottom + 32, 11, 11, fill=_COLOURS[kind])
        sheet.text(x + 15, bottom + 42, kind, size=11, colour=INK)
        x += 30 + 7 * len(kind)
    return sheet.svg()


def bars(program: TimedProgram) -> Iterator[Bar]:
    """What is under way when. A step of a unit lasts until the unit can take the next one."""
    shape, took = program.shape, run_time(program)
    assert took.stalled_beats == 0  # otherwise beats would start later than the program says

    def cycle(beat: int) -> int:
        return took.start_cycles + beat * shape.banks

    yield "code", 0, took.start_cycles, "code"
    engine = ChannelTimeline(shape.channel)
    for start, opcode, beats in program.memory[["start", "opcode", "beats"]].tolist():
        fetched = opcode == Memory.FETCH
        end = (engine.fetch if fetched else engine.write)(cycle(start), beats)
        yield "channel", end - beats, end, "fetch" if fetched else "write"
    for start, opcode in program.moves[["start", "opcode"]].tolist():
        kind = "fetch" if opcode == Move.ARRIVE else "write"
        yield "moves", cycle(start), cycle(start) + shape.rows, kind
    names = _names(program)
    for start, opcode, unit in program.compute[["start", "opcode", "unit"]].tolist():
        length = shape.interval_beats[shape.units[unit]] * shape.banks
        yield names[unit], cycle(start), cycle(start) + length, Compute(opcode).name


def _names(program: TimedProgram) -> list[str]:
    """The name of every unit, by its number."""
    units = program.shape.units
    return [
        kind if units.count(kind) == 1 else f"{kind} {units[:number].count(kind)}"
        for number, kind in enumerate(units)
    ]


def _at(cycle: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * cycle / CYCLES

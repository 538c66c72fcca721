"""Pictures of an NTT unit and of a schedule, drawn as SVG from the parameter objects."""

from __future__ import annotations

from html import escape

from rtl.units.ntt.schedule import Schedule, parity
from rtl.units.ntt.unit import NTTUnit

_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf")
_STYLE = "font-family:sans-serif;font-size:12px"


def _svg(width: int, height: int, parts: list[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="{_STYLE}">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, words: str, *, anchor: str = "middle", colour: str = "black") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
    )


def _box(x: int, y: int, width: int, height: int, lines: list[str], fill: str) -> list[str]:
    top = y + height / 2 - 7 * len(lines) + 11
    return [
        (
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="{fill}" '
            'stroke="#555"/>'
        ),
        *[_text(x + width / 2, top + 14 * i, line) for i, line in enumerate(lines)],
    ]


def _arrow(points: list[tuple[int, int]]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="#555" marker-end="url(#head)"/>'


_HEAD = (
    '<defs><marker id="head" markerWidth="7" markerHeight="6" refX="6" refY="3" orient="auto">'
    '<path d="M0,0 L7,3 L0,6 z" fill="#555"/></marker></defs>'
)


def draw_unit(unit: NTTUnit) -> str:
    """The unit, with time from left to right. Each part has the cycle at which its operands arrive,
    counted from the issue of a step."""
    lanes, depth, width = unit.butterflies, unit.schedule.steps, unit.multiplier.width
    read, operands, write = unit.read_offset, unit.butterfly_offset, unit.write_offset
    after = operands + unit.butterfly.latency
    parts = [_HEAD]
    columns = [
        (20, 90, ["sequencer", "stage, step,", "two addresses"], "#eee", 0),
        (140, 120, ["bank 0", "bank 1", f"{depth} x {lanes * width} bits", "1 read, 1 write"],
         "#dbe9f6", read),
        (290, 90, ["bank order", "lane order"], "#f3f3f3", read + 2),
        (410, 150, [f"{lanes} butterflies", "add, subtract", unit.multiplier.reduction
                    + " multiplier", "add, subtract, halve"], "#fde7cf", operands),
        (590, 90, ["lane order", "bank order"], "#f3f3f3", after),
        (710, 90, ["write", "registers"], "#dbe9f6", write),
    ]  # fmt: skip
    for i, (x, box_width, lines, fill, time) in enumerate(columns):
        parts += _box(x, 90, box_width, 90, lines, fill)
        parts.append(_text(x + box_width / 2, 82, f"cycle {time}", colour="#777"))
        if i:
            previous = columns[i - 1]
            parts.append(_arrow([(previous[0] + previous[1], 135), (x, 135)]))
    parts.append(_arrow([(755, 180), (755, 225), (200, 225), (200, 180)]))
    parts.append(_text(480, 220, "results go back where their operands came from"))
    parts += _box(
        410, 14, 150, 46,
        [f"twiddles, {unit.twiddles}", f"{unit.twiddle_memory_bits // 1024} Kbit"], "#e5f5e0",
    )  # fmt: skip
    parts.append(_arrow([(485, 60), (485, 70)]))
    parts += _box(20, 245, 200, 40, ["input stream", f"{lanes} residues a beat"], "#eee")
    parts += _box(600, 245, 200, 40, ["output queue", f"{lanes} residues a beat"], "#eee")
    parts.append(_arrow([(150, 245), (150, 180)]))
    parts.append(_arrow([(240, 180), (240, 265), (600, 265)]))
    buffers = "one buffer" if unit.buffers == 1 else "two buffers: streams and transform overlap"
    parts.append(_text(410, 305, f"N = {unit.N}, {width} bits, {buffers}"))
    return _svg(820, 320, parts)


def draw_schedule(schedule: Schedule, inverse: bool) -> str:
    """The reads (filled) and writes (open) of every row over time, in one colour a stage.

    Rows of bank 1 are grey. The gaps between stages are waits.
    """
    steps = list(schedule.timeline(inverse))
    last = steps[-1][0] + schedule.write_after
    cell_x, cell_y, left, top = max(3, 900 // (last + 1)), 12, 60, 40
    width, height = left + cell_x * (last + 2) + 20, top + cell_y * schedule.rows + 50
    parts = [
        _text(
            width / 2, 18,
            f"N = {schedule.N}, {schedule.butterflies} butterflies, "
            f"{'inverse' if inverse else 'forward'}: {schedule.issue_cycles} cycles of steps, "
            f"results readable after {schedule.write_after}",
        )
    ]  # fmt: skip
    for row in range(schedule.rows):
        y = top + cell_y * row
        if parity(row):
            parts.append(
                f'<rect x="{left}" y="{y}" width="{cell_x * (last + 2)}" height="{cell_y}" '
                'fill="#f0f0f0"/>'
            )
        parts.append(_text(left - 8, y + 10, f"row {row}", anchor="end"))
    for cycle, step in steps:
        colour = _COLOURS[step.stage % len(_COLOURS)]
        for row in step.rows:
            y = top + cell_y * row + 2
            x = left + cell_x * cycle
            late = x + cell_x * schedule.write_after
            size = f'y="{y}" width="{cell_x - 1}" height="{cell_y - 4}"'
            parts.append(f'<rect x="{x}" {size} fill="{colour}"/>')
            parts.append(f'<rect x="{late}" {size} fill="none" stroke="{colour}"/>')
    bottom = top + cell_y * schedule.rows + 16
    seen: set[int] = set()
    for cycle, step in steps:
        if step.stage not in seen:
            seen.add(step.stage)
            colour = _COLOURS[step.stage % len(_COLOURS)]
            x = left + cell_x * cycle
            parts.append(_text(x, bottom, f"bit {step.stage}", anchor="start", colour=colour))
    parts.append(_text(left, bottom + 18, "cycle 0", anchor="start"))
    parts.append(_text(left + cell_x * (last + 1), bottom + 18, f"cycle {last}", anchor="end"))
    return _svg(width, height, parts)

"""The picture of the six rooms: their folders by floors, and the doors between them."""

from __future__ import annotations

from tools.pictures.imports import Graph, doors, floors, folders
from tools.pictures.svg import FAINT, INK, PAPER, ROOM_COLOURS, RULE, Sheet, mono_width

PURPOSES = {
    "benchmarks": ["the same operations here, in other libraries", "and on a modelled accelerator"],
    "nn": ["networks: plan,", "client, server,", "PyTorch, a zoo"],
    "he": ["the CKKS and BFV", "schemes: keys,", "ciphertexts, bytes"],
    "ntt": ["arithmetic modulo", "primes, compiled", "for this CPU"],
    "accel_model": ["programs on limbs;", "an accelerator's", "time, energy, area"],
    "rtl": ["the accelerator's", "units as Verilog,", "simulated bit", "for bit"],
}  # fmt: skip

_LEFT, _WIDTH, _GUTTER = 58, 402, 100
_RIGHT = _LEFT + _WIDTH + _GUTTER
_CHIP, _STEP, _GAP, _PADDING = 26, 33, 52, 16
_PURPOSE_WIDTH = 124


class Room:
    """A room's place on the sheet."""

    def __init__(self, name: str, x: float, y: float, width: float, height: float) -> None:
        self.name, self.x, self.y, self.width, self.height = name, x, y, width, height

    @property
    def middle(self) -> float:
        """The room's vertical middle line."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The room's lower edge."""
        return self.y + self.height


def draw(graph: Graph) -> str:
    """The picture as SVG."""
    rooms = _places(graph)
    height = max(room.bottom for room in rooms.values()) + 46
    width = _RIGHT + _WIDTH + 30
    sheet = Sheet(int(width), int(height), "The six rooms of he-accel and the doors between them")
    _draw_doors(sheet, rooms, doors(graph))
    for room in rooms.values():
        _draw_room(sheet, room, graph)
    _draw_legend(sheet, height - 20)
    return sheet.svg()


def _places(graph: Graph) -> dict[str, Room]:
    """Software on the left, hardware on the right, as tall as each other; benchmarks above both."""
    top = Room("benchmarks", _LEFT, 24, _RIGHT + _WIDTH - _LEFT, 84)
    columns = [(_LEFT, ("nn", "he", "ntt")), (_RIGHT, ("accel_model", "rtl"))]
    needed = {
        name: 2 * _PADDING + max(_STEP * len(floors(graph, name)) - _STEP + _CHIP, 78)
        for _, names in columns
        for name in names
    }
    total = max(sum(needed[name] for name in names) + _GAP * len(names) for _, names in columns)
    rooms = {"benchmarks": top}
    for x, names in columns:
        spare = total - sum(needed[name] for name in names) - _GAP * len(names)
        y = top.bottom + _GAP
        for name in names:
            height = needed[name] + spare / len(names)
            rooms[name] = Room(name, x, y, _WIDTH, height)
            y += height + _GAP
    return rooms


def _draw_room(sheet: Sheet, room: Room, graph: Graph) -> None:
    colour, background = ROOM_COLOURS[room.name]
    sheet.box(room.x, room.y, room.width, room.height, fill=background, stroke=colour, radius=8)
    x, y = room.x + _PADDING, room.y + _PADDING + 14
    sheet.text(x, y, room.name, size=17, bold=True, mono=True, colour=colour)
    sheet.lines(x, y + 22, PURPOSES[room.name], 17, size=12)
    levels, inside = floors(graph, room.name), folders(graph, room.name)
    if room.name == "benchmarks":  # one row: the room is flat and wide
        levels = [[name for level in levels for name in level]]
    left = room.x + _PADDING + (_PURPOSE_WIDTH if room.name != "benchmarks" else 330)
    space = room.x + room.width - _PADDING - left
    free = room.height - 2 * _PADDING - (_STEP * (len(levels) - 1) + _CHIP)
    for row, names in enumerate(levels):
        y = room.y + _PADDING + free / 2 + _STEP * row
        widths = [_chip_width(name, inside[name]) for name in names]
        gap = 8
        x = left + (space - sum(widths) - gap * (len(names) - 1)) / 2
        for name, width in zip(names, widths, strict=True):
            _draw_chip(sheet, (x, y), width, name, inside[name], colour)
            x += width + gap


def _chip_width(name: str, inside: list[str]) -> float:
    extra = mono_width("  ".join(inside), 9.5) + 8 if inside else 0
    return mono_width(name, 12) + extra + 16


def _draw_chip(
    sheet: Sheet, corner: tuple[float, float], width: float, name: str, inside: list[str],
    colour: str,
) -> None:  # fmt: skip
    x, y = corner
    sheet.box(x, y, width, _CHIP, fill=PAPER, stroke=colour, radius=5, line=0.8)
    sheet.text(x + 8, y + 17, name, size=12, mono=True)
    if inside:
        sheet.text(
            x + 8 + mono_width(name, 12) + 8, y + 17, "  ".join(inside), size=9.5, mono=True,
            colour=FAINT,
        )  # fmt: skip


def _draw_doors(
    sheet: Sheet, rooms: dict[str, Room], found: dict[tuple[str, str], tuple[str, ...]]
) -> None:
    """An arrow for each pair of rooms with imports; the names at it are all that it opens to."""
    for (source, target), names in found.items():
        start, end = rooms[source], rooms[target]
        colour = ROOM_COLOURS[source][0]
        label = " ".join(names) if len(names) <= 6 else ""
        if source == "benchmarks":
            _draw_from_benchmarks(sheet, end, start, colour)
        elif (source, target) == ("nn", "ntt"):  # past `he`, on the left
            aside = _LEFT - 26
            sheet.arrow(
                [(start.x, start.bottom - 24), (aside, start.bottom - 24), (aside, end.y + 30),
                 (end.x, end.y + 30)], colour=colour, width=1.2,
            )  # fmt: skip
            middle = (start.bottom + end.y) / 2
            sheet.text(aside - 8, middle, label.replace(" ", "  "), size=11, mono=True,
                       anchor="middle", colour=colour, turned=True)  # fmt: skip
        elif start.x == end.x and start.y < end.y:
            sheet.arrow([(start.middle, start.bottom), (end.middle, end.y)], colour=colour, width=2)
        elif start.x == end.x:  # upwards: rtl to the program's instructions
            x = start.middle - 60
            sheet.arrow([(x, start.y), (x, end.bottom)], colour=colour, width=2)
            sheet.text(x - 8, (start.y + end.bottom) / 2 + 4, label, size=12, mono=True,
                       anchor="end", colour=colour)  # fmt: skip
        else:  # from the right column to the left
            y = max(start.y, end.y) + min(38, end.height / 2)
            sheet.arrow([(start.x, y), (end.x + end.width, y)], colour=colour, width=2)
            # One above the other: the gutter is narrow.
            words = label.split()
            sheet.lines((start.x + end.x + end.width) / 2 + 14, y - 7 - 14 * (len(words) - 1),
                        words, 14, size=12, mono=True, anchor="middle", colour=colour)  # fmt: skip
    model, units = rooms["accel_model"], rooms["rtl"]
    x = units.middle + 30
    sheet.arrow([(x, units.y), (x, model.bottom)], colour=FAINT, dashed=True)
    sheet.text(x + 8, (units.y + model.bottom) / 2 + 4, "measured: a file", size=12, colour=FAINT)


def _draw_from_benchmarks(sheet: Sheet, end: Room, start: Room, colour: str) -> None:
    if end.name in ("nn", "accel_model"):
        sheet.arrow([(end.middle, start.bottom), (end.middle, end.y)], colour=colour, width=2)
        return
    x = _LEFT + _WIDTH + (22 if end.name == "ntt" else 36)
    y = end.y + 24
    sheet.arrow([(x, start.bottom), (x, y), (end.x + end.width, y)], colour=colour, width=1.2)


def _draw_legend(sheet: Sheet, y: float) -> None:
    x = _LEFT
    sheet.arrow([(x, y - 4), (x + 34, y - 4)], colour=INK)
    sheet.text(x + 42, y, "imports", size=12)
    sheet.line([(x + 102, y - 12), (x + 102, y + 4)], colour=RULE)
    sheet.text(x + 114, y, "Words at an arrow: the only folders or files that it reaches.", size=12)
    sheet.text(
        _RIGHT + _WIDTH, y, "A folder imports only from lower floors of its room.", size=12,
        anchor="end",
    )  # fmt: skip

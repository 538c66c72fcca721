"""The picture of the way of one instruction: a rotation, lowered, and run by three executors.

The program is the one that the lowering makes, and the bars are its schedule on the machine `ecp5`.
"""

from __future__ import annotations

import he
from accel_model import Program, load_machine, lower
from accel_model.estimation import schedule
from accel_model.estimation.costs import costs_of, slots_of, unit_counts
from accel_model.estimation.residency import allocate
from accel_model.isa import Phase, describe
from he.trace import HEOp, OpTrace, TracedKey
from tools.pictures.svg import FAINT, INK, ROOM_COLOURS, RULE, Sheet

MACHINE = "ecp5"

_PHASES = {
    Phase.TRANSFER: ("#8a97a3", "load, store"),
    Phase.DECOMPOSE: ("#2a67a8", "digits"),
    Phase.KEY_PRODUCT: ("#d9741a", "times the key"),
    Phase.DIVIDE: ("#7448b0", "divide by P"),
    Phase.SUM: ("#1f7d55", "sum"),
    Phase.AUTOMORPHISM: ("#b0355a", "permute"),
}
_AGAIN = "#d3dae0"
_HE, _MODEL, _RTL = (ROOM_COLOURS[room] for room in ("he", "accel_model", "rtl"))
_LEFT, _RIGHT = 24, 936


def draw() -> str:
    """The picture as SVG."""
    trace = rotation()
    program = lower(trace)
    sheet = Sheet(960, 686, "The way of one instruction: recorded, lowered, run three times")
    _draw_trace(sheet, trace)
    _draw_program(sheet, program)
    _draw_executors(sheet, program)
    return sheet.svg()


def rotation() -> OpTrace:
    """What an evaluator records of one rotation of a fresh ciphertext, at N = 8192."""
    params = he.CKKSParameters.build(1, integer_bits=5, N=8192)
    element = he.element_of_rotation(1, params.N)
    top, limbs = params.max_level, len(params.q)
    rotate = HEOp(
        "automorphisms", top, (0,), (1,), elements=(element,), keys=(element,), digits=params.dnum
    )
    return OpTrace(
        N=params.N,
        q=params.q,
        p=params.p,
        digit_limbs=params.digit_limbs,
        ciphertexts=((2, limbs), (2, limbs)),
        plaintexts=(),
        keys=(TracedKey(element, top, (params.dnum, 2, limbs + len(params.p))),),
        inputs=(0,),
        outputs=(1,),
        operations=(rotate,),
    )


def _draw_trace(sheet: Sheet, trace: OpTrace) -> None:
    colour, paper = _HE
    sheet.box(_LEFT, 20, 262, 186, fill=paper, stroke=colour, radius=8)
    sheet.text(40, 46, "recorded", size=15, bold=True, colour=colour)
    sheet.text(122, 46, "he.trace", size=12, mono=True, colour=colour)
    sheet.text(40, 70, "ciphertext.rotate(1)", size=12, mono=True)
    sheet.line([(40, 82), (270, 82)], colour=RULE)
    (op,) = trace.operations
    fields = [
        ("kind", op.kind), ("level", op.level), ("operands", op.operands[0]),
        ("results", op.results[0]), ("elements", op.elements[0]), ("digits", op.digits),
    ]  # fmt: skip
    for index, (name, value) in enumerate(fields):
        sheet.text(40, 102 + 18 * index, name, size=12, colour=FAINT)
        sheet.text(112, 102 + 18 * index, str(value), size=12, mono=True)
    sheet.arrow([(292, 113), (342, 113)], colour=INK, width=2)
    sheet.text(315, 102, "lower", size=12, anchor="middle")


def _draw_program(sheet: Sheet, program: Program) -> None:
    colour, paper = _MODEL
    sheet.box(350, 20, _RIGHT - 350, 186, fill=paper, stroke=colour, radius=8)
    count = len(program.instructions)
    sheet.text(366, 46, f"a program of {count} instructions on limbs", size=15, bold=True,
               colour=colour)  # fmt: skip
    sheet.text(_RIGHT - 16, 46, "accel_model.isa", size=12, mono=True, anchor="end", colour=colour)
    # The first instruction of each opcode, in the program's order: what there is to see.
    seen: dict[int, str] = {}
    for instruction in program.instructions:
        seen.setdefault(int(instruction["opcode"]), describe(instruction))
    for index, words in enumerate(list(seen.values())[:12]):
        column, row = divmod(index, 6)
        sheet.text(366 + 288 * column, 74 + 18 * row, words, size=11.5, mono=True)
    width = (_RIGHT - _LEFT) / count
    for index, instruction in enumerate(program.instructions):
        fill = _PHASES[Phase(instruction["phase"])][0]
        sheet.box(_LEFT + width * index, 230, width - 1, 20, fill=fill)
    x = float(_LEFT)
    for fill, words in _PHASES.values():
        sheet.box(x, 264, 12, 12, fill=fill, radius=2)
        sheet.text(x + 18, 274, words, size=12)
        x += 44 + 7.2 * len(words)
    sheet.text(_RIGHT, 274, "each instruction by its phase", size=12, anchor="end", colour=FAINT)


def _draw_executors(sheet: Sheet, program: Program) -> None:
    top, height = 318, 262
    for x in (122, 480, 838):
        sheet.arrow([(x, 288), (x, top - 4)], colour=INK, width=2)
    boxes = [
        (_LEFT, 196, "NumPy", "accel_model.execution", _MODEL),
        (236, 488, "the model", f"accel_model.estimation, machine {MACHINE}", _MODEL),
        (740, 196, "simulated RTL", "rtl.programs", _RTL),
    ]  # fmt: skip
    for x, width, name, module, (colour, paper) in boxes:
        sheet.box(x, top, width, height, fill=paper, stroke=colour, radius=8)
        sheet.text(x + 16, top + 28, name, size=15, bold=True, colour=colour)
        sheet.text(x + 16, top + 47, module, size=11, mono=True, colour=colour)
    lines = ["Every instruction is a", "few lines of NumPy on", "uint64 rows:", "",
             "MUL     a * b % q", "ADD     (a + b) % q", "PERMUTE a[permutation]"]  # fmt: skip
    for index, words in enumerate(lines):
        mono = index > 3
        sheet.text(40, top + 80 + 20 * index, words, size=11.5 if mono else 12.5, mono=mono)
    lines = ["Transforms, products,", "sums and permutations", "run on their units:", "",
             "NTT unit", "pointwise unit", "automorphism unit", "",
             "Verilog, clock by clock"]  # fmt: skip
    sheet.lines(756, top + 80, lines, 19, size=12.5)
    _draw_schedule(sheet, program, top)
    _draw_agreement(sheet, top + height)


def _draw_schedule(sheet: Sheet, program: Program, top: float) -> None:
    """When each step runs, a lane for each kind of unit."""
    machine = load_machine(MACHINE)
    residency = allocate(program, slots_of(program.N, machine))
    costs = costs_of(program, machine, residency)
    result = schedule.run(residency.needs, costs, unit_counts(machine))
    lanes = ("channel", "ntt", "pointwise", "automorphism")
    left, right = 340, 708
    for index, lane in enumerate(lanes):
        y = top + 72 + 34 * index
        sheet.text(left - 10, y + 14, lane, size=11.5, anchor="end")
        sheet.box(left, y, right - left, 22, fill="#ffffff")
    for step, kind in enumerate(costs.kind):
        start = left + (right - left) * result.start[step] / result.cycles
        width = (right - left) * costs.interval[step] / result.cycles
        index = residency.instruction[step]
        fill = _AGAIN if index < 0 else _PHASES[Phase(program.instructions[index]["phase"])][0]
        y = top + 72 + 34 * lanes.index(schedule.KINDS[kind])
        sheet.box(start, y, max(width - 0.4, 0.6), 22, fill=fill)
    y = top + 72 + 34 * len(lanes)
    sheet.line([(left, y), (right, y)], colour=FAINT, width=1)
    sheet.text(left, y + 16, "cycle 0", size=11, colour=FAINT)
    sheet.text(right, y + 16, f"{round(result.cycles):,}", size=11, anchor="end", colour=FAINT)
    moved = residency.fetches + residency.spills
    sheet.box(left, y + 27, 12, 12, fill=_AGAIN, radius=2)
    sheet.text(left + 18, y + 37, f"{moved} limbs written out or fetched again: the memory holds "
               f"{slots_of(program.N, machine)}", size=11.5, colour=FAINT)  # fmt: skip


def _draw_agreement(sheet: Sheet, bottom: float) -> None:
    """What the executors must agree on, as brackets below them."""
    _bracket(sheet, 480, 806, bottom + 6, bottom + 30, "the same cycles of every unit")
    _bracket(sheet, 122, 870, bottom + 6, bottom + 66, "the same bits as the software's")


def _bracket(sheet: Sheet, left: float, right: float, top: float, y: float, words: str) -> None:
    sheet.line([(left, top), (left, y), (right, y), (right, top)], colour=INK, width=2)
    half = 3.6 * len(words) + 14
    middle = (left + right) / 2
    sheet.box(middle - half, y - 10, 2 * half, 20, fill="#ffffff")
    sheet.text(middle, y + 5, words, size=13, bold=True, anchor="middle")

"""The picture of the way of one limb: through a product, a transform, a butterfly.

Limbs, digits and counts are those of a real parameter set, lowered to instructions.
"""

from __future__ import annotations

from collections import Counter

import he
from accel_model import lower
from accel_model.isa import Opcode, Phase
from he.trace import RELINEARIZATION, HEOp, OpTrace, TracedKey
from tools.pictures.svg import FAINT, INK, ROOM_COLOURS, RULE, Sheet

DEPTH, DIGITS, FOLLOWED = 5, 3, 2

_BLUE, _PALE_BLUE = ROOM_COLOURS["ntt"][0], "#b5cfea"
_ORANGE, _PALE_ORANGE = "#d9741a", "#f5c99b"
_EMPTY = "#ffffff"
_TOP, _ROW = 92, 18
_STAGES = ("#1f7d55", "#2a67a8", "#7448b0")

Counts = Counter[tuple[Phase, Opcode]]


def draw() -> str:
    """The picture as SVG."""
    params = he.CKKSParameters.build(DEPTH, integer_bits=5, dnum=DIGITS)
    sheet = Sheet(960, 678, "The way of one limb through a product of two ciphertexts")
    _draw_product(sheet, params, counts(params))
    _draw_transform(sheet)
    _draw_butterfly(sheet)
    return sheet.svg()


def counts(params: he.CKKSParameters) -> Counts:
    """The instructions of one product of ciphertexts, relinearized and rescaled, by phase."""
    top, limbs = params.max_level, len(params.q)
    key = TracedKey(RELINEARIZATION, top, (params.dnum, 2, limbs + len(params.p)))
    trace = OpTrace(
        N=params.N,
        q=params.q,
        p=params.p,
        digit_limbs=params.digit_limbs,
        ciphertexts=((2, limbs), (2, limbs), (3, limbs), (2, limbs - 1)),
        plaintexts=(),
        keys=(key,),
        inputs=(0, 1),
        outputs=(3,),
        operations=(
            HEOp("tensor", top, (0, 1), (2,)),
            HEOp("relinearize_rescale", top, (2,), (3,), keys=(0,), digits=params.dnum),
        ),
    )
    return Counter(
        (Phase(instruction["phase"]), Opcode(instruction["opcode"]))
        for instruction in lower(trace).instructions
    )


def _draw_product(sheet: Sheet, params: he.CKKSParameters, found: Counts) -> None:
    limbs, special, digit = len(params.q), len(params.p), params.digit_limbs
    rows = limbs + special
    own = range(FOLLOWED // digit * digit, (FOLLOWED // digit + 1) * digit)
    sheet.text(30, 34, "A product of two ciphertexts", size=15, bold=True)
    sheet.text(30, 53, f"the third part, switched to the key, at level {params.max_level} of N = "
               f"{params.N}", size=12.5, colour=FAINT)  # fmt: skip
    for row in range(rows):
        name = f"q{row}" if row < limbs else f"p{row - limbs}"
        bits = (params.q + params.p)[row].bit_length()
        chosen = row == FOLLOWED
        sheet.text(58, _y(row) + 11.5, name, size=12, mono=True, anchor="end", bold=chosen,
                   colour=_ORANGE if chosen else INK)  # fmt: skip
        sheet.text(64, _y(row) + 11.5, f"{bits} bits", size=10.5, colour=FAINT)

    a, b, c, d, e, f = 116, 226, 336, 494, 664, 826
    for row in range(limbs):
        _row(sheet, a, 50, row, _ORANGE if row == FOLLOWED else _BLUE)
        _row(sheet, b, 50, row, _PALE_ORANGE if row == FOLLOWED else _PALE_BLUE)
    for x, (colour, orange) in ((c, (_PALE_BLUE, _PALE_ORANGE)), (d, (_BLUE, _ORANGE))):
        for column in range(params.dnum):
            left = x + 36 * column
            for row in range(rows):
                fill = orange if own.start // digit == column else colour
                _row(sheet, left, 30, row, fill, outlined=row // digit == column and row < limbs)
    for part in range(2):
        for row in range(rows):
            _row(sheet, e + 46 * part, 40, row, _BLUE)
            kept = row < limbs - 1
            _row(sheet, f + 46 * part, 40, row, _BLUE if kept else _EMPTY, dashed=not kept)

    middle = _TOP + _ROW * rows / 2
    steps = [(a + 50, b, "inverse", "transform"), (b + 50, c, "to all", "primes"),
             (c + 102, d, "transform", ""), (d + 102, e, "times key,", "sum"),
             (e + 86, f, "divide", f"by P q{limbs - 1}")]  # fmt: skip
    for start, end, first, second in steps:
        sheet.arrow([(start + 6, middle), (end - 6, middle)], colour=INK)
        words = [first, second] if second else [first]
        sheet.lines((start + end) / 2, middle + 5 - 14 * len(words), words, 14, size=11.5,
                    anchor="middle")  # fmt: skip

    one, two = found[Phase.DECOMPOSE, Opcode.INTT], found[Phase.DECOMPOSE, Opcode.NTT]
    products = sum(found[Phase.KEY_PRODUCT, code] for code in (Opcode.MUL, Opcode.MULADD))
    conversions = found[Phase.DECOMPOSE, Opcode.CONVERT]
    back, forth = found[Phase.DIVIDE, Opcode.INTT], found[Phase.DIVIDE, Opcode.NTT]
    captions = [
        (a + 25, "a1 b1", f"{limbs} limbs", ""),
        (b + 25, "coefficients", f"{one} inverse", "transforms"),
        (c + 51, f"{params.dnum} digits", f"{conversions} steps of a", "basis change: rows mix"),
        (d + 51, "transformed", f"{two} transforms,", "each row by itself"),
        (e + 43, "two parts", f"{products} products", "with rows of the key"),
        (f + 43, f"level {params.max_level - 1}", f"{back} inverse, {forth} forward", "transforms"),
    ]
    y = _TOP + _ROW * rows + 20
    for x, name, first, second in captions:
        sheet.text(x, y, name, size=12.5, bold=True, anchor="middle")
        sheet.lines(x, y + 18, [first, second], 15, size=11.5, anchor="middle", colour=FAINT)
    _draw_legend(sheet, y + 62)


def _draw_legend(sheet: Sheet, y: float) -> None:
    entries = [
        (_PALE_BLUE, "coefficients", 116), (_BLUE, "transformed", 232),
        (_ORANGE, f"what holds the limb modulo q{FOLLOWED}, until all are summed", 346),
    ]  # fmt: skip
    for colour, words, x in entries:
        sheet.box(x, y - 10, 18, 12, fill=colour, radius=2)
        sheet.text(x + 26, y, words, size=12)
    sheet.box(712, y - 10, 18, 12, fill="none", stroke=INK, radius=2, line=1.4)
    sheet.text(738, y, "the digit's own rows: copied", size=12)


def _y(row: int) -> float:
    return _TOP + _ROW * row


def _row(
    sheet: Sheet, x: float, width: float, row: int, fill: str, *, outlined: bool = False,
    dashed: bool = False,
) -> None:  # fmt: skip
    stroke = INK if outlined else RULE if dashed else "none"
    sheet.box(x, _y(row), width, _ROW - 4, fill=fill, stroke=stroke, radius=2,
              line=1.4 if outlined else 1, dashed=dashed)  # fmt: skip


def _draw_transform(sheet: Sheet) -> None:
    """The butterflies of N = 8, in the order of `ntt.forward`: natural in, bit-reversed out."""
    left, top, step, stage_width, N = 86, 440, 27, 96, 8
    sheet.line([(30, top - 76), (930, top - 76)], colour=RULE, width=1)
    sheet.text(30, top - 44, "A transform of one row", size=15, bold=True)
    sheet.text(30, top - 26, "shown for N = 8: three stages", size=12.5, colour=FAINT)
    right = left + 3 * stage_width + 24
    for i in range(N):
        y = top + step * i
        reverse = int(f"{i:03b}"[::-1], 2)
        sheet.text(left - 12, y + 4, f"x[{i}]", size=12, mono=True, anchor="end")
        sheet.text(right + 12, y + 4, f"X[{i}] at psi^{2 * reverse + 1}", size=12, mono=True)
        sheet.line([(left, y), (right, y)], colour=RULE, width=1.2)
    for stage, colour in enumerate(_STAGES):
        distance = N >> (stage + 1)
        x0 = left + 18 + stage_width * stage
        x1 = x0 + stage_width - 36
        for i in range(N):
            if i & distance:
                continue
            ends = (top + step * i, top + step * (i + distance))
            for start in ends:
                for end in ends:
                    sheet.line([(x0, start), (x1, end)], colour=colour, width=1.5)
            for y in ends:
                sheet.circle(x0, y, 2.6, fill=colour)
                sheet.circle(x1, y, 2.6, fill=colour)


def _draw_butterfly(sheet: Sheet) -> None:
    """One butterfly's arithmetic, with the range of every value."""
    x, top = 590, 440
    sheet.text(x, top - 44, "One butterfly", size=15, bold=True)
    sheet.text(x, top - 26, "words of W bits, q below 2^(W-2)", size=12.5, colour=FAINT)
    sheet.box(x, top - 12, 340, 232, fill="#f5f7f9", radius=8)
    rows = [
        ("x, y", "in [0, 4q)"),
        ("w' = floor(w 2^W / q)", "known for each factor w"),
        ("k  = floor(w' y / 2^W)", "the quotient, less than 2 too small"),
        ("t  = w y - k q", "in [0, 2q), without a division"),
        ("x  brought below 2q", "one comparison"),
        ("x + t,  x - t + 2q", "in [0, 4q): the next stage's operands"),
    ]
    for index, (formula, range_) in enumerate(rows):
        y = top + 12 + 37 * index
        sheet.text(x + 16, y, formula, size=12.5, mono=True, bold=index == 5, colour=INK)
        sheet.text(x + 40, y + 15, range_, size=11.5, colour=FAINT)

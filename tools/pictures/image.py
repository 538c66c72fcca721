"""The picture of the way of one image: a digit of the test set, packed and planned by `nn`."""

from __future__ import annotations

import json
import random

import numpy as np

import nn
from nn.packed.plan import InferencePlan
from tools.pictures.imports import ROOT
from tools.pictures.svg import FAINT, INK, ROOM_COLOURS, Sheet

IMAGE = 0
BENCH = ROOT / "benchmarks" / "results" / "nn-bench-mnist.json"

_GREEN, _GREEN_PAPER = ROOM_COLOURS["he"]
_PURPLE, _PURPLE_PAPER = ROOM_COLOURS["nn"]
_GREY_PAPER = "#f0f2f4"
_SHADES = ("#0f5a3b", "#1f7d55", "#4ba27b", "#86c4a8", "#bfe0d0")
_CLIENT, _SERVER = 24, 334
_SIDE = 112


def draw() -> str:
    """The picture as SVG."""
    network = nn.zoo.load("mnist")
    images, _ = nn.zoo.test_images("mnist")
    image = images[IMAGE]
    plan = nn.compile(network, security_bits=128)
    sizes = json.loads(BENCH.read_text(encoding="utf-8"))
    sheet = Sheet(960, 584, "The way of one image through an encrypted inference")
    sheet.box(20, _CLIENT, 920, 222, fill=_PURPLE_PAPER, radius=8)
    sheet.text(36, _CLIENT + 24, "client", size=15, bold=True, colour=_PURPLE)
    sheet.text(88, _CLIENT + 24, "holds the secret key, sees image and answer", size=12.5)
    sheet.box(20, _SERVER, 920, 230, fill=_GREY_PAPER, radius=8)
    sheet.text(76, _SERVER + 24, "server", size=15, bold=True)
    sheet.text(134, _SERVER + 24, "holds the network's weights, sees only ciphertexts", size=12.5)
    _draw_sending(sheet, image, plan)
    _draw_answer(sheet, network(image[np.newaxis]).ravel(), plan)
    _draw_server(sheet, plan)
    _draw_travel(sheet, plan, sizes)
    return sheet.svg()


def _draw_sending(sheet: Sheet, image: np.ndarray, plan: InferencePlan) -> None:
    top = _CLIENT + 44
    _draw_pixels(sheet, (36, top), image[0])
    shape = " x ".join(map(str, image.shape[1:]))
    _caption(sheet, 36 + _SIDE / 2, top, "image", f"{shape} pixels")
    _step(sheet, 152, 196, top, "pack")
    slots = plan.input_layout.pack(image[np.newaxis])[0, 0]
    side = 1 << (len(slots).bit_length() - 1) // 2
    _draw_pixels(sheet, (200, top), slots.reshape(-1, side))
    _caption(sheet, 200 + _SIDE / 2, top, "slots", f"{len(slots):,} numbers")
    _step(sheet, 316, 360, top, "encode")
    limbs = len(plan.params.q)
    _draw_limbs(sheet, (364, top + 32), 76, limbs, "plain")
    _caption(sheet, 402, top, "plaintext", f"{limbs} limbs of {plan.params.N:,}")
    _step(sheet, 444, 492, top, "encrypt")
    _draw_limbs(sheet, (496, top + 2), 76, limbs, "image 0")
    _draw_limbs(sheet, (496, top + 62), 76, limbs, "image 1")
    _caption(sheet, 534, top, "ciphertext", "2 parts")


def _draw_answer(sheet: Sheet, logits: np.ndarray, plan: InferencePlan) -> None:
    top = _CLIENT + 44
    _draw_limbs(sheet, (632, top + 38), 76, 1, "answer 0")
    _draw_limbs(sheet, (632, top + 58), 76, 1, "answer 1")
    _caption(sheet, 670, top, "ciphertext", "2 parts, 1 limb")
    _step(sheet, 716, 776, top, "decrypt")
    left, width, base = 784, 14, top + 96
    highest = float(np.abs(logits).max())
    answer = int(logits.argmax())
    for digit, logit in enumerate(logits):
        x = left + width * digit
        height = max(1, round(46 * abs(float(logit)) / highest))
        y = base - 48 - height if logit > 0 else base - 48
        colour = _GREEN if digit == answer else "#b9a5d6"
        sheet.box(x + 2, y, width - 4, height, fill=colour)
        sheet.text(x + width / 2, base + 16, str(digit), size=11, anchor="middle",
                   bold=digit == answer, colour=_GREEN if digit == answer else FAINT)  # fmt: skip
    sheet.line([(left, base - 48), (left + 10 * width, base - 48)], colour=FAINT, width=0.8)
    error = float(plan.predicted_error.max())
    _caption(sheet, left + 5 * width, top, "ten logits", f"each within {error:.3f}")


def _draw_server(sheet: Sheet, plan: InferencePlan) -> None:
    """The stages of the plan, and between them the ciphertext with the limbs that it has left."""
    top = _SERVER + 64
    stages = plan.stages
    limbs_width, gap = 44, 10
    card = (892 - limbs_width * (len(stages) + 1) - 2 * gap * len(stages)) / len(stages)
    x = 34.0
    for index, level in enumerate([stages[0].level_in, *(s.level_out for s in stages)]):
        height = 9 * (level + 1)
        _draw_limbs(sheet, (x, top + 45 - height / 2), limbs_width, level + 1, f"level {level}")
        sheet.text(x + limbs_width / 2, top + 112, f"level {level}", size=11.5, anchor="middle",
                   colour=FAINT)  # fmt: skip
        x += limbs_width + gap
        if index == len(stages):
            break
        stage = stages[index]
        sheet.box(x, top, card, 90, fill="#ffffff", stroke=_PURPLE, radius=6)
        words = [stage.kind]
        if stage.rotations:
            words += [f"{stage.diagonals} diagonals", f"{stage.rotations} rotations"]
        y = top + 45 - 8.5 * len(words)
        sheet.text(x + card / 2, y, stage.name, size=13, bold=True, mono=True,
                   anchor="middle", colour=_PURPLE)  # fmt: skip
        sheet.lines(x + card / 2, y + 19, words, 17, size=12, anchor="middle")
        x += card + gap
    params = plan.params
    sheet.text(36, _SERVER + 212,
               f"Known before any key exists: N = {params.N}, {params.log_qp:.0f} bits of modulus, "
               f"{params.security_estimate}-bit security, {plan.rotations} rotation keys, the "
               "error of each logit.", size=12.5, colour=INK)  # fmt: skip


def _draw_travel(sheet: Sheet, plan: InferencePlan, sizes: dict[str, int]) -> None:
    """What crosses from one side to the other, with its bytes."""
    client, server, between = _CLIENT + 222, _SERVER, (_CLIENT + 222 + _SERVER) / 2
    start = _SERVER + 64
    sheet.arrow([(534, client - 10), (534, between), (56, between), (56, start + 10)],
                colour=_GREEN, width=2)  # fmt: skip
    sent, returned = (sizes[f"encrypted_{what}_bytes"] / 1e3 for what in ("image", "answer"))
    sheet.text(290, between - 8, f"{sent:.0f} kB an image", size=12.5, anchor="middle",
               colour=_GREEN)  # fmt: skip
    sheet.arrow([(904, start + 36), (904, between), (670, between), (670, client - 6)],
                colour=_GREEN, width=2)  # fmt: skip
    sheet.text(800, between - 8, f"{returned:.0f} kB an answer", size=12.5, anchor="middle",
               colour=_GREEN)  # fmt: skip
    sheet.arrow([(602, client), (602, server)], colour=FAINT, dashed=True)
    keys = f"{plan.evaluation_key_bytes / 1e6:.1f} MB of evaluation keys, once"
    sheet.text(612, server - 12, keys, size=12.5, colour=FAINT)


def _draw_pixels(sheet: Sheet, corner: tuple[float, float], values: np.ndarray) -> None:
    """Values as ink on a white square; a run of equal ones is one rectangle."""
    x0, y0 = corner
    side = _SIDE / values.shape[1]
    sheet.box(x0, y0, _SIDE, _SIDE, fill="#ffffff")
    levels = np.round(np.clip(values, 0, 1) * 8).astype(int)
    for row, line in enumerate(levels):
        start = 0
        for column in range(1, len(line) + 1):
            if column < len(line) and line[column] == line[start]:
                continue
            if line[start]:
                grey = 255 - 28 * int(line[start])
                sheet.box(x0 + side * start, y0 + side * row, side * (column - start) + 0.05,
                          side + 0.05, fill=f"#{grey:02x}{grey:02x}{grey:02x}")  # fmt: skip
            start = column
    sheet.box(x0, y0, _SIDE, _SIDE, stroke=FAINT, line=0.8)


def _draw_limbs(
    sheet: Sheet, corner: tuple[float, float], width: float, limbs: int, seed: str
) -> None:
    """Rows of residues: even for a plaintext, noise for a ciphertext."""
    x0, y0 = corner
    shades = random.Random(seed)
    cells = max(1, round(width / 7))
    for limb in range(limbs):
        y = y0 + 9 * limb
        if seed == "plain":
            sheet.box(x0, y, width, 7.5, fill=_SHADES[3])
            continue
        for cell in range(cells):
            sheet.box(x0 + width / cells * cell, y, width / cells, 7.5, fill=shades.choice(_SHADES))


def _step(sheet: Sheet, start: float, end: float, top: float, verb: str) -> None:
    sheet.arrow([(start, top + _SIDE / 2), (end, top + _SIDE / 2)], colour=INK)
    sheet.text((start + end) / 2 - 2, top + _SIDE / 2 - 9, verb, size=11.5, anchor="middle")


def _caption(sheet: Sheet, x: float, top: float, name: str, detail: str) -> None:
    sheet.text(x, top + _SIDE + 20, name, size=12.5, anchor="middle", bold=True)
    sheet.text(x, top + _SIDE + 37, detail, size=11.5, anchor="middle", colour=FAINT)

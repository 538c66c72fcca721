"""Linear transforms as instructions: baby steps, in QP or divided by P, and giant steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from accel_model.isa import Opcode, Phase
from accel_model.lowering.builder import ProgramBuilder, Values
from accel_model.lowering.rns import RNSLowering
from he.trace import Block, HEOp


class Operands(Protocol):
    """The values that a linear transform works on."""

    @property
    def builder(self) -> ProgramBuilder:
        """The builder of the program."""

    @property
    def rns(self) -> RNSLowering:
        """The arithmetic of the chain of primes."""

    def operands(self, op: HEOp) -> list[Values]:
        """The ciphertexts of an operation, each (parts, limbs)."""

    def plaintext(self, number: int, rows: np.ndarray, term: int) -> Values:
        """One term, (limbs,), of a plaintext."""

    def plaintext_limbs(self, number: int) -> int:
        """The number of limbs of a plaintext."""

    def key(self, element: int, level: int) -> np.ndarray:
        """A switching key, (digits, 2, limbs_QP)."""

    def switched(self, c: Values, element: int, level: int) -> Values:
        """P times the switched pair, (2, limbs_QP), of one part."""


def linear_transform(given: Operands, op: HEOp) -> list[Values]:
    """out[o] = sum_i block[o, i](in[i]), divided by P q_level; the steps of `he` in its order."""
    outputs = 1 + max(block.output for block in op.blocks)
    sums: list[dict[int, Values]] = [{} for _ in range(outputs)]
    rows, in_q = given.rns.qp_rows(op.level), given.rns.q_rows(op.level)
    divided = given.plaintext_limbs(op.blocks[0].plaintext) == len(in_q) < len(rows)
    baby_steps = _divided_baby_steps if divided else _baby_steps
    for i, x in enumerate(given.operands(op)):
        column = [block for block in op.blocks if block.input == i]
        elements = list(dict.fromkeys(element for block in column for element in block.babies))
        babies = baby_steps(given, x, op.level, elements)
        for block in column:
            _add_groups(given, block, babies, sums[block.output], in_q if divided else rows)
    return [_add_giant_steps(given, giants, op.level, divided=divided) for giants in sums]


def _divided_baby_steps(
    given: Operands, x: Values, level: int, elements: Sequence[int]
) -> dict[int, Values]:
    """The images of x: (2, limbs_Q) of each element."""
    rns, in_q, rows = given.rns, given.rns.q_rows(level), given.rns.qp_rows(level)
    digits = rns.decompose(x[1], level) if set(elements) - {1} else []
    babies = {}
    for element in elements:
        if element == 1:
            babies[element] = x
            continue
        switched = rns.gadget_product(digits, given.key(element, level), rows)
        pair = np.stack([rns.mod_down(part, level) for part in switched])
        given.builder.phase = Phase.SUM
        pair[0] = given.builder.emit(Opcode.ADD, in_q, pair[0], x[0])
        babies[element] = rns.permute(pair, in_q, element)
    return babies


def _baby_steps(
    given: Operands, x: Values, level: int, elements: Sequence[int]
) -> dict[int, Values]:
    """P times the images of x, undivided: (2, limbs_QP) of each element."""
    rns, rows = given.rns, given.rns.qp_rows(level)
    digits = rns.decompose(x[1], level) if set(elements) - {1} else []
    scaled = rns.special_multiple(x[0], level)
    babies = {}
    for element in elements:
        if element == 1:
            babies[element] = np.stack([scaled, rns.special_multiple(x[1], level)])
            continue
        switched = rns.gadget_product(digits, given.key(element, level), rows)
        in_q = rns.q_rows(level)
        own = slice(len(in_q))
        switched[0][own] = given.builder.emit(Opcode.ADD, in_q, switched[0][own], scaled[own])
        babies[element] = rns.permute(switched, rows, element)
    return babies


def _add_groups(
    given: Operands,
    block: Block,
    babies: dict[int, Values],
    sums: dict[int, Values],
    rows: np.ndarray,
) -> None:
    """Each giant step's sum of products, added to those of other inputs."""
    given.builder.phase = Phase.PLAIN_PRODUCT
    for number, giant in enumerate(block.giants):
        terms = range(block.starts[number], block.starts[number + 1])
        factors = [
            (given.plaintext(block.plaintext, rows, t), babies[block.babies[block.baby_of[t]]])
            for t in terms
        ]
        group = np.stack(
            [
                given.rns.sum_of_products([(f, baby[part]) for f, baby in factors], rows)
                for part in range(2)
            ]
        )
        if giant in sums:
            group = _sum(given, sums[giant], group, rows)
        sums[giant] = group


def _add_giant_steps(
    given: Operands, giants: dict[int, Values], level: int, *, divided: bool
) -> Values:
    """The sum of the groups, each rotated by its giant step, divided by P q_level.

    divided: the groups are in Q, and not P times as large in QP.
    """
    rns, rows = given.rns, given.rns.qp_rows(level)
    total = giants.get(1)
    if total is None:
        total = np.tile(given.builder.zeros(rows), (2, 1))
    elif divided:
        total = np.stack([rns.special_multiple(part, level) for part in total])
    for element, group in giants.items():
        if element == 1:
            continue
        part = group[1] if divided else rns.mod_down(group[1], level)
        switched = given.switched(part, element, level)
        given.builder.phase = Phase.SUM
        if divided:
            switched[0] = rns.add_special_multiple(switched[0], group[0], level)
        else:
            switched[0] = given.builder.emit(Opcode.ADD, rows, switched[0], group[0])
        image = rns.permute(switched, rows, element)
        total = _sum(given, total, image, rows)
    return np.stack([rns.mod_down_rescale(part, level) for part in total])


def _sum(given: Operands, a: Values, b: Values, rows: np.ndarray) -> Values:
    emit = given.builder.emit
    return np.stack([emit(Opcode.ADD, rows, x, y) for x, y in zip(a, b, strict=True)])

"""Linear transforms as instructions: double-hoisted baby steps, and giant steps."""

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

    def key(self, element: int, level: int) -> np.ndarray:
        """A switching key, (digits, 2, limbs_QP)."""

    def switched(self, c: Values, element: int, level: int) -> Values:
        """P times the switched pair, (2, limbs_QP), of one part."""


def linear_transform(given: Operands, op: HEOp) -> list[Values]:
    """out[o] = sum_i block[o, i](in[i]), divided by P q_level; the steps of `he` in its order."""
    outputs = 1 + max(block.output for block in op.blocks)
    sums: list[dict[int, Values]] = [{} for _ in range(outputs)]
    rows = given.rns.qp_rows(op.level)
    for i, x in enumerate(given.operands(op)):
        column = [block for block in op.blocks if block.input == i]
        babies = _baby_steps(given, x, op.level, column)
        for block in column:
            _add_groups(given, block, babies, sums[block.output], rows)
    return [_add_giant_steps(given, giants, op.level) for giants in sums]


def _baby_steps(
    given: Operands, x: Values, level: int, column: Sequence[Block]
) -> dict[int, Values]:
    """P times the images of x, undivided: (2, limbs_QP) of each element."""
    rns, rows = given.rns, given.rns.qp_rows(level)
    elements = list(dict.fromkeys(element for block in column for element in block.babies))
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


def _add_giant_steps(given: Operands, giants: dict[int, Values], level: int) -> Values:
    """The sum of the groups, each rotated by its giant step, divided by P q_level."""
    rns, rows = given.rns, given.rns.qp_rows(level)
    total = giants.get(1)
    if total is None:
        total = np.tile(given.builder.zeros(rows), (2, 1))
    for element, group in giants.items():
        if element == 1:
            continue
        switched = given.switched(rns.mod_down(group[1], level), element, level)
        given.builder.phase = Phase.SUM
        switched[0] = given.builder.emit(Opcode.ADD, rows, switched[0], group[0])
        image = rns.permute(switched, rows, element)
        total = _sum(given, total, image, rows)
    return np.stack([rns.mod_down_rescale(part, level) for part in total])


def _sum(given: Operands, a: Values, b: Values, rows: np.ndarray) -> Values:
    emit = given.builder.emit
    return np.stack([emit(Opcode.ADD, rows, x, y) for x, y in zip(a, b, strict=True)])

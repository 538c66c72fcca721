"""From a trace to a program: each homomorphic operation as the limb instructions that `he` runs.

The instructions are the arithmetic of the run, limb for limb. So a program that is executed has the
same residues as the run, and the counts of its instructions are the counts of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from accel_model.errors import LoweringError
from accel_model.isa import ExternalObject, Opcode, Operation, Phase, Program
from accel_model.lowering.builder import ProgramBuilder, Values
from accel_model.lowering.ciphertext_levels import ciphertext_levels
from accel_model.lowering.linear_transforms import linear_transform
from accel_model.lowering.rns import RNSLowering
from he.trace import HEOp, OpTrace


def lower(trace: OpTrace) -> Program:
    """The program of a trace. Raises `LoweringError` for operations whose shapes do not fit."""
    return _Lowering(trace).program()


class _Lowering:
    def __init__(self, trace: OpTrace) -> None:
        self.trace = trace
        self.builder = ProgramBuilder(trace.N, trace.q + trace.p)
        self.rns = RNSLowering(self.builder, trace.q, trace.p, trace.levels)
        self._ciphertexts: dict[int, Values] = {}
        self._levels = ciphertext_levels(trace)
        add = self.builder.add_object
        self._inputs = {
            n: add(ExternalObject("input", str(n), trace.ciphertexts[n])) for n in trace.inputs
        }
        self._keys = [
            (key, add(ExternalObject("key", trace.name_of(key), key.shape))) for key in trace.keys
        ]
        self._plaintexts = [
            add(ExternalObject("plaintext", str(n), shape))
            for n, shape in enumerate(trace.plaintexts)
        ]

    def program(self) -> Program:
        """Every operation in order, then the outputs."""
        for number, op in enumerate(self.trace.operations):
            self.builder.begin_operation(Operation(op.kind, op.level, op.layer))
            try:
                results = _LOWER[op.kind](self, op)
                for result, values in zip(op.results, results, strict=True):
                    self._define(result, values)
            except (IndexError, KeyError, OverflowError, TypeError, ValueError) as problem:
                told = "" if isinstance(problem, LoweringError) else "does not fit its operands: "
                raise LoweringError(
                    f"operation {number} ({op.kind}): {told}{problem}", number
                ) from problem
        self.builder.begin_operation(Operation("output", 0, "output"))
        for position, number in enumerate(self.trace.outputs):
            values = self.ciphertext(number)
            target = ExternalObject("output", str(position), tuple(values.shape))
            index = self.builder.add_object(target)
            rows = np.tile(self.rns.q_rows(self._levels[number]), len(values))
            self.builder.store(index, np.arange(values.size), rows, values.ravel())
        return self.builder.program()

    def _define(self, number: int, values: Values) -> None:
        if values.shape != self.trace.ciphertexts[number]:
            raise LoweringError(
                f"ciphertext {number} has the shape {values.shape}, but in the trace "
                f"{self.trace.ciphertexts[number]}"
            )
        self._ciphertexts[number] = values

    # ------------------------------------------------------------ operands

    def ciphertext(self, number: int) -> Values:
        """The values (parts, limbs) of a ciphertext."""
        if number in self._inputs and number not in self._ciphertexts:
            parts, limbs = self.trace.ciphertexts[number]
            rows = np.tile(self.rns.q_rows(self._levels[number]), parts)
            loaded = self.builder.load(self._inputs[number], np.arange(parts * limbs), rows)
            self._ciphertexts[number] = loaded.reshape(parts, limbs)
        return self._ciphertexts[number]

    def operands(self, op: HEOp) -> list[Values]:
        """The values of an operation's ciphertexts."""
        return [self.ciphertext(number) for number in op.operands]

    def plaintext(self, number: int, rows: np.ndarray, term: int = 0) -> Values:
        """The values of one row (limbs,) of a plaintext."""
        limbs = self.trace.plaintexts[number][-1]
        if limbs != len(rows):
            raise LoweringError(f"plaintext {number} has {limbs} limbs, {len(rows)} are needed")
        return self.builder.load(
            self._plaintexts[number], term * limbs + np.arange(limbs), rows
        )

    def plaintext_limbs(self, number: int) -> int:
        """The number of limbs of a plaintext."""
        return self.trace.plaintexts[number][-1]

    def key(self, element: int, level: int) -> np.ndarray:
        """The values (digits, 2, limbs_QP) of a switching key at `level`."""
        levels = self.trace.levels
        serving = [
            (key, index)
            for key, index in self._keys
            if key.element == element
            and key.level >= level
            and levels[key.level].serves(levels[level])
        ]
        digits = len(levels[level].digits)
        if not serving or digits > serving[0][0].shape[0]:
            raise LoweringError(f"no key of element {element} serves level {level}")
        key, index = serving[0]
        limbs = key.shape[2]
        own = np.arange(levels[key.level].limbs, limbs)
        of_key = np.concatenate((np.arange(levels[level].limbs), own))
        halves = np.arange(digits * 2)
        flat = (halves[:, None] * limbs + of_key).ravel()
        rows = np.tile(self.rns.qp_rows(level), len(halves))
        seeded = np.repeat(halves % 2 == 1, len(of_key))
        return self.builder.load(index, flat, rows, seeded).reshape(digits, 2, len(of_key))

    def switched(self, c: Values, element: int, level: int) -> Values:
        """P times the switched pair of one part: (2, limbs_QP)."""
        digits = self.rns.decompose(c, level)
        return self.rns.gadget_product(digits, self.key(element, level), self.rns.qp_rows(level))

    # ------------------------------------------------------------ operations

    def sum(self, op: HEOp) -> list[Values]:
        a, b = self.operands(op)
        self.builder.phase = Phase.SUM
        subtract = op.kind == "subtract"
        opcode = Opcode.SUB if subtract else Opcode.ADD
        rows = self.rns.q_rows(op.level)
        common = min(len(a), len(b))
        parts = [
            self.builder.emit(opcode, rows, x, y)
            for x, y in zip(a[:common], b[:common], strict=True)
        ]
        parts.extend(a[common:])
        parts.extend(
            self.builder.emit(Opcode.NEGATE, rows, part) if subtract else part
            for part in b[common:]
        )
        return [np.stack(parts)]

    def negate(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        self.builder.phase = Phase.SUM
        rows = self.rns.q_rows(op.level)
        return [np.stack([self.builder.emit(Opcode.NEGATE, rows, part) for part in a])]

    def sum_with_constant(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        self.builder.phase = Phase.SUM
        rows = self.rns.q_rows(op.level)
        total = a.copy()
        if op.kind == "add_integer":
            scalar = self.rns.residues(_integer(op), rows)
            total[0] = self.builder.emit(Opcode.ADDSCALAR, rows, a[0], scalar=scalar)
        else:
            opcode = Opcode.SUB if op.kind == "subtract_plain" else Opcode.ADD
            plaintext = self.plaintext(op.plaintexts[0], rows)
            total[0] = self.builder.emit(opcode, rows, a[0], plaintext)
        return [total]

    def product_with_constant(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        self.builder.phase = Phase.PLAIN_PRODUCT
        rows, emit = self.rns.q_rows(op.level), self.builder.emit
        if op.kind == "multiply_integer":
            scalar = self.rns.residues(_integer(op), rows)
            return [np.stack([emit(Opcode.MULSCALAR, rows, part, scalar=scalar) for part in a])]
        plaintext = self.plaintext(op.plaintexts[0], rows)
        return [np.stack([emit(Opcode.MUL, rows, part, plaintext) for part in a])]

    def add_multiple(self, op: HEOp) -> list[Values]:
        a, b = self.operands(op)
        self.builder.phase = Phase.PLAIN_PRODUCT
        rows, emit = self.rns.q_rows(op.level), self.builder.emit
        total = a.copy()
        for part in range(2):
            factor = b[part, : len(rows)]
            if op.plaintexts:
                plaintext = self.plaintext(op.plaintexts[0], rows)
                total[part] = emit(Opcode.MULADD, rows, factor, plaintext, a[part])
            else:
                scalar = self.rns.residues(_integer(op), rows)
                scaled = emit(Opcode.MULSCALAR, rows, factor, scalar=scalar)
                total[part] = emit(Opcode.ADD, rows, a[part], scaled)
        return [total]

    def zeros(self, op: HEOp) -> list[Values]:
        parts = self.trace.ciphertexts[op.results[0]][0]
        row = self.builder.zeros(self.rns.q_rows(op.level))
        return [np.tile(row, (parts, 1))]

    def tensor(self, op: HEOp) -> list[Values]:
        a, b = self.operands(op)
        self.builder.phase = Phase.TENSOR
        rows, terms = self.rns.q_rows(op.level), self.rns.sum_of_products
        return [
            np.stack(
                [
                    terms([(a[0], b[0])], rows),
                    terms([(a[0], b[1]), (a[1], b[0])], rows),
                    terms([(a[1], b[1])], rows),
                ]
            )
        ]

    def relinearize(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        pair = self.switched(a[2], op.keys[0], op.level)
        if op.kind == "relinearize_rescale":
            full = [
                self.rns.add_special_multiple(part, c, op.level)
                for part, c in zip(pair, a, strict=False)
            ]
            return [np.stack([self.rns.mod_down_rescale(part, op.level) for part in full])]
        return [self._divided_sum(pair, a[:2], op.level)]

    def switch_key(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        pair = self.switched(a[1], op.keys[0], op.level)
        return [self._divided_sum(pair, a[:1], op.level)]

    def _divided_sum(self, pair: Values, addends: Values, level: int) -> Values:
        """pair (2, limbs_QP), divided by P, plus the addends in the first parts."""
        divided = np.stack([self.rns.mod_down(part, level) for part in pair])
        self.builder.phase = Phase.SUM
        for part, addend in enumerate(addends):
            rows = self.rns.q_rows(level)
            divided[part] = self.builder.emit(Opcode.ADD, rows, divided[part], addend)
        return divided

    def raise_modulus(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        if op.to_level is None:
            raise LoweringError("raise_modulus needs the level of its result")
        return [np.stack([self.rns.raised(part, op.level, op.to_level) for part in a])]

    def rescale(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        lower = op.level - 1 if op.to_level is None else op.to_level
        return [np.stack([self.rns.rescale(part, op.level, lower) for part in a])]

    def drop_limbs(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        return [a[:, : self.trace.ciphertexts[op.results[0]][1]]]

    def automorphisms(self, op: HEOp) -> list[Values]:
        (a,) = self.operands(op)
        rows, all_rows = self.rns.q_rows(op.level), self.rns.qp_rows(op.level)
        digits = self.rns.decompose(a[1], op.level) if op.keys else []
        images = []
        for element in op.elements:
            if element == 1:
                images.append(a)
                continue
            key = self.key(element, op.level)
            switched = self.rns.gadget_product(digits, key, all_rows)
            pair = np.stack([self.rns.mod_down(part, op.level) for part in switched])
            self.builder.phase = Phase.SUM
            pair[0] = self.builder.emit(Opcode.ADD, rows, pair[0], a[0])
            images.append(self.rns.permute(pair, rows, element))
        return images

    def linear_transform(self, op: HEOp) -> Sequence[Values]:
        return linear_transform(self, op)


def _integer(op: HEOp) -> int:
    if op.integer is None:
        raise LoweringError(f"{op.kind} needs an integer or a plaintext")
    return op.integer


_LOWER: dict[str, Callable[[_Lowering, HEOp], Sequence[Values]]] = {
    "add": _Lowering.sum,
    "subtract": _Lowering.sum,
    "negate": _Lowering.negate,
    "add_plain": _Lowering.sum_with_constant,
    "subtract_plain": _Lowering.sum_with_constant,
    "add_integer": _Lowering.sum_with_constant,
    "multiply_plain": _Lowering.product_with_constant,
    "multiply_integer": _Lowering.product_with_constant,
    "add_multiple": _Lowering.add_multiple,
    "zeros": _Lowering.zeros,
    "tensor": _Lowering.tensor,
    "relinearize": _Lowering.relinearize,
    "relinearize_rescale": _Lowering.relinearize,
    "rescale": _Lowering.rescale,
    "switch_key": _Lowering.switch_key,
    "raise_modulus": _Lowering.raise_modulus,
    "drop_limbs": _Lowering.drop_limbs,
    "automorphisms": _Lowering.automorphisms,
    "linear_transform": _Lowering.linear_transform,
}

"""Limb-wise arithmetic on streams of residues: product, multiply-add, sum and difference."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout

import ntt
from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import GeometryError
from rtl.parts.moduli_table import check_not_empty, constant_table, index_bits
from rtl.parts.pipeline import Pipeline
from rtl.units.stream_unit import Row, StreamHardware, StreamUnit

_MOST_LANES = 64


class LimbOperation(enum.Enum):
    """What a `PointwiseUnit` does with a beat, modulo q."""

    MULTIPLY = 0
    """a b"""
    MULTIPLY_ADD = 1
    """a b + c"""
    ADD = 2
    """a + b"""
    SUBTRACT = 3
    """a - b"""


@dataclass(frozen=True)
class PointwiseUnit(StreamUnit):
    """`lanes` results of a `LimbOperation` a cycle, modulo one of a table of moduli.

    Operands and results are plain residues. With a Montgomery reduction, a second multiplier in
    each lane first brings b to factor form. A `factored` unit omits this multiplier: b then arrives
    in factor form for the two products, as keys and plaintexts can be stored.

    Raises `GeometryError` unless 1 <= lanes <= 64, `BlockModulusError`.
    """

    lanes: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier
    factored: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= _MOST_LANES:
            nearest = min(max(self.lanes, 1), _MOST_LANES)
            raise GeometryError(
                f"{self.lanes} lanes: a unit has from 1 to {_MOST_LANES}; the nearest is {nearest}"
            )
        check_not_empty(self.moduli)
        for q in self.moduli:
            self.multiplier.check_modulus(q)

    @cached_property
    def adder(self) -> AddSub:
        """The last part of each lane."""
        return AddSub(self.multiplier.width)

    @property
    def multipliers_per_lane(self) -> int:
        """Modular multipliers of a lane: 2 if one of them brings b to factor form, else 1."""
        return 1 if self.factored or self.multiplier.radix == 1 else 2

    @property
    def latency(self) -> int:
        """Cycles from the input register to the output queue."""
        return self.multipliers_per_lane * self.multiplier.latency + self.adder.latency

    @property
    def latency_cycles(self) -> int:
        """Cycles from a beat in to its result: input register, pipeline, queue."""
        return self.latency + 2

    @property
    def modulus_change_cycles(self) -> int:
        """The fewest cycles from a beat that changes the modulus to the next such beat."""
        return self.latency + 2

    @property
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that the unit occupies."""
        return self.lanes * self.multipliers_per_lane * self.multiplier.hard_multipliers

    def golden(
        self,
        operation: LimbOperation,
        a: np.ndarray,
        b: np.ndarray,
        c: np.ndarray,
        modulus: int,
    ) -> np.ndarray:
        """The result for residues uint64 (n,) modulo entry `modulus` of the table, by `ntt`.

        n is a power of two from 8 on. Only `MULTIPLY_ADD` reads c.
        """
        tables = ntt.NTTTables(len(a), (self.moduli[modulus],))
        a, b, c = a[None, :], b[None, :], c[None, :]
        if operation is LimbOperation.ADD:
            limbs = ntt.add(a, b, tables)
        elif operation is LimbOperation.SUBTRACT:
            limbs = ntt.subtract(a, b, tables)
        else:
            limbs = ntt.multiply(a, b, tables)
        if operation is LimbOperation.MULTIPLY_ADD:
            limbs = ntt.add(limbs, c, tables)
        result: np.ndarray = limbs[0]
        return result

    @property
    def row_layout(self) -> ArrayLayout:
        return ArrayLayout(self.multiplier.width, self.lanes)

    @property
    def input_layout(self) -> StructLayout:
        return StructLayout(
            {
                "a": self.row_layout,
                "b": self.row_layout,
                "c": self.row_layout,
                "operation": LimbOperation,
                "modulus": index_bits(len(self.moduli)),
            }
        )

    @property
    def output_layout(self) -> StructLayout:
        """A row of results. Limbs may have any length, so no beat is marked as the last."""
        return StructLayout({"data": self.row_layout})

    @property
    def constants_layout(self) -> StructLayout:
        """The constants of a modulus: the multiplier's, then R^2 mod q, which brings b to factor
        form."""
        layout = self.multiplier.constants_layout
        return StructLayout({"reduction": layout, "radix_squared": self.multiplier.width})

    def packed_constants(self, q: int) -> int:
        """The constants of the modulus q as one number, laid out as `constants_layout`."""
        squared = self.multiplier.radix**2 % q
        shift: int = self.multiplier.constants_layout.size
        return self.multiplier.packed_constants(q) | squared << shift

    @property
    def timing_rows(self) -> list[Row]:
        return [
            ("from a beat in to its result", f"{self.latency_cycles}"),
            ("from a beat to the next with the same modulus", "1"),
            (
                "from a beat that changes the modulus to the next such beat, at least",
                f"{self.modulus_change_cycles}",
            ),
        ]

    @property
    def format_lines(self) -> list[str]:
        return []

    def hardware(self) -> PointwiseUnitHardware:
        return PointwiseUnitHardware(self)


class PointwiseUnitHardware(StreamHardware[PointwiseUnit]):
    """The hardware of `PointwiseUnit`: an input register, the lanes, the output queue."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        queue = self._output_queue(m, p.latency)
        wiring.connect(m, wiring.flipped(self.output), queue.output)
        taken = self.input.valid & self.input.ready
        constants, load, known = self._constants(m, taken)
        m.d.comb += [
            self.input.ready.eq(queue.room & known),
            queue.claim.eq(taken),
        ]
        pipeline = Pipeline(m, load)
        beat = Signal(p.input_layout, reset_less=True)
        m.d.sync += beat.eq(self.input.payload)
        arrives = pipeline.delay_marker(taken, p.latency + 1, "valid")
        results = [self._lane(m, pipeline, beat, constants, lane) for lane in range(p.lanes)]
        m.d.comb += [queue.push.eq(arrives), queue.beat.eq(Cat(*results))]
        return m

    def _constants(self, m: Module, taken: Value) -> tuple[Signal, Value, Value]:
        """The constants, a marker of the beat that brought them, and whether the offered beat may
        enter: it has the modulus in use, or the last change has left the pipeline."""
        p = self.parameters
        constants = Signal(p.constants_layout, reset_less=True)
        in_use, any_yet, load = Signal.like(self.input.payload.modulus), Signal(), Signal()
        settling = Signal(range(p.latency + 2))
        changes = ~any_yet | (in_use != self.input.payload.modulus)
        packed = [p.packed_constants(q) for q in p.moduli]
        m.d.sync += [load.eq(taken & changes), settling.eq(Mux(settling == 0, 0, settling - 1))]
        with m.If(taken & changes):
            m.d.sync += [
                constants.as_value().eq(
                    constant_table(packed, p.constants_layout.size, self.input.payload.modulus)
                ),
                in_use.eq(self.input.payload.modulus),
                any_yet.eq(1),
                settling.eq(p.latency + 1),
            ]
        return constants, load, ~changes | (settling == 0)

    def _lane(
        self, m: Module, pipeline: Pipeline, beat: Signal, constants: Signal, lane: int
    ) -> Value:
        """The result of one lane, `latency` cycles after its operands in `beat`."""
        p = self.parameters
        step = p.multiplier.latency
        a, b, c = beat.a[lane], beat.b[lane], beat.c[lane]
        operation: Value = beat.operation
        is_mac = operation == LimbOperation.MULTIPLY_ADD.value
        late, time = Mux(is_mac, c, b), 0
        factor = b
        if p.multipliers_per_lane == 2:
            factor = self._multiply(m, pipeline, b, constants.radix_squared, constants, 0, lane)
            a = pipeline.delay(a, step, f"a_{lane}")
            time = step
        product = self._multiply(m, pipeline, a, factor, constants, time, lane)
        time += step
        a = pipeline.delay(a, step, f"a_late_{lane}")
        late = pipeline.delay(late, time, f"b_or_c_{lane}")
        operation = pipeline.delay(operation, time, f"operation_{lane}")
        multiplies = operation[1] == 0
        m.submodules[f"adder_{lane}"] = adder = p.adder.hardware()
        passes = operation == LimbOperation.MULTIPLY.value
        m.d.comb += [
            adder.x.eq(Mux(multiplies, product, a)),
            adder.y.eq(late),
            adder.operation.eq(Mux(passes, PairOperation.PASS, PairOperation.ADD_SUB)),
            adder.load.eq(pipeline.load_at(time)),
            adder.q.eq(constants.reduction.q),
        ]
        subtracts = operation == LimbOperation.SUBTRACT.value
        return Mux(
            pipeline.delay(subtracts, p.adder.latency, f"subtracts_{lane}"), adder.v, adder.u
        )

    def _multiply(
        self,
        m: Module,
        pipeline: Pipeline,
        a: Value,
        b: Value,
        constants: Signal,
        time: int,
        lane: int,
    ) -> Value:
        """a b / R modulo the q of `constants`, one multiplier latency after `time`."""
        block = self.parameters.multiplier.hardware()
        m.submodules[f"multiplier_{lane}_{time}"] = block
        m.d.comb += [
            block.a.eq(a),
            block.b.eq(b),
            block.load.eq(pipeline.load_at(time)),
            block.modulus.eq(constants.reduction),
        ]
        return block.p

"""Limb-wise arithmetic: product, multiply-accumulate, sum and difference of residue streams."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out

import ntt
from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import GeometryError
from rtl.parts.moduli_table import check_not_empty, constant_table
from rtl.parts.output_queue import OutputQueue
from rtl.parts.pipeline import Pipeline


class LimbOperation(enum.Enum):
    """What a `PointwiseUnit` does with a beat."""

    MULTIPLY = 0
    """a b"""
    MULTIPLY_ADD = 1
    """a b + c"""
    ADD = 2
    """a + b"""
    SUBTRACT = 3
    """a - b"""


@dataclass(frozen=True)
class PointwiseUnit:
    """`lanes` residues a cycle, by `LimbOperation`, modulo one of a table of moduli.

    Operands and results are plain residues. With a Montgomery reduction b is first brought to
    factor form by a second multiplier; `factored` leaves that out, and takes b in factor form
    for the two products (keys and plaintexts can be kept so).
    """

    lanes: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier
    factored: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= 64:
            nearest = min(max(self.lanes, 1), 64)
            raise GeometryError(f"{self.lanes} lanes: 1 to 64; the nearest is {nearest}")
        check_not_empty(self.moduli)
        for q in self.moduli:
            self.multiplier.check_modulus(q)

    @cached_property
    def adder(self) -> AddSub:
        return AddSub(self.multiplier.width)

    @property
    def multipliers_per_lane(self) -> int:
        return 1 if self.factored or self.multiplier.radix == 1 else 2

    @property
    def latency(self) -> int:
        """From the registered beat to the queue."""
        return self.multipliers_per_lane * self.multiplier.latency + self.adder.latency

    @property
    def latency_cycles(self) -> int:
        """From a beat taken in until its result is offered: input register, pipeline, queue."""
        return self.latency + 2

    @property
    def modulus_change_cycles(self) -> int:
        """The fewest cycles from a beat with a new modulus to the next such beat."""
        return self.latency + 2

    @property
    def hard_multipliers(self) -> int:
        return self.lanes * self.multipliers_per_lane * self.multiplier.hard_multipliers

    def golden(
        self,
        operation: LimbOperation,
        a: np.ndarray,
        b: np.ndarray,
        c: np.ndarray,
        modulus: int,
    ) -> np.ndarray:
        """The result for residues uint64 (n,), by `ntt`; n a power of two from 8."""
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
                "modulus": max(1, (len(self.moduli) - 1).bit_length()),
            }
        )

    @property
    def output_layout(self) -> StructLayout:
        return StructLayout({"data": self.row_layout})

    @property
    def constants_layout(self) -> StructLayout:
        """The multiplier's constants, then R^2 mod q, which brings b to factor form."""
        layout = self.multiplier.constants_layout
        return StructLayout({"reduction": layout, "radix_squared": self.multiplier.width})

    def packed_constants(self, q: int) -> int:
        squared = self.multiplier.radix**2 % q
        shift: int = self.multiplier.constants_layout.size
        return self.multiplier.packed_constants(q) | squared << shift

    def hardware(self) -> PointwiseUnitHardware:
        return PointwiseUnitHardware(self)


class PointwiseUnitHardware(wiring.Component):
    """See `PointwiseUnit`. Ports: streams `input` and `output`."""

    def __init__(self, parameters: PointwiseUnit) -> None:
        self.parameters = parameters
        super().__init__(
            {
                "input": In(stream.Signature(parameters.input_layout)),
                "output": Out(stream.Signature(parameters.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.parameters
        depth = 1 << (p.latency + 2).bit_length()
        m.submodules.queue = queue = OutputQueue(p.output_layout, depth).hardware()
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
        """The constants, a marker of the beat that brought them, and whether the offered beat's
        modulus may come: it is the one in use, or the last change has passed the pipeline."""
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
        block = self.parameters.multiplier.hardware()
        m.submodules[f"multiplier_{lane}_{time}"] = block
        m.d.comb += [
            block.a.eq(a),
            block.b.eq(b),
            block.load.eq(pipeline.load_at(time)),
            block.modulus.eq(constants.reduction),
        ]
        return block.p

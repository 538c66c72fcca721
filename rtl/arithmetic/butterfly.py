"""The butterfly of both transforms, with one modular multiplier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Module, Mux
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Butterfly(Block):
    """Cooley-Tukey or Gentleman-Sande, chosen with each operand pair; one pair (u, v) a cycle.

    Forward: ``(a + w b, a - w b)``. Inverse: ``((a + b) / 2, w (b - a) / 2)``. The halvings of all
    stages together divide the inverse transform by N. The difference is b - a, not a - b, because
    psi^-e = -psi^(N-e): the inverse transform can take w from the forward table. w is in the
    factor form of the multiplier.

    late_factor: w arrives when the multiplier needs it, `factor_offset` cycles after a and b.
    """

    multiplier: ModularMultiplier
    late_factor: bool = False

    @cached_property
    def before(self) -> AddSub:
        """In front of the multiplier: adds and subtracts, in the inverse direction only."""
        return AddSub(self.multiplier.width, reverse=True)

    @cached_property
    def after(self) -> AddSub:
        """Behind the multiplier: adds and subtracts (forward), or halves (inverse)."""
        return AddSub(self.multiplier.width)

    @property
    def latency(self) -> int:
        """Cycles from a and b to u and v."""
        return self.before.latency + self.multiplier.latency + self.after.latency

    @property
    def factor_offset(self) -> int:
        """Cycles from a and b until w must arrive."""
        return self.before.latency if self.late_factor else 0

    @property
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that one butterfly occupies."""
        return self.multiplier.hard_multipliers

    def golden(self, a: int, b: int, w: int, inverse: bool, q: int) -> tuple[int, int]:
        """(u, v) for residues a, b and w in [0, q), w in factor form."""
        if inverse:
            half = (q + 1) // 2
            return (a + b) * half % q, self.multiplier.golden(b - a, w, q) * half % q
        product = self.multiplier.golden(b, w, q)
        return (a + product) % q, (a - product) % q

    @property
    def ports(self) -> Ports:
        """Operands a, b, w and the direction `inverse`; constants `modulus`; results u, v.

        `load` marks an operand pair with which the block takes `modulus` over; `modulus` must then
        hold still for `latency` cycles.
        """
        width = self.multiplier.width
        return {
            "a": In(width),
            "b": In(width),
            "w": In(width),
            "inverse": In(1),
            "load": In(1),
            "modulus": In(self.multiplier.constants_layout),
            "u": Out(width),
            "v": Out(width),
        }

    def hardware(self) -> ButterflyHardware:
        return ButterflyHardware(self)


class ButterflyHardware(Hardware[Butterfly]):
    """The hardware of `Butterfly`."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        pipeline = Pipeline(m, self.load)
        m.submodules.before = before = p.before.hardware()
        m.submodules.multiplier = multiplier = p.multiplier.hardware()
        m.submodules.after = after = p.after.hardware()

        m.d.comb += [
            before.x.eq(self.a),
            before.y.eq(self.b),
            before.operation.eq(Mux(self.inverse, PairOperation.ADD_SUB, PairOperation.PASS)),
            before.load.eq(self.load),
            before.q.eq(self.modulus.q),
        ]
        inverse = pipeline.delay(self.inverse, p.before.latency, "inverse")
        m.d.comb += [
            multiplier.a.eq(before.v),
            multiplier.b.eq(pipeline.delay(self.w, p.before.latency - p.factor_offset, "w")),
            multiplier.load.eq(pipeline.load_at(p.before.latency)),
            multiplier.modulus.eq(self.modulus),
        ]
        inverse = pipeline.delay(inverse, p.multiplier.latency, "inverse_late")
        m.d.comb += [
            after.x.eq(pipeline.delay(before.u, p.multiplier.latency, "a")),
            after.y.eq(multiplier.p),
            after.operation.eq(Mux(inverse, PairOperation.HALVE, PairOperation.ADD_SUB)),
            after.load.eq(pipeline.load_at(p.before.latency + p.multiplier.latency)),
            after.q.eq(self.modulus.q),
            self.u.eq(after.u),
            self.v.eq(after.v),
        ]
        return m

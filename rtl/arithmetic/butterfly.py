"""The butterfly of both transforms, with one multiplier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Butterfly:
    """Cooley-Tukey or Gentleman-Sande, chosen with each operand pair; one result a cycle.

    Forward: ``(a + w b, a - w b)``. Inverse: ``((a + b) / 2, w (b - a) / 2)``. The halves of all
    stages make up the 1/N of the inverse transform. The difference is negated because
    psi^-e = -psi^(N-e): so the inverse transform takes its w from the forward table. w is given
    in the multiplier's factor form.

    late_factor: w comes when the multiplier wants it, `factor_offset` cycles after a and b.
    """

    multiplier: ModularMultiplier
    late_factor: bool = False

    @cached_property
    def before(self) -> AddSub:
        """Adds and subtracts ahead of the multiplier, in the inverse direction."""
        return AddSub(self.multiplier.width, reverse=True)

    @cached_property
    def after(self) -> AddSub:
        """Adds and subtracts behind the multiplier, or halves."""
        return AddSub(self.multiplier.width)

    @property
    def latency(self) -> int:
        return self.before.latency + self.multiplier.latency + self.after.latency

    @property
    def factor_offset(self) -> int:
        """Cycles from a and b until w must be there."""
        return self.before.latency if self.late_factor else 0

    @property
    def hard_multipliers(self) -> int:
        return self.multiplier.hard_multipliers

    def golden(self, a: int, b: int, w: int, inverse: bool, q: int) -> tuple[int, int]:
        """The pair, for residues a, b and w in factor form."""
        if inverse:
            half = (q + 1) // 2
            return (a + b) * half % q, self.multiplier.golden(b - a, w, q) * half % q
        product = self.multiplier.golden(b, w, q)
        return (a + product) % q, (a - product) % q

    def hardware(self) -> ButterflyHardware:
        return ButterflyHardware(self)


class ButterflyHardware(wiring.Component):
    """See `Butterfly`. Ports: a, b, w, inverse -> u, v; `modulus` must hold still for `latency`
    cycles after the operands marked by `load`."""

    def __init__(self, parameters: Butterfly) -> None:
        self.parameters = parameters
        width = parameters.multiplier.width
        super().__init__(
            {
                "a": In(width),
                "b": In(width),
                "w": In(width),
                "inverse": In(1),
                "load": In(1),
                "modulus": In(parameters.multiplier.constants_layout),
                "u": Out(width),
                "v": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
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

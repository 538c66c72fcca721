"""The butterfly of both transforms, with one multiplier."""

from __future__ import annotations

from dataclasses import dataclass, field

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.addsub import AddSub, PairOperation
from rtl.modmul import ModularMultiplier
from rtl.pipeline import Pipeline


@dataclass(frozen=True)
class Butterfly:
    """Cooley-Tukey or Gentleman-Sande, chosen with each operand pair; one result a cycle.

    Forward: ``(a + w b, a - w b)``. Inverse: ``((a + b) / 2, w (a - b) / 2)``; the halves of all
    stages make up the 1/N of the inverse transform. w is given in the multiplier's factor form.
    """

    multiplier: ModularMultiplier
    adder: AddSub = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "adder", AddSub(self.multiplier.width))

    @property
    def latency(self) -> int:
        return self.multiplier.latency + 2 * self.adder.latency

    @property
    def hard_multipliers(self) -> int:
        return self.multiplier.hard_multipliers

    def golden(self, a: int, b: int, w: int, inverse: bool, q: int) -> tuple[int, int]:
        """The pair, for residues a, b and w in factor form."""
        if inverse:
            half = (q + 1) // 2
            return (a + b) * half % q, self.multiplier.golden(a - b, w, q) * half % q
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
        m.submodules.before = before = p.adder.hardware()
        m.submodules.multiplier = multiplier = p.multiplier.hardware()
        m.submodules.after = after = p.adder.hardware()

        m.d.comb += [
            before.x.eq(self.a),
            before.y.eq(self.b),
            before.operation.eq(Mux(self.inverse, PairOperation.ADD_SUB, PairOperation.PASS)),
            before.load.eq(self.load),
            before.q.eq(self.modulus.q),
        ]
        inverse = pipeline.delay(self.inverse, p.adder.latency, "inverse")
        m.d.comb += [
            multiplier.a.eq(before.v),
            multiplier.b.eq(pipeline.delay(self.w, p.adder.latency, "w")),
            multiplier.load.eq(pipeline.load_at(p.adder.latency)),
            multiplier.modulus.eq(self.modulus),
        ]
        inverse = pipeline.delay(inverse, p.multiplier.latency, "inverse_late")
        m.d.comb += [
            after.x.eq(pipeline.delay(before.u, p.multiplier.latency, "a")),
            after.y.eq(multiplier.p),
            after.operation.eq(Mux(inverse, PairOperation.HALVE, PairOperation.ADD_SUB)),
            after.load.eq(pipeline.load_at(p.adder.latency + p.multiplier.latency)),
            after.q.eq(self.modulus.q),
            self.u.eq(after.u),
            self.v.eq(after.v),
        ]
        return m

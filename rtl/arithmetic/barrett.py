"""Barrett's modular multiplication for moduli of exactly the block's width.

Barrett, CRYPTO '86; shifts and error bound after Knezevic, Vercauteren, Verbauwhede, "Faster
interleaved modular multiplication based on Barrett and Montgomery reduction methods", IEEE
Trans. Computers 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from amaranth.hdl import Module, Mux

from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.multiplier import Multiplier
from rtl.errors import BlockModulusError
from rtl.parts.block import Hardware
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Barrett(ModularMultiplier):
    """``p = a b mod q`` for 2^(n-1) < q < 2^n, n = width; R = 1.

    With P = a b, t = floor(P / 2^(n-2)) and mu = floor(2^(2n+1) / q), the estimate
    floor(t mu / 2^(n+3)) is below P / q by less than 2: 1/2 from t, 1/2 from mu, 1 from the
    floor. So P minus the estimate times q is in [0, 2q), and one subtraction of q ends it.
    """

    reduction: ClassVar[str] = "barrett"

    @cached_property
    def product(self) -> Multiplier:
        """P = a b, all of its 2n bits."""
        return Multiplier(self.width, self.width, self.tile)

    @cached_property
    def estimate(self) -> Multiplier:
        """t mu, all of its 2n + 4 bits."""
        return Multiplier(self.width + 2, self.width + 2, self.tile)

    @cached_property
    def correction(self) -> Multiplier:
        """The low n + 1 bits of the estimate times q."""
        return Multiplier(self.width, self.width, self.tile, keep_bits=self.width + 1)

    @property
    def latency(self) -> int:
        products = self.product.latency + self.estimate.latency + self.correction.latency
        return products + 3

    @property
    def hard_multipliers(self) -> int:
        return sum(m.hard_multipliers for m in (self.product, self.estimate, self.correction))

    @property
    def radix(self) -> int:
        return 1

    @property
    def candidates(self) -> range:
        return range((1 << (self.width - 1)) + 1, 1 << self.width, 2)

    @property
    def constant_widths(self) -> dict[str, int]:
        return {"q": self.width, "mu": self.width + 2}

    def constants(self, q: int) -> dict[str, int]:
        self.check_modulus(q)
        return {"q": q, "mu": (1 << (2 * self.width + 1)) // q}

    def check_modulus(self, q: int) -> None:
        super().check_modulus(q)
        if q.bit_length() != self.width:
            raise BlockModulusError(
                f"modulus {q} has {q.bit_length()} bits, but a Barrett block of {self.width} "
                f"bits needs exactly {self.width}: use a width of {q.bit_length()}, or a "
                f"Montgomery reduction"
            )

    def hardware(self) -> BarrettHardware:
        return BarrettHardware(self)


class BarrettHardware(Hardware[Barrett]):
    """The hardware of `Barrett`: three multipliers in a row, then two subtractions."""

    def logic(self) -> Module:
        m = Module()
        p, n = self.parameters, self.parameters.width
        pipeline = Pipeline(m, self.load)
        m.submodules.product = product = p.product.hardware()
        m.submodules.estimate = estimate = p.estimate.hardware()
        m.submodules.correction = correction = p.correction.hardware()

        time = p.product.latency
        m.d.comb += [
            product.a.eq(self.a),
            product.b.eq(self.b),
            estimate.a.eq(product.p[n - 2 :]),
            estimate.b.eq(pipeline.constant(self.modulus.mu, time, "mu")),
        ]
        time += p.estimate.latency
        m.d.comb += [
            correction.a.eq(estimate.p[n + 3 :]),
            correction.b.eq(pipeline.constant(self.modulus.q, time, "q_estimate")),
        ]
        time += p.correction.latency
        # Only the low n + 1 bits of the remainder matter: it is below 2q < 2^(n+1).
        low = pipeline.delay(
            product.p[: n + 1], p.estimate.latency + p.correction.latency, "product_low"
        )
        remainder = pipeline.register((low - correction.p)[: n + 1], "remainder")
        q = pipeline.constant(self.modulus.q, time + 1, "q_final")
        reduced = pipeline.register((remainder - q)[: n + 2], "reduced")
        remainder = pipeline.register(remainder[:n], "remainder_kept")
        chosen = Mux(reduced[n + 1], remainder, reduced[:n])
        m.d.comb += self.p.eq(pipeline.register(chosen, "result"))
        return m

"""Montgomery's modular multiplication, whole and word by word, in the signed form.

Montgomery, Math. Comp. 1985; the signed form (subtract the multiple of q instead of adding it, so
that no carry has to be found) after Seiler, "Faster AVX2 optimized NTT multiplication for
Ring-LWE lattice cryptography", 2018; word by word for q = 1 mod 2^w after Mert, Ozturk, Savas,
"Design and implementation of a fast and scalable NTT-based polynomial multiplier architecture",
DSD 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from amaranth.hdl import Module, Mux, Value

from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.multiplier import Multiplier
from rtl.errors import BlockModulusError, WidthError
from rtl.parts.block import Hardware
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Montgomery(ModularMultiplier):
    """``p = a b / 2^n mod q`` for any odd q < 2^n, n = width.

    With P = a b and m = (P mod 2^n) q^-1 mod 2^n, the low halves of P and m q are equal, so that
    (P - m q) / 2^n = floor(P / 2^n) - floor(m q / 2^n), which is in (-q, q).
    """

    reduction: ClassVar[str] = "montgomery"

    @cached_property
    def product(self) -> Multiplier:
        """P = a b, and m q in a second one: all of their 2n bits."""
        return Multiplier(self.width, self.width, self.tile)

    @cached_property
    def quotient(self) -> Multiplier:
        """m: the low n bits of (P mod 2^n) q^-1."""
        return Multiplier(self.width, self.width, self.tile, keep_bits=self.width)

    @property
    def latency(self) -> int:
        return 2 * self.product.latency + self.quotient.latency + 3

    @property
    def hard_multipliers(self) -> int:
        return 2 * self.product.hard_multipliers + self.quotient.hard_multipliers

    @property
    def radix(self) -> int:
        return 1 << self.width

    @property
    def constant_widths(self) -> dict[str, int]:
        return {"q": self.width, "q_inverse": self.width}

    def constants(self, q: int) -> dict[str, int]:
        self.check_modulus(q)
        return {"q": q, "q_inverse": pow(q, -1, self.radix)}

    def hardware(self) -> MontgomeryHardware:
        return MontgomeryHardware(self)


class MontgomeryHardware(Hardware[Montgomery]):
    """The hardware of `Montgomery`: three multipliers in a row, a subtraction, an addition."""

    def logic(self) -> Module:
        m = Module()
        p, n = self.parameters, self.parameters.width
        pipeline = Pipeline(m, self.load)
        m.submodules.product = product = p.product.hardware()
        m.submodules.quotient = quotient = p.quotient.hardware()
        m.submodules.multiple = multiple = p.product.hardware()

        time = p.product.latency
        m.d.comb += [
            product.a.eq(self.a),
            product.b.eq(self.b),
            quotient.a.eq(product.p[:n]),
            quotient.b.eq(pipeline.constant(self.modulus.q_inverse, time, "q_inverse")),
        ]
        time += p.quotient.latency
        m.d.comb += [
            multiple.a.eq(quotient.p),
            multiple.b.eq(pipeline.constant(self.modulus.q, time, "q_multiple")),
        ]
        time += p.product.latency
        high = pipeline.delay(product.p[n:], p.quotient.latency + p.product.latency, "product_high")
        difference = pipeline.register((high - multiple.p[n:])[: n + 1], "difference")
        make_positive(m, pipeline, difference, self.modulus.q, time + 1, self.p)
        return m


@dataclass(frozen=True)
class WordMontgomery(ModularMultiplier):
    """``p = a b / R mod q`` for primes q = 1 mod 2^w, w = word_bits; R = 2^(w ceil(n / w)).

    Each step takes T to (T - (T mod 2^w) q) / 2^w = floor(T / 2^w) - (T mod 2^w) floor(q / 2^w):
    since q = 1 mod 2^w, the quotient digit is the low word itself. Every T is above -q, and the
    last T is below q because a b < q R.

    Raises `WidthError` unless 2 <= word_bits < width.
    """

    word_bits: int = 17

    reduction: ClassVar[str] = "word"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.word_bits < self.width:
            nearest = min(max(self.word_bits, 2), self.width - 1)
            raise WidthError(
                f"word of {self.word_bits} bits in a block of {self.width}: it must be from 2 to "
                f"{self.width - 1} bits; the nearest is {nearest}"
            )

    @property
    def steps(self) -> int:
        """Words that are reduced away: ceil(n / w)."""
        return -(-self.width // self.word_bits)

    @cached_property
    def product(self) -> Multiplier:
        """a b, all of its 2n bits."""
        return Multiplier(self.width, self.width, self.tile)

    @cached_property
    def multiple(self) -> Multiplier:
        """(T mod 2^w) floor(q / 2^w) of one step, all of its n bits."""
        return Multiplier(self.word_bits, self.width - self.word_bits, self.tile)

    @property
    def latency(self) -> int:
        return self.product.latency + self.steps * (self.multiple.latency + 1) + 2

    @property
    def hard_multipliers(self) -> int:
        return self.product.hard_multipliers + self.steps * self.multiple.hard_multipliers

    @property
    def radix(self) -> int:
        return 1 << (self.word_bits * self.steps)

    @property
    def candidates(self) -> range:
        step = 1 << self.word_bits
        return range(step + 1, 1 << self.width, step)

    def check_modulus(self, q: int) -> None:
        super().check_modulus(q)
        if (q - 1) % (1 << self.word_bits):
            fitting = ((q - 1) & (1 - q)).bit_length() - 1
            raise BlockModulusError(
                f"modulus {q} is not 1 mod 2^{self.word_bits}, which words of {self.word_bits} "
                f"bits need: the largest word for it has {fitting} bits"
            )

    def hardware(self) -> WordMontgomeryHardware:
        return WordMontgomeryHardware(self)


class WordMontgomeryHardware(Hardware[WordMontgomery]):
    """The hardware of `WordMontgomery`: a multiplier, then a multiplier and an adder a step."""

    def logic(self) -> Module:
        m = Module()
        p, n, w = self.parameters, self.parameters.width, self.parameters.word_bits
        pipeline = Pipeline(m, self.load)
        m.submodules.product = product = p.product.hardware()
        m.d.comb += [product.a.eq(self.a), product.b.eq(self.b)]
        time = p.product.latency
        value: Value = product.p
        for step in range(p.steps):
            m.submodules[f"multiple_{step}"] = multiple = p.multiple.hardware()
            high = pipeline.constant(self.modulus.q[w:], time, f"q_high_{step}")
            m.d.comb += [multiple.a.eq(value[:w]), multiple.b.eq(high)]
            time += p.multiple.latency
            upper = value[w:] if step == 0 else value[w:].as_signed()
            kept = pipeline.delay(upper, p.multiple.latency, f"kept_{step}")
            kept = kept if step == 0 else kept.as_signed()
            width = max(2 * n - (step + 1) * w, n) + 1
            value = pipeline.register((kept - multiple.p)[:width], f"value_{step}")
            time += 1
        make_positive(m, pipeline, value[: n + 1], self.modulus.q, time, self.p)
        return m


def make_positive(
    m: Module, pipeline: Pipeline, value: Value, q: Value, time: int, result: Value
) -> None:
    """Drive `result` with `value` mod q, two cycles after `value`, a two's complement in (-q, q).

    time: when `value` is there, as `Pipeline` counts.
    """
    n = len(value) - 1
    raised = pipeline.register((value + pipeline.constant(q, time, "q_final"))[:n], "raised")
    kept = pipeline.register(value, "value_kept")
    m.d.comb += result.eq(pipeline.register(Mux(kept[n], raised, kept[:n]), "result"))

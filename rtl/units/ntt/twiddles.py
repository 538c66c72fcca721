"""Twiddle factors: which ones a unit needs, and the two ways to have them.

The table is psi^brv(k) for k in [0, N), brv the bit reversal of log2 N bits: stage s of the
forward transform takes entry 2^(log2 N - 1 - s) + j for the block j (Longa and Naehrig, CANS
2016). The inverse transform wants psi^-brv, and psi^-e = -psi^(N - e) is the negative of the
entry of block 2^(log2 N - 1 - s) - 1 - j: the same table, mirrored within a stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from ntt.modulus import primitive_root
from ntt.oracle import bit_reverse
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.parts.block_memory import BlockMemory
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class TwiddleRequest:
    """What the two kinds of source are asked for each step."""

    log_N: int
    lane_bits: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier

    @property
    def lanes(self) -> int:
        return 1 << self.lane_bits

    @property
    def modulus_bits(self) -> int:
        return (len(self.moduli) - 1).bit_length()

    def power(self, q: int, k: int) -> int:
        """Entry k of the table of q, in factor form."""
        psi = primitive_root(q, 2 << self.log_N)
        return self.multiplier.factor(pow(psi, bit_reverse(k, self.log_N), q), q)

    def table(self, q: int) -> list[int]:
        """The whole table of q, in factor form."""
        N = 1 << self.log_N
        psi = primitive_root(q, 2 * N)
        powers = [self.multiplier.factor(1, q)]
        for _ in range(N - 1):
            powers.append(powers[-1] * psi % q)
        return [powers[bit_reverse(k, self.log_N)] for k in range(N)]

    def signature(self) -> dict[str, object]:
        """Ports. `index` is the table index where all lanes share a factor; `lane_stage` marks
        the stages (bit s) that pair lanes, where the factors follow from `step`."""
        steps_bits = self.log_N - self.lane_bits - 1
        return {
            "modulus": In(max(1, self.modulus_bits)),
            "inverse": In(1),
            "lane_stage": In(self.lane_bits),
            "step": In(steps_bits),
            "index": In(self.log_N - self.lane_bits),
            "load": In(1),
            "constants": In(self.multiplier.constants_layout),
            "w": Out(ArrayLayout(self.multiplier.width, self.lanes)),
        }

    def word(self, stage: int, lane: int) -> int:
        """Which of the 2^(lane_bits - stage) factors of a step a lane takes; stage < lane_bits."""
        return (lane >> stage & 1) << (self.lane_bits - 1 - stage) | lane >> (stage + 1)


class TwiddleSource(Protocol):
    """A way to have the factors of a request."""

    @property
    def request(self) -> TwiddleRequest: ...

    @property
    def latency(self) -> int: ...

    @property
    def memory_bits(self) -> int: ...

    @property
    def hard_multipliers(self) -> int: ...

    def hardware(self) -> wiring.Component: ...


@dataclass(frozen=True)
class StoredTwiddles:
    """Every factor of every modulus in memory: N words a modulus, none twice.

    One memory for the stages in which all lanes share a factor, and one, several words wide, for
    each stage that pairs lanes.
    """

    request: TwiddleRequest

    @property
    def latency(self) -> int:
        return 6 if self.request.lane_bits else 3

    @property
    def memory_bits(self) -> int:
        words = len(self.request.moduli) << self.request.log_N
        return words * self.request.multiplier.width

    @property
    def hard_multipliers(self) -> int:
        return 0

    def hardware(self) -> StoredTwiddlesHardware:
        return StoredTwiddlesHardware(self)


class StoredTwiddlesHardware(wiring.Component):
    """See `StoredTwiddles`; ports as in `TwiddleRequest.signature`."""

    def __init__(self, parameters: StoredTwiddles) -> None:
        self.parameters = parameters
        super().__init__(parameters.request.signature())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request = self.parameters.request
        pipeline = Pipeline(m, self.load)
        tables = [request.table(q) for q in request.moduli]
        shared_rows = 1 << (request.log_N - request.lane_bits)
        shared = self._rom(
            m,
            pipeline,
            "shared",
            self.index,
            [[t[k] for k in range(shared_rows)] for t in tables],
            1,
        )
        if not request.lane_bits:
            m.d.comb += self.w[0].eq(shared[0])
            return m

        inverse = pipeline.delay(self.inverse, 4, "inverse")
        # Words that a step does not take are cleared with their register, so that choosing, where
        # wires are long, is one `or`.
        lane_stage = pipeline.delay(self.lane_stage, 3, "lane_stage")
        taken = pipeline.register(lane_stage, "taken")
        shared_taken = pipeline.register(~lane_stage.any(), "shared_taken")
        step = self.step ^ self.inverse.replicate(len(self.step))
        stages = []
        for stage in range(request.lane_bits):
            words = 1 << (request.lane_bits - stage)
            first = 1 << (request.log_N - 1 - stage)
            rows = [[t[first + i] for i in range(first)] for t in tables]
            values = self._rom(m, pipeline, f"stage_{stage}", step, rows, words)
            stages.append(
                [
                    pipeline.register(
                        _gated(Mux(inverse, values[words - 1 - i], values[i]), taken[stage]),
                        f"w{stage}_{i}",
                    )
                    for i in range(words)
                ]
            )
        shared_word = pipeline.register(_gated(shared[0], shared_taken), "shared_word")
        for lane in range(request.lanes):
            chosen = shared_word
            for stage, words_of_stage in enumerate(stages):
                chosen |= words_of_stage[request.word(stage, lane)]
            m.d.comb += self.w[lane].eq(pipeline.register(chosen, f"lane_{lane}"))
        return m

    def _rom(
        self,
        m: Module,
        pipeline: Pipeline,
        name: str,
        row: Value,
        tables: list[list[int]],
        words: int,
    ) -> list[Value]:
        """The words of a row, three cycles after its number: address, memory, register; or four,
        for the way to several lanes."""
        row_count = len(tables[0]) // words
        packed = [
            self._row(table[r * words : (r + 1) * words])
            for table in tables
            for r in range(row_count)
        ]
        width = words * self.parameters.request.multiplier.width
        rom = read_only_memory(m, f"rom_{name}", width, packed)
        row = row if len(tables) == 1 else Cat(row, self.modulus)
        address = pipeline.register(row, f"address_{name}")
        registers = 2 if self.parameters.request.lane_bits else 1
        data = pipeline.delay(rom.read(address), registers, f"data_{name}")
        return [data[self._place(i, words)] for i in range(words)]

    def _place(self, word: int, words: int) -> slice:
        """The bits of a word in its row. It alternates with its mirror image, the other direction's
        choice, so that both lie in the same blocks of a wide memory."""
        width = self.parameters.request.multiplier.width
        if words == 1:
            return slice(0, width)
        mirrored = words - 1 - word
        first = 2 * width * min(word, mirrored) + (word > mirrored)
        return slice(first, first + 2 * width - 1, 2)

    def _row(self, values: list[int]) -> int:
        """The row of these words."""
        row = 0
        for i, value in enumerate(values):
            place = self._place(i, len(values))
            spread = int(("0" * ((place.step or 1) - 1)).join(f"{value:b}"), 2)
            row |= spread << place.start
        return row


def _gated(value: Value, enable: Value) -> Value:
    """`value`, or 0 unless `enable`."""
    return value & enable.replicate(len(value))


def read_only_memory(m: Module, name: str, width: int, contents: list[int]) -> BlockMemory:
    """A memory with these contents."""
    return BlockMemory(m, name, width, max(2, len(contents)), contents)


@dataclass(frozen=True)
class GeneratedTwiddles:
    """Factors made on the fly: psi^brv(k) = psi^brv(high part of k) psi^brv(low part of k).

    Bit reversal turns the split of k into a sum of exponents, so that two small tables and one
    modular multiplier a lane replace N words. The high table is shared by all lanes.
    """

    request: TwiddleRequest

    @property
    def low_bits(self) -> int:
        """Bits of k that address a lane's own table: balances 2^(n-l) + lanes 2^l words."""
        request = self.request
        return max(request.lane_bits, (request.log_N - request.lane_bits) // 2, 1)

    @property
    def latency(self) -> int:
        return 3 + self.request.multiplier.latency

    @property
    def memory_bits(self) -> int:
        request = self.request
        low = request.lanes << self.low_bits
        high = 1 << (request.log_N - self.low_bits)
        return len(request.moduli) * (low + high) * request.multiplier.width

    @property
    def hard_multipliers(self) -> int:
        return self.request.lanes * self.request.multiplier.hard_multipliers

    def hardware(self) -> GeneratedTwiddlesHardware:
        return GeneratedTwiddlesHardware(self)


class GeneratedTwiddlesHardware(wiring.Component):
    """See `GeneratedTwiddles`; ports as in `TwiddleRequest.signature`."""

    def __init__(self, parameters: GeneratedTwiddles) -> None:
        self.parameters = parameters
        super().__init__(parameters.request.signature())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request, low_bits = self.parameters.request, self.parameters.low_bits
        pipeline = Pipeline(m, self.load)
        width = request.multiplier.width
        high_count = 1 << (request.log_N - low_bits)
        high_words = [
            request.power(q, k << low_bits) for q in request.moduli for k in range(high_count)
        ]
        low_words = [request.power(q, k) for q in request.moduli for k in range(1 << low_bits)]
        indices = [self._index(m, lane) for lane in range(request.lanes)]

        high = read_only_memory(m, "rom_high", width, high_words)
        address = pipeline.register(self._with_modulus(indices[0][low_bits:]), "address_high")
        high_data = pipeline.register(high.read(address), "data_high")
        for lane, index in enumerate(indices):
            low = read_only_memory(m, f"rom_low_{lane}", width, low_words)
            address = pipeline.register(self._with_modulus(index[:low_bits]), f"address_low_{lane}")
            m.submodules[f"multiplier_{lane}"] = multiplier = request.multiplier.hardware()
            m.d.comb += [
                multiplier.a.eq(high_data),
                multiplier.b.eq(pipeline.register(low.read(address), f"data_low_{lane}")),
                multiplier.load.eq(pipeline.load_at(3)),
                multiplier.modulus.eq(self.constants),
                self.w[lane].eq(multiplier.p),
            ]
        return m

    def _with_modulus(self, index: Value) -> Value:
        return index if len(self.parameters.request.moduli) == 1 else Cat(index, self.modulus)

    def _index(self, m: Module, lane: int) -> Signal:
        """The table index of a lane: shared, or its own in the stages that pair lanes."""
        request = self.parameters.request
        index = Signal(request.log_N, name=f"index_{lane}")
        m.d.comb += index.eq(self.index)
        for stage in range(request.lane_bits):
            word = Const(request.word(stage, lane), request.lane_bits - stage)
            block = Cat(word, self.step)
            mirrored = block ^ self.inverse.replicate(len(block))
            with m.If(self.lane_stage[stage]):
                m.d.comb += index.eq(Cat(mirrored, 1))
        return index

"""Twiddle factors: which ones a unit needs, and the two sources that have them.

The table is psi^brv(k) for k in [0, N), brv the bit reversal of log2 N bits: stage s of the
forward transform takes entry 2^(log2 N - 1 - s) + j for the block j (Longa and Naehrig, CANS
2016). The inverse transform needs psi^-brv, and psi^-e = -psi^(N - e) is the negative of the entry
of block 2^(log2 N - 1 - s) - 1 - j: the same table, mirrored within a stage.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from ntt.modulus import primitive_root
from ntt.oracle import bit_reverse
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import index_bits
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class TwiddleRequest:
    """What a source must have: the tables of all moduli, for 2^log_N points on 2^lane_bits lanes.

    Factors are in the factor form of the multiplier.
    """

    log_N: int
    lane_bits: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier

    @property
    def lanes(self) -> int:
        """Lanes, each of which takes one factor a step."""
        return 1 << self.lane_bits

    def power(self, q: int, k: int) -> int:
        """Entry k of the table of the modulus q."""
        psi = primitive_root(q, 2 << self.log_N)
        return self.multiplier.factor(pow(psi, bit_reverse(k, self.log_N), q), q)

    def table(self, q: int) -> list[int]:
        """The whole table of the modulus q: N entries."""
        N = 1 << self.log_N
        psi = primitive_root(q, 2 * N)
        powers = [self.multiplier.factor(1, q)]
        for _ in range(N - 1):
            powers.append(powers[-1] * psi % q)
        return [powers[bit_reverse(k, self.log_N)] for k in range(N)]

    def word(self, stage: int, lane: int) -> int:
        """Which of the 2^(lane_bits - stage) factors of a step a lane takes; stage < lane_bits."""
        return (lane >> stage & 1) << (self.lane_bits - 1 - stage) | lane >> (stage + 1)


@dataclass(frozen=True)
class TwiddleSource(Block):
    """A way to have the factors of a request, one a lane and cycle."""

    request: TwiddleRequest

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from a request to its factors."""

    @property
    @abstractmethod
    def memory_bits(self) -> int:
        """Bits of all tables in memory."""

    @property
    @abstractmethod
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that the source occupies."""

    @property
    def ports(self) -> Ports:
        """A request, and its factors w.

        `modulus` is a place in the table of moduli. Bit s of `lane_stage` marks stage s, which
        pairs lanes; the factors then follow from `step`. In the other stages, all lanes share the
        factor of `index`. `load` and `constants` are those of the modular multiplier.
        """
        request = self.request
        row_bits = request.log_N - request.lane_bits
        return {
            "modulus": In(index_bits(len(request.moduli))),
            "inverse": In(1),
            "lane_stage": In(request.lane_bits),
            "step": In(row_bits - 1),
            "index": In(row_bits),
            "load": In(1),
            "constants": In(request.multiplier.constants_layout),
            "w": Out(ArrayLayout(request.multiplier.width, request.lanes)),
        }


@dataclass(frozen=True)
class StoredTwiddles(TwiddleSource):
    """Every factor of every modulus in memory: N words a modulus, none of them twice.

    One memory serves the stages in which all lanes share a factor. Each stage that pairs lanes has
    another memory, several words wide.
    """

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


class StoredTwiddlesHardware(Hardware[StoredTwiddles]):
    """The hardware of `StoredTwiddles`: memories, and the choice among their words."""

    def logic(self) -> Module:
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
        # Words that a step does not take are cleared in their registers. The choice among words,
        # where wires are long, is then one `or`.
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
        """The words of a row, three cycles after its number: address, memory, register. For several
        lanes, one more register shortens the wires."""
        row_count = len(tables[0]) // words
        packed = [
            self._row(table[r * words : (r + 1) * words])
            for table in tables
            for r in range(row_count)
        ]
        width = words * self.parameters.request.multiplier.width
        rom = _read_only_memory(m, f"rom_{name}", width, packed)
        row = row if len(tables) == 1 else Cat(row, self.modulus)
        address = pipeline.register(row, f"address_{name}")
        registers = 2 if self.parameters.request.lane_bits else 1
        data = pipeline.delay(rom.read(address), registers, f"data_{name}")
        return [data[self._place(i, words)] for i in range(words)]

    def _place(self, word: int, words: int) -> slice:
        """The bits of a word in its row.

        They alternate with the bits of the mirrored word, which the other direction takes, so that
        both words lie in the same blocks of a wide memory.
        """
        width = self.parameters.request.multiplier.width
        if words == 1:
            return slice(0, width)
        mirrored = words - 1 - word
        first = 2 * width * min(word, mirrored) + (word > mirrored)
        return slice(first, first + 2 * width - 1, 2)

    def _row(self, values: list[int]) -> int:
        """The words as one number, each at its `_place`."""
        row = 0
        for i, value in enumerate(values):
            place = self._place(i, len(values))
            spread = int(("0" * ((place.step or 1) - 1)).join(f"{value:b}"), 2)
            row |= spread << place.start
        return row


def _gated(value: Value, enable: Value) -> Value:
    """`value`, or 0 unless `enable`."""
    return value & enable.replicate(len(value))


def _read_only_memory(m: Module, name: str, width: int, contents: list[int]) -> BlockMemory:
    return BlockMemory(m, name, width, max(2, len(contents)), contents)


@dataclass(frozen=True)
class GeneratedTwiddles(TwiddleSource):
    """Factors made on the fly: psi^brv(k) = psi^brv(high part of k) psi^brv(low part of k).

    Bit reversal turns the split of k into a sum of exponents, so that two small tables and one
    modular multiplier a lane replace N words. All lanes share the table of the high parts.
    """

    @property
    def low_bits(self) -> int:
        """l, the bits of k that address a lane's own table.

        The tables have 2^(log_N - l) + lanes 2^l words: the two terms are about equal.
        """
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


class GeneratedTwiddlesHardware(Hardware[GeneratedTwiddles]):
    """The hardware of `GeneratedTwiddles`: two memories and a modular multiplier a lane."""

    def logic(self) -> Module:
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

        high = _read_only_memory(m, "rom_high", width, high_words)
        address = pipeline.register(self._with_modulus(indices[0][low_bits:]), "address_high")
        high_data = pipeline.register(high.read(address), "data_high")
        for lane, index in enumerate(indices):
            low = _read_only_memory(m, f"rom_low_{lane}", width, low_words)
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
        """The table index of a lane: `index`, or the lane's own in the stages that pair lanes."""
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

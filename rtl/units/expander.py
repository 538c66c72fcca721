"""The seed expander: uniform residues from a key of a stream cipher, as `he` draws them.

The row of a modulus q in the uniform half of a key or a ciphertext is made of the first N words w
of 64 bits, little-endian, of the key stream of a ChaCha20 key with w mod 2^b < q, b the bit length
of q (`he/rlwe/sampling.py`). The key of each row, 32 bytes, is public; the host derives it from the
seed. So 32 bytes take the place of N residues.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout

from rtl.arithmetic.chacha20 import (
    BLOCK_WORDS,
    KEY_BYTES,
    WORDS_A_CYCLE,
    KeyStream,
    KeyStreamHardware,
    key_stream,
)
from rtl.arithmetic.modmul import check_width
from rtl.errors import BlockModulusError, GeometryError, OptionError
from rtl.parts.moduli_table import check_not_empty, constant_table, index_bits
from rtl.units.geometry import check_geometry
from rtl.units.stream_unit import Row, StreamHardware, StreamUnit

_WORD_BITS = 64
_MOST_BITS = 63
"""Of a modulus of `he`."""
_SIFT_CYCLES = 7
"""Cycles from the port of the key stream until a row is at the port of the unit: cut, compared,
counted, placed, chosen, merged, queued."""


def most_rounds(lanes: int) -> int:
    """The most rounds in hardware whose words the lanes can take in."""
    return max(rounds for rounds, words in WORDS_A_CYCLE.items() if words <= lanes)


@dataclass(frozen=True)
class SeedExpander(StreamUnit):
    """Rows of N residues below a modulus of the table, from a ChaCha20 key each, `lanes` a beat.

    rounds: of the cipher in hardware, 2, 4, 10 or 20. So 1, 2, 4 or 8 words leave the cipher in a
    cycle, at most; there must be as many lanes. The mean share of words that are kept is q / 2^b, b
    the bit length of q.

    Raises `GeometryError`, `WidthError`, `BlockModulusError`, `OptionError`.
    """

    N: int
    lanes: int
    moduli: tuple[int, ...]
    width: int
    rounds: int

    def __post_init__(self) -> None:
        check_geometry(self.N, self.lanes)
        check_width(self.width)
        check_not_empty(self.moduli)
        for q in self.moduli:
            self._check_modulus(q)
        if self.words > self.lanes:
            raise GeometryError(
                f"{self.rounds} rounds give up to {self.words} words a cycle for {self.lanes} "
                f"lanes: the nearest number of rounds that fits is {most_rounds(self.lanes)}"
            )

    def _check_modulus(self, q: int) -> None:
        largest = (1 << min(self.width, _MOST_BITS)) - 1
        if not 2 <= q <= largest:
            raise BlockModulusError(
                f"modulus {q}: a unit of {self.width} bits takes moduli from 2 to {largest}; the "
                f"nearest is {min(max(q, 2), largest)}"
            )

    @cached_property
    def cipher(self) -> KeyStream:
        """The first part of the unit."""
        return KeyStream(self.rounds)

    @property
    def words(self) -> int:
        """Words that are compared in a cycle."""
        return WORDS_A_CYCLE[self.cipher.rounds]

    @property
    def beats(self) -> int:
        """Beats of a row."""
        return self.N // self.lanes

    @property
    def latency_cycles(self) -> int:
        """Cycles from a key in to the first beat out, if all words for this beat are kept."""
        return self._cycle_of_word(self.lanes - 1)

    def _cycle_of_word(self, word: int) -> int:
        """Cycles from a key in until a beat that ends with this word of the key stream is out."""
        block, place = divmod(word, BLOCK_WORDS)
        arrives = self.cipher.latency_cycles + self.cipher.passes * block + place // self.words
        return arrives + _SIFT_CYCLES

    def _kept(self, key: bytes, modulus: int) -> tuple[np.ndarray, np.ndarray]:
        """The first N residues, uint64 (N,), and the places of their words in the key stream."""
        if len(key) != KEY_BYTES:
            raise OptionError(f"a key of {len(key)} bytes: ChaCha20 takes {KEY_BYTES}")
        q = self.moduli[modulus]
        masks = 1 << q.bit_length()
        draws = masks * self.N // q + 8 * math.isqrt(self.N)
        places = np.zeros(0, np.int64)
        while len(places) < self.N:
            cut = key_stream(key, draws) & np.uint64(masks - 1)
            places = np.flatnonzero(cut < q)[: self.N]
            draws *= 2
        return cut[places], places

    def golden(self, key: bytes, modulus: int) -> np.ndarray:
        """The row of a key of 32 bytes, modulo entry `modulus` of the table: uint64 (N,).

        Raises `OptionError` for a key of another length.
        """
        return self._kept(key, modulus)[0]

    def beat_cycles(self, key: bytes, modulus: int) -> np.ndarray:
        """Cycles from the key in to each beat of its row out, int64 (beats,), if the stream
        `output` never waits.

        They depend on the key: some words are not kept. The unit takes the next key in the cycle
        of the last beat. Raises `OptionError` for a key of another length.
        """
        _, places = self._kept(key, modulus)
        return np.array([self._cycle_of_word(int(j)) for j in places[self.lanes - 1 :: self.lanes]])

    @property
    def row_layout(self) -> ArrayLayout:
        return ArrayLayout(self.width, self.lanes)

    @property
    def input_layout(self) -> StructLayout:
        """A key, the word of its first four bytes (little-endian) first, and a modulus."""
        return StructLayout({"key": ArrayLayout(32, 8), "modulus": index_bits(len(self.moduli))})

    @property
    def timing_rows(self) -> list[Row]:
        return [
            (
                "from a key in to the first beat out, if all its words are kept",
                f"{self.latency_cycles}",
            ),
            (
                f"from a block of the key stream (8 words, {self.words} a cycle) to the next",
                f"{self.cipher.passes}",
            ),
            ("from the last beat out to the next key in", "0"),
            ("of each beat of a key: `beat_cycles(key, modulus)`", ""),
        ]

    @property
    def format_lines(self) -> list[str]:
        return [
            (
                "A key has 32 bytes, the first in the lowest bits. Its row is made of the first N "
                "words w of 64 bits, little-endian, of its ChaCha20 stream (counter from 0, nonce "
                "0) with w mod 2^b < q, b the bit length of q. `last` is high in the last beat of "
                "a row."
            )
        ]

    def hardware(self) -> SeedExpanderHardware:
        return SeedExpanderHardware(self)


class SeedExpanderHardware(StreamHardware[SeedExpander]):
    """The hardware of `SeedExpander`: the key stream, a sieve, rows that fill up.

    All registers hold still while the queue of the stream `output` is full.
    """

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        queue = self._output_queue(m, 0)
        wiring.connect(m, wiring.flipped(self.output), queue.output)
        advance = queue.room
        m.submodules.cipher = cipher = p.cipher.hardware()
        running = Signal()
        key = Signal(p.input_layout.members["key"], reset_less=True)
        bounds = Signal(2 * p.width, reset_less=True)
        m.d.comb += [
            self.input.ready.eq(~running),
            cipher.advance.eq(advance),
            cipher.restart.eq(~running),
            cipher.key.eq(key),
        ]
        with m.If(self.input.valid & self.input.ready):
            table = [q | (1 << q.bit_length()) - 1 << p.width for q in p.moduli]
            m.d.sync += [
                running.eq(1),
                key.eq(self.input.payload.key),
                bounds.eq(constant_table(table, 2 * p.width, self.input.payload.modulus)),
            ]
        values, kept = self._sieve(m, advance, running, cipher, bounds)
        row, full = self._gather(m, advance, running, values, kept)
        number = Signal(range(p.beats))
        last = number.all()
        push = advance & running & full
        with m.If(push):
            m.d.sync += number.eq(number + 1)
            with m.If(last):
                m.d.sync += running.eq(0)
        m.d.comb += [queue.claim.eq(push), queue.push.eq(push), queue.beat.eq(Cat(*row, last))]
        return m

    def _sieve(
        self,
        m: Module,
        advance: Value,
        running: Value,
        cipher: KeyStreamHardware,
        bounds: Value,
    ) -> tuple[list[Signal], Signal]:
        """`words` words of the key stream, cut to the bits of the modulus, and which of them are
        below it; two cycles after the words."""
        p = self.parameters
        step = p.words * _WORD_BITS
        chunks = BLOCK_WORDS // p.words
        words: Value = cipher.block.as_value()
        comes: Value = cipher.valid
        if chunks > 1:
            rest = Signal((chunks - 1) * step, reset_less=True)
            left = Signal(range(chunks))
            with m.If(advance):
                m.d.sync += rest.eq(Mux(cipher.valid, words[step:], rest >> step))
            with m.If(~running):
                m.d.sync += left.eq(0)
            with m.Elif(advance):
                m.d.sync += left.eq(Mux(cipher.valid, chunks - 1, left - left.any()))
            comes = cipher.valid | left.any()
            words = Mux(cipher.valid, words[:step], rest[:step])
        q, mask = bounds[: p.width], bounds[p.width :]
        cut, values = (
            [Signal(p.width, name=f"{name}_{i}", reset_less=True) for i in range(p.words)]
            for name in ("cut", "value")
        )
        there, kept = Signal(), Signal(p.words)
        with m.If(advance):
            for i in range(p.words):
                word = words[i * _WORD_BITS :][: p.width]
                m.d.sync += [cut[i].eq(word & mask), values[i].eq(cut[i])]
        with m.If(~running):
            m.d.sync += [there.eq(0), kept.eq(0)]
        with m.Elif(advance):
            below = Cat(*(value < q for value in cut))
            m.d.sync += [there.eq(comes), kept.eq(Mux(there, below, 0))]
        return values, kept

    def _gather(
        self, m: Module, advance: Value, running: Value, values: list[Signal], kept: Signal
    ) -> tuple[list[Value], Value]:
        """A row, and whether it is full: the kept values in their order, three cycles later.

        The values of a cycle are no more than the lanes, so each lane gets one at most: for this
        row, or for the next.
        """
        p = self.parameters
        lane_bits = p.lanes.bit_length() - 1

        def later(value: Value, name: str, *, marks: bool = False) -> Signal:
            register = Signal(len(value), name=name, reset_less=not marks)
            if marks:
                with m.If(~running):
                    m.d.sync += register.eq(0)
                with m.Elif(advance):
                    m.d.sync += register.eq(value)
            else:
                with m.If(advance):
                    m.d.sync += register.eq(value)
            return register

        before = [
            later(_ones(kept[:i], lane_bits), f"before_{i}") if i else Const(0, max(1, lane_bits))
            for i in range(p.words)
        ]
        count = later(_ones(kept, lane_bits + 1), "count", marks=True)
        counted = [later(value, f"counted_{i}") for i, value in enumerate(values)]
        kept = later(kept, "kept_counted", marks=True)

        held = Signal(lane_bits)
        total = (held + count)[: lane_bits + 1]
        with m.If(~running):
            m.d.sync += held.eq(0)
        with m.Elif(advance):
            m.d.sync += held.eq(total[:lane_bits])
        places = [
            later((held + count_before)[: lane_bits + 1], f"place_{i}")
            for i, count_before in enumerate(before)
        ]
        full = later(total[lane_bits], "full_placed", marks=True)
        placed = [later(value, f"placed_{i}") for i, value in enumerate(counted)]
        kept = later(kept, "kept_placed", marks=True)

        row: list[Value] = []
        for lane in range(p.lanes):
            takes = [
                kept[i] & (place[:lane_bits] == lane if lane_bits else Const(1))
                for i, place in enumerate(places)
            ]
            chosen: Value = Const(0, p.width)
            next_row: Value = Const(0)
            for take, value, place in zip(takes, placed, places, strict=True):
                chosen = chosen | Mux(take, value, 0)
                next_row = next_row | take & place[lane_bits]
            hit = later(Cat(*takes).any(), f"hit_{lane}")
            late = later(next_row, f"late_{lane}")
            arrived = later(chosen[: p.width], f"arrived_{lane}")
            waiting = Signal(p.width, name=f"waiting_{lane}", reset_less=True)
            with m.If(advance & hit):
                m.d.sync += waiting.eq(arrived)
            row.append(Mux(hit & ~late, arrived, waiting))
        return row, later(full, "full_chosen", marks=True)


def _ones(bits: Value, width: int) -> Value:
    """How many of the bits are set, in `width` bits (at least 1)."""
    total: Value = Const(0, 1)
    for i in range(len(bits)):
        total = total + bits[i]
    width = max(1, width)
    return total[:width] if len(total) >= width else Cat(total, Const(0, width - len(total)))

"""The key stream of ChaCha20 (Bernstein 2008; its rounds as in RFC 8439, section 2), on chip.

The state's words (4 x 4, of 32 bits) are: four constants, eight of the key, a block counter of 64
bits, a nonce of 64 bits, which is 0. Twenty rounds, then the sum with the state before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from rtl.errors import OptionError
from rtl.parts.block import Block, Hardware, Ports

ROUNDS = 20
BLOCK_WORDS = 8
"""Words of 64 bits in a block of the key stream."""
KEY_BYTES = 32
WORDS_A_CYCLE = {2: 1, 4: 2, 10: 4, 20: 8}
"""Rounds in hardware -> words of 64 bits that leave in a cycle, at most."""

_CONSTANTS = np.frombuffer(b"expand 32-byte k", "<u4").tolist()
_COUNTER_BITS = 32
"""Enough for 2^35 words; a limb takes some 2^17."""
_STEPS = 4
"""Sums one behind the other in a round, with a register behind each."""
_COLUMNS = [(i, 4 + i, 8 + i, 12 + i) for i in range(4)]
_DIAGONALS = [(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) for i in range(4)]


def key_stream(key: bytes, words: int) -> np.ndarray:
    """The first `words` words of the key stream of `key` (32 bytes), little-endian: uint64."""
    cipher = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(8 * words)), "<u8").astype(np.uint64)


@dataclass(frozen=True)
class QuarterRound(Block):
    """The quarter round of RFC 8439, section 2.1: four words in, four out, four cycles later.

    Registers hold their words while `advance` is low.
    """

    latency = _STEPS

    @property
    def ports(self) -> Ports:
        """`advance`; the words a, b, c, d; the words that become of them."""
        words: Ports = {name: In(32) for name in "abcd"}
        return {"advance": In(1), **words, **{f"{name}_out": Out(32) for name in "abcd"}}

    def hardware(self) -> QuarterRoundHardware:
        return QuarterRoundHardware(self)


class QuarterRoundHardware(Hardware[QuarterRound]):
    """The hardware of `QuarterRound`: a sum, an exclusive or and a rotation in each cycle."""

    def logic(self) -> Module:
        m = Module()
        words: list[Value] = [self.a, self.b, self.c, self.d]
        for step, rotation in enumerate((16, 12, 8, 7)):
            a, b, c, d = words
            if step % 2 == 0:
                a = (a + b)[:32]
                d = (d ^ a).rotate_left(rotation)
            else:
                c = (c + d)[:32]
                b = (b ^ c).rotate_left(rotation)
            words = _registers(m, self.advance, (a, b, c, d), f"step_{step}")
        outputs = (self.a_out, self.b_out, self.c_out, self.d_out)
        m.d.comb += [output.eq(word) for output, word in zip(outputs, words, strict=True)]
        return m


@dataclass(frozen=True)
class KeyStream(Block):
    """Blocks of the key stream of a key, from block 0 on, one every `passes` cycles.

    rounds: in hardware, one behind the other: 2, 4, 10 or 20. A block goes round `passes` = 20 /
    rounds times. The ring is 4 rounds + 1 cycles long, which has no divisor in common with
    `passes`. So a block that enters in every `passes`-th cycle never meets one that is on its way,
    and meets just those that have gone round often enough.

    Raises `OptionError` for other rounds.
    """

    rounds: int

    def __post_init__(self) -> None:
        if self.rounds not in WORDS_A_CYCLE:
            nearest = min(WORDS_A_CYCLE, key=lambda rounds: abs(rounds - self.rounds))
            choices = ", ".join(map(str, WORDS_A_CYCLE))
            raise OptionError(
                f"{self.rounds} rounds in hardware: choose one of {choices}; "
                f"the nearest is {nearest}"
            )

    @property
    def passes(self) -> int:
        """How often a block goes through the rounds, and the cycles from a block to the next."""
        return ROUNDS // self.rounds

    @property
    def ring_cycles(self) -> int:
        """Cycles of one pass: the rounds, and the register at which blocks enter."""
        return _STEPS * self.rounds + 1

    @property
    def latency_cycles(self) -> int:
        """Cycles from the first one without `restart` until block 0 is at the port."""
        return self.passes * self.ring_cycles + 1

    @property
    def ports(self) -> Ports:
        """`advance`: all registers hold their words while it is low, except at a restart.
        `restart`: the next block is block 0. `key`, which holds still from then on. `block`, of 8
        words of 64 bits, in the one cycle (with `advance`) in which `valid` is high."""
        return {
            "advance": In(1),
            "restart": In(1),
            "key": In(ArrayLayout(32, 8)),
            "block": Out(ArrayLayout(64, BLOCK_WORDS)),
            "valid": Out(1),
        }

    def hardware(self) -> KeyStreamHardware:
        return KeyStreamHardware(self)


class KeyStreamHardware(Hardware[KeyStream]):
    """The hardware of `KeyStream`: a ring of rounds, and the last sum."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        phase = Signal(range(p.passes)) if p.passes > 1 else Const(0, 1)
        turn = phase == 0
        entering, leaving = Signal(_COUNTER_BITS), Signal(_COUNTER_BITS)
        known, valid = Signal(range(p.ring_cycles + 1)), Signal()
        comes_out = turn & (known == p.ring_cycles)
        with m.If(self.restart):
            if p.passes > 1:
                m.d.sync += phase.eq(0)
            m.d.sync += [entering.eq(0), leaving.eq(0), known.eq(0), valid.eq(0)]
        with m.Elif(self.advance):
            if p.passes > 1:
                m.d.sync += phase.eq(Mux(phase == p.passes - 1, 0, phase + 1))
            m.d.sync += [
                entering.eq(entering + turn),
                leaving.eq(leaving + comes_out),
                known.eq(known + (turn & ~comes_out)),
                valid.eq(comes_out),
            ]
        back = [Signal(32, name=f"back_{i}") for i in range(16)]
        state: Sequence[Value] = [
            Mux(turn, new, old) for new, old in zip(self._start(entering), back, strict=True)
        ]
        state = _registers(m, self.advance, state, "entry")
        for number in range(p.rounds):
            state = self._round(m, state, number)
        m.d.comb += [word.eq(value) for word, value in zip(back, state, strict=True)]
        sums = [(a + b)[:32] for a, b in zip(back, self._start(leaving), strict=True)]
        block = _registers(m, self.advance, sums, "sum")
        m.d.comb += [self.block.as_value().eq(Cat(*block)), self.valid.eq(valid)]
        return m

    def _start(self, counter: Value) -> list[Value]:
        """The state before the rounds."""
        constants: list[Value] = [Const(word, 32) for word in _CONSTANTS]
        zeros: list[Value] = [Const(0, 32)] * 3
        return [*constants, *(self.key[i] for i in range(8)), counter, *zeros]

    def _round(self, m: Module, state: Sequence[Value], number: int) -> list[Value]:
        """A round on columns or, if the number is odd, on diagonals."""
        after = list(state)
        for place, indices in enumerate(_DIAGONALS if number % 2 else _COLUMNS):
            quarter = QuarterRound().hardware()
            m.submodules[f"round_{number}_{place}"] = quarter
            m.d.comb += quarter.advance.eq(self.advance)
            for name, index in zip("abcd", indices, strict=True):
                m.d.comb += getattr(quarter, name).eq(state[index])
                after[index] = getattr(quarter, f"{name}_out")
        return after


def _registers(m: Module, advance: Value, values: Sequence[Value], name: str) -> list[Value]:
    """The values, one cycle with `advance` later."""
    registers = [
        Signal(len(value), name=f"{name}_{i}", reset_less=True) for i, value in enumerate(values)
    ]
    with m.If(advance):
        m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
    return list(registers)

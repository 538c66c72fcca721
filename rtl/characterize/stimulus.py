"""What a block computes while its toggles are counted: residues as a run has them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from amaranth.lib import wiring
from amaranth.lib.data import StructLayout

from ntt.modulus import find_primes
from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.parts.output_queue import OutputQueue
from rtl.verilog.ports import ports_of

SETTLING, CYCLES = 64, 320

Measured = ModularMultiplier | Butterfly | AddSub | OutputQueue
"""The blocks that have a stimulus."""


@dataclass(frozen=True)
class Stimulus:
    """Input words, one row a cycle. ports: name -> bits; a row has the first port lowest.

    settling: rows before toggles are counted: reset, and constants through the pipeline.
    """

    ports: Mapping[str, int]
    rows: Sequence[int]
    settling: int = SETTLING

    @property
    def cycles(self) -> int:
        """Rows, one a cycle."""
        return len(self.rows)


def stimulus_of(block: Measured, hardware: wiring.Component) -> Stimulus:
    """Random residues modulo a prime of the block's width, a new operation in each cycle.

    Limbs of ciphertexts, keys and twiddles are uniform modulo their prime, so uniform operands are
    those of a run. hardware: the block's, for its ports.
    """
    draw = random.Random(1)
    if isinstance(block, OutputQueue):
        row = _queue_row(block, draw)
    elif isinstance(block, AddSub):
        row = _sum_row(block, draw)
    else:
        row = _product_row(block, draw)
    ports = {port.name: port.width for port in ports_of(hardware) if port.is_input}
    rows = []
    for cycle in range(CYCLES):
        values, packed, place = row(cycle), 0, 0
        for name, width in ports.items():
            packed |= values.get(name, 0) << place
            place += width
        rows.append(packed)
    return Stimulus(ports, rows)


Row = Callable[[int], dict[str, int]]


def _product_row(block: ModularMultiplier | Butterfly, draw: random.Random) -> Row:
    multiplier = block.multiplier if isinstance(block, Butterfly) else block
    # 1 modulo 2^17, which every word of the reduction divides.
    (q,) = find_primes(multiplier.width, 1 << 16, 1)
    constants = multiplier.packed_constants(q)

    def row(cycle: int) -> dict[str, int]:
        operands = {name: draw.randrange(q) for name in ("a", "b", "w")}
        return {**operands, "modulus": constants, "load": int(cycle == 4)}

    return row


def _sum_row(block: AddSub, draw: random.Random) -> Row:
    (q,) = find_primes(block.width, 1 << 16, 1)

    def row(cycle: int) -> dict[str, int]:
        pair = {"x": draw.randrange(q), "y": draw.randrange(q)}
        return {**pair, "q": q, "load": int(cycle == 4), "operation": PairOperation.ADD_SUB.value}

    return row


def _queue_row(block: OutputQueue, draw: random.Random) -> Row:
    bits = block.layout.size

    def row(cycle: int) -> dict[str, int]:
        runs = int(cycle > 8)
        return {"beat": draw.getrandbits(bits), "claim": runs, "push": runs, "output_ready": 1}

    return row


def queue_of(width: int, depth: int) -> OutputQueue:
    """A queue of residues for one lane."""
    return OutputQueue(StructLayout({"data": width}), depth)

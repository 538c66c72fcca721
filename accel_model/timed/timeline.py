"""The cycles of a timed program on its machine, with every stall: what the machine must take.

Beat T begins in cycle c(T). A beat without a stall is `banks` cycles long. The machine repeats the
current beat until the moves of the next beat have their limbs, and its transfer finds room in the
engine's queue. Steps that have started go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from accel_model.timed.channel import ChannelTimeline
from accel_model.timed.program import QUEUES, Memory, Move, TimedProgram
from accel_model.timed.shape import Channel

QUEUE_DEPTH = 32
"""Instructions of each queue that wait in the machine."""
CODE_BEATS = 2
"""Beats of the code port for an instruction."""
FIRST_CODE_CYCLES = 1
"""From the start of the machine until all queues are full, beside latency and code beats: the
register of the first address."""
END_CYCLES = 1
"""From the end of the last transfer until the machine says that it is done: the register that says
so."""


@dataclass(frozen=True)
class RunTime:
    """cycles: from the machine's start until it is done. start_cycles: of these, until the first
    beat. stalled_beats: beats that were repeated because a move or a transfer had to wait."""

    cycles: int
    start_cycles: int
    stalled_beats: int


def run_time(
    program: TimedProgram, channel: Channel | None = None, code_latency_cycles: int = 40
) -> RunTime:
    """The cycles of a run. channel: external memory as it is, by default as the schedule has it."""
    banks = program.shape.banks
    filled = sum(min(len(program.queue(name)), QUEUE_DEPTH) for name in QUEUES)
    first = FIRST_CODE_CYCLES + code_latency_cycles + CODE_BEATS * filled
    first = -(-first // banks) * banks
    engine = ChannelTimeline(channel or program.shape.channel)
    ends: dict[int, list[int]] = {Memory.FETCH: [], Memory.WRITE: []}
    late = end = 0
    memory, moves, compute = program.memory, program.moves, program.compute
    events = [(s, 0, o, n) for s, o, n in memory[["start", "opcode", "beats"]].tolist()]
    events += [(s, 1, o, n) for s, o, n in moves[["start", "opcode", "need"]].tolist()]
    events += [(s, 2, u, 0) for s, u in compute[["start", "unit"]].tolist()]
    # A beat begins when all that starts in it can.
    for start, of_beat in groupby(sorted(events), key=lambda event: event[0]):
        together = list(of_beat)
        for _, queue, opcode, number in together:
            if queue == 0:
                late = max(late, -(-(engine.queue_free + 1) // banks) - start)
            elif queue == 1 and number:
                kind = Memory.FETCH if opcode == Move.ARRIVE else Memory.WRITE
                late = max(late, -(-(ends[kind][number - 1] + 1) // banks) - start)
        for _, queue, opcode, number in together:
            if queue == 0:
                transfer = engine.fetch if opcode == Memory.FETCH else engine.write
                ends[opcode].append(transfer((start + late) * banks, number))
                end = max(end, ends[opcode][-1])
            else:
                # The machine is not done before the last results are in their slots.
                beat = (start + late + program.shape.beats - 1) * banks
                if queue == 2 or opcode == Move.ARRIVE:
                    beat += program.shape.write_cycles[opcode if queue == 2 else -1]
                end = max(end, beat + banks)
    return RunTime(first + end + END_CYCLES, first, late)

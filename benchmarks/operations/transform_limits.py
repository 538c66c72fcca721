"""The least time of a butterfly on this machine, from counts and measured rates.

There are two counts, and each is divided by the highest rate that was measured on this machine:

- multiplications: 3 a butterfly (`ifma`: high, low, low; `scalar`: the same on 64-bit words), or 4
  (`fma`: two products, two corrections), on as many lanes as a vector has;
- bytes: a pass over N words loads and stores 16 N bytes. A transform makes one pass for every two
  stages of its radix-4 part, one more where their number is odd, and one for the stages inside
  registers (`scalar`: one for each stage, but one for the last two together). Passes whose block
  fits `BLOCK_BYTES` run at the rate of such a block, the others at the rate of the whole row.
  Twiddles and the reduction of inputs are not counted.

The limit is the larger of the two times, because loads, stores and products can overlap.
"""

from __future__ import annotations

import functools
import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ntt.backends.scalar import ports

BLOCK_BYTES = 1 << 15
"""A block that stays in the first-level cache."""

MULTIPLICATIONS = {"ifma": 3, "fma": 4, "scalar": 3}
"""Multiplications of a butterfly, by backend."""


@dataclass(frozen=True)
class Limit:
    """Nanoseconds a butterfly: the times of the multiplications and of the traffic."""

    multiply_ns: float
    traffic_ns: float

    @property
    def ns(self) -> float:
        """The larger of the two."""
        return max(self.multiply_ns, self.traffic_ns)


def limit(backend: str, N: int) -> Limit:
    """The limit of a transform of N words on a backend, with one thread."""
    butterflies = N // 2 * (N.bit_length() - 1)
    row_passes, block_passes = passes(backend, N)
    row_ns = 16 * N / bytes_per_ns(8 * N)
    block_ns = 16 * N / bytes_per_ns(min(8 * N, BLOCK_BYTES))
    return Limit(
        MULTIPLICATIONS[backend] / products_per_ns(backend),
        (row_passes * row_ns + block_passes * block_ns) / butterflies,
    )


def passes(backend: str, N: int) -> tuple[int, int]:
    """(passes over the whole row, passes inside blocks of `BLOCK_BYTES`) of a transform."""
    stages = N.bit_length() - 1
    if backend == "scalar":
        return stages - 1, 0
    lanes = _port(backend).PER_STEP // 8
    outside = stages - (lanes.bit_length() - 1)
    total = (outside + 1) // 2 + 1
    row = outside % 2
    while 8 * N >> (2 * row if outside % 2 == 0 else 2 * row - 1) > BLOCK_BYTES:
        row += 1
    return row, total - row


def _port(backend: str) -> ModuleType:
    """The module whose `multiply` keeps the multipliers of a backend busy."""
    return importlib.import_module(f"ntt.backends.{backend}.ports")


@functools.cache
def products_per_ns(backend: str) -> float:
    """Multiplications of one lane in a nanosecond, with all multipliers busy; the best of many."""
    port = _port(backend)
    per_step, steps = int(port.PER_STEP), 20_000
    state = np.ones(per_step, dtype=np.uint64)
    return per_step * steps / _best_ns(lambda: port.multiply(state, steps))


@functools.cache
def bytes_per_ns(size: int) -> float:
    """Bytes loaded and stored in a nanosecond by passes over `size` bytes; the best of many."""
    x = np.zeros(size // 8, dtype=np.uint64)
    times = max(1, (1 << 22) // size)
    return 16 * x.size * times / _best_ns(lambda: ports.pass_over(x, times))


def _best_ns(call: Callable[[], object], rounds: int = 30) -> float:
    call()
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        call()
        best = min(best, time.perf_counter_ns() - begin)
    return best

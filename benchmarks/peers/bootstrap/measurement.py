"""What is measured of another library's bootstrap, and how."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Subject:
    """A library with its bootstrapping keys made.

    parameters: plain data for the results. levels: the rescalings that a refreshed ciphertext
    allows, of `scale_bits` each. refresh: a bootstrap of one ciphertext. reveal: the slots of what
    it returns, and of the ciphertext itself. prepare: makes what is refreshed.
    """

    library: str
    version: str
    N: int
    slots: int
    levels: int
    scale_bits: float
    parameters: dict[str, object]
    keys_s: float
    key_memory_bytes: int
    prepare: Callable[[], object]
    refresh: Callable[[object], object]
    reveal: Callable[[object], np.ndarray]


def measured(subject: Subject, threads: int, repeats: int) -> dict[str, object]:
    """A row of results: `repeats` bootstraps behind one that counts only for its error.

    Bits are those of the largest and of the mean error of a slot's real part, beside the decrypted
    input.
    """
    print(f"{subject.library}: keys made in {subject.keys_s:.0f} s", file=sys.stderr, flush=True)
    seconds, processor, errors = [], [], []
    for _ in range(repeats + 1):
        x = subject.prepare()
        before = subject.reveal(x)
        busy, start = time.process_time(), time.perf_counter()
        refreshed = subject.refresh(x)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
        print(f"{subject.library}: {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
        errors.append(np.abs(subject.reveal(refreshed) - before))
    worst = -math.log2(max(float(np.max(error)) for error in errors))
    best = min(seconds[1:])
    return {
        "library": subject.library,
        "version": subject.version,
        "N": subject.N,
        "slots": subject.slots,
        "levels": subject.levels,
        "scale_bits": subject.scale_bits,
        "threads": threads,
        "best_s": best,
        "cpu_s": min(processor[1:]),
        "median_s": float(np.median(seconds[1:])),
        "repeats": repeats,
        "worst_bits": worst,
        "mean_bits": -math.log2(float(np.mean([np.mean(error) for error in errors]))),
        "keys_s": subject.keys_s,
        "key_memory_bytes": subject.key_memory_bytes,
        "rate": subject.slots * subject.levels * worst / best,
        "peak_rss_bytes": peak_bytes(),
        "parameters": subject.parameters,
    }


def peak_bytes() -> int:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """The resident memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def timed_keys(make: Callable[[], object]) -> tuple[object, float, int]:
    """What `make` returns, its seconds, and by how much resident memory grew."""
    before, start = resident_bytes(), time.perf_counter()
    keys = make()
    return keys, time.perf_counter() - start, max(0, resident_bytes() - before)

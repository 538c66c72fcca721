"""What is measured of another library's bootstrap, and how."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def use_cores(count: int) -> None:
    """Let all threads of this process run on so many of the cores that it began with.

    Not where the system has no such call.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(_CORES)[:count]
        for task in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(task), cores)


_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


class NotMeasuredError(RuntimeError):
    """A library that is installed and cannot be measured here, or not so."""


@dataclass(frozen=True)
class Subject:
    """A library with its bootstrapping keys made.

    parameters: plain data for the results. levels: the rescalings that a refreshed ciphertext
    allows, of `scale_bits` each. refresh: a bootstrap of one ciphertext. reveal: the slots of what
    it returns, and of the ciphertext itself. prepare: makes what is refreshed. limit: computes with
    so many threads from then on, of those that it was set up for.
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
    limit: Callable[[int], None] = use_cores


def measured(subject: Subject, threads: int, repeats: int) -> dict[str, object]:
    """A row of results on so many threads: `repeats` bootstraps behind one that counts only for its
    error.

    Bits are those of the largest and of the mean error of a slot's real part, beside the decrypted
    input.
    """
    print(f"{subject.library}: keys made in {subject.keys_s:.0f} s", file=sys.stderr, flush=True)
    subject.limit(threads)
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


def need_memory(library: str, needed: float) -> None:
    """Raise `NotMeasuredError` where the system says that fewer bytes are available."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = dict(line.split(":") for line in file)
    except OSError:
        return
    available = 1024 * int(found["MemAvailable"].split()[0])
    if available < needed:
        raise NotMeasuredError(
            f"{library} takes {needed / 1e9:.0f} GB of memory, and {available / 1e9:.0f} GB are "
            f"available: take a machine with more, or a smaller ring where it has one"
        )


def timed_keys(make: Callable[[], object]) -> tuple[object, float, int]:
    """What `make` returns, its seconds, and by how much resident memory grew."""
    before, start = resident_bytes(), time.perf_counter()
    keys = make()
    return keys, time.perf_counter() - start, max(0, resident_bytes() - before)

"""Peak memory of a workload, each measured in a process of its own.

What is resident at the peak of an operation, less what was before the set-up: so tables, keys,
ciphertexts, scratch memory, whatever the operation allocates, and the machine code of kernels that
the set-up is the first to use count; the interpreter and imported libraries do not. Linux alone
starts the count of a peak anew on request.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from ntt import threads
from ntt.backends import select

Operations = Mapping[str, Callable[[], object]]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def peak_bytes(workload: Callable[..., Iterator[Operations]], *arguments: object) -> dict[str, int]:
    """The peak of each operation of a workload in bytes, by name; empty elsewhere than on Linux.

    workload: a function of a module. It yields twice: nothing, once it has imported what is not to
    be counted; then the operations, each of which runs twice, the second time measured. It runs
    with the backend and the threads in force.
    """
    if not _CLEAR.exists():
        return {}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        backend, count = select.get_backend(), threads.get_threads()
        return pool.submit(_measure, workload, arguments, backend, count).result()


def add_memory_option(parser: argparse.ArgumentParser) -> None:
    """--memory, the default, and --no-memory."""
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure the peak memory too, each workload in a process of its own (default)",
    )


def in_words(peak: int | None) -> str:
    """A peak for a table: megabytes, or a dash."""
    return "-" if peak is None else f"{peak / 1e6:.1f} MB"


def _measure(
    workload: Callable[..., Iterator[Operations]],
    arguments: tuple[object, ...],
    backend: str,
    count: int,
) -> dict[str, int]:
    select.set_backend(backend)
    threads.set_threads(count)
    steps = workload(*arguments)
    next(steps)
    gc.collect()
    before = _resident("VmRSS")
    peaks = {}
    for name, call in next(steps).items():
        call()
        gc.collect()
        _CLEAR.write_text(_FORGET_PEAK, encoding="ascii")
        call()
        peaks[name] = _resident("VmHWM") - before
    return peaks


def _resident(field: str) -> int:
    """VmRSS, what is resident now, or VmHWM, the most since the peak was forgotten; in bytes."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"{_STATUS} has no line {field}")

"""Peak memory of a workload, each measured in a process of its own.

The peak is the resident memory at the peak of an operation, less the resident memory before the
set-up. So tables, keys, ciphertexts, scratch memory and everything that the operation allocates
count, and so does the machine code of kernels that the set-up uses first; the interpreter and the
imported libraries do not count. Only Linux can reset the peak of a process.
"""

from __future__ import annotations

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
    """The peak of each operation of a workload in bytes, by name; empty on systems without Linux.

    workload: a function of a module, which yields twice. First it yields an empty dictionary, when
    it has imported what is not counted; then it yields the operations. Each operation runs twice,
    and the second run is measured, with the backend and the threads of this process.
    """
    if not _CLEAR.exists():
        return {}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        backend, count = select.get_backend(), threads.get_threads()
        return pool.submit(_measure, workload, arguments, backend, count).result()


def in_words(peak: int | None) -> str:
    """A peak in megabytes, or a dash where there is none."""
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
    """VmRSS, the resident memory now, or VmHWM, its peak since the last reset; in bytes."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"{_STATUS} has no line {field}")

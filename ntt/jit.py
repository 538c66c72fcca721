"""How kernels are compiled: the two decorators, and when a compiled kernel counts as stale.

Numba keeps machine code in ``__pycache__`` beside the source, or in a folder of the user where that
is not writable. It recompiles a kernel when the file of that kernel changes; here a change of any
file whose code may be inlined into the kernel counts too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

inline: Callable[..., Any] = njit(inline="always")


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` without the interpreter's lock or bound checks, and keep the result."""
    compiled = njit(cache=True, nogil=True, boundscheck=False)(function)
    cache_file = compiled._cache._cache_file
    cache_file._source_stamp = (cache_file._source_stamp, _sources_stamp())
    return compiled


@functools.cache
def _sources_stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time of change in nanoseconds and size of every source file of this package."""
    package = Path(__file__).parent
    return tuple(
        (str(path.relative_to(package)), path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(package.rglob("*.py"))
    )

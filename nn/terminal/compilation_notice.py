"""Notices of compilation: the first run on a machine compiles kernels, later runs find them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from numba.core import event

from ntt.terminal import say

_COMPILE = "numba:compile"


@dataclass
class Compilation:
    """The number of kernels compiled so far, and the seconds that they took.

    Kernels from Numba's cache do not count.
    """

    kernels: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def watch_compilation(announce: bool = True) -> Iterator[Compilation]:
    """Count the kernels that are compiled within the block.

    announce: print a line on standard error when the first compilation begins, and a line at the
    end with the number of kernels and the seconds.
    """
    compilation = Compilation()
    with event.install_listener(_COMPILE, _Listener(compilation, announce)):
        yield compilation
    if announce and compilation.kernels:
        say(
            f"Compiled {compilation.kernels} kernels in {compilation.seconds:.1f} s; "
            f"the next run finds them in the cache."
        )


class _Listener(event.Listener):  # type: ignore[misc]  # Numba is not typed
    """A kernel may compile others that it calls: only the outermost event is counted.

    Numba holds a global lock while it compiles, so events do not overlap.
    """

    def __init__(self, compilation: Compilation, announce: bool) -> None:
        self._compilation = compilation
        self._announce = announce
        self._depth = 0
        self._begin = 0.0

    def on_start(self, event: object) -> None:
        if self._depth == 0:
            self._begin = time.perf_counter()
            if self._announce and not self._compilation.kernels:
                say("Compiling kernels for this CPU: once; it may take minutes.")
        self._depth += 1

    def on_end(self, event: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._compilation.kernels += 1
            self._compilation.seconds += time.perf_counter() - self._begin


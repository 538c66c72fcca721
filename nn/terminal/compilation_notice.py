"""Notice of kernels being compiled: the first run on a machine compiles, later ones do not."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from numba.core import event

_COMPILE = "numba:compile"


@dataclass
class Compilation:
    """What was compiled so far: the number of kernels, and the seconds that they took.

    Kernels found in Numba's cache are not counted.
    """

    kernels: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def watch_compilation(announce: bool = True) -> Iterator[Compilation]:
    """Count the kernels that are compiled within the block.

    announce: say so on standard error when the first one begins, and afterwards for how long.
    """
    compilation = Compilation()
    with event.install_listener(_COMPILE, _Listener(compilation, announce)):
        yield compilation
    if announce and compilation.kernels:
        _say(
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
                _say("Compiling kernels for this CPU: once, for about half a minute.")
        self._depth += 1

    def on_end(self, event: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._compilation.kernels += 1
            self._compilation.seconds += time.perf_counter() - self._begin


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

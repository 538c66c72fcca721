"""Caches that let go: bounded by bytes, or as long-lived as the object that they belong to.

`functools.cache` on a method keeps every object that it was ever called on, and a bound on the
number of results bounds no memory where one result takes a kilobyte and another one a megabyte.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

# Reentrant, since a signal handler may call what it interrupts; free while a child is forked.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )

P = ParamSpec("P")
T = TypeVar("T")


def nbytes(result: Any) -> int:
    """The bytes of an array, or of the arrays of a tuple."""
    if isinstance(result, tuple):
        return sum(map(nbytes, result))
    return int(result.nbytes)


def cached_within(
    largest_bytes: int, size: Callable[[Any], int] = nbytes
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep a function's results, the most recently used ones, while they take `largest_bytes`.

    Arguments must be hashable. size: the bytes of one result. A result larger than the bound is
    returned and not kept. `cache_clear()` and `cache_bytes()` are attributes of what is returned.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        held = 0

        @functools.wraps(function)
        def cached(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal held
            key = (args, tuple(sorted(kwargs.items()))) if kwargs else args
            with _lock:
                if key in kept:
                    kept.move_to_end(key)
                    return kept[key][0]
            result = function(*args, **kwargs)
            taken = size(result)
            with _lock:
                if taken <= largest_bytes and key not in kept:
                    kept[key] = result, taken
                    held += taken
                while held > largest_bytes:
                    held -= kept.popitem(last=False)[1][1]
            return result

        def clear() -> None:
            nonlocal held
            with _lock:
                kept.clear()
                held = 0

        cached.cache_clear = clear  # type: ignore[attr-defined]
        cached.cache_bytes = lambda: held  # type: ignore[attr-defined]
        return cached

    return decorate


class Made:
    """What an object has made once for each key. It ends with the object that holds it."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made at the first call. Two threads may both make it; one is kept."""
        try:
            found: T = self._made[key]
        except KeyError:
            found = self._made.setdefault(key, make())
        return found

"""How many requests are let through: in a second by a bucket of tokens for each caller, at once."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from nn.service.wire import Refusal

_MOST_CALLERS = 10_000


class RateLimits:
    """Buckets that fill with time. One thread uses them, that of the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._open: Counter[object] = Counter()

    def take(self, caller: object, a_second: float) -> None:
        """Take one of a caller's requests; raises `Refusal` with status 429 where none is left.

        a_second: how many come to the bucket each second; it holds twice as many.
        """
        now = self._clock()
        most = max(1.0, 2 * a_second)
        left, since = self._buckets.pop(caller, (most, now))
        left = min(most, left + (now - since) * a_second)
        allowed = left >= 1
        self._buckets[caller] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = (1 - left) / a_second
            raise Refusal(
                429, "too_many_requests", f"more than {a_second:g} requests a second", wait
            )

    def open(self, caller: object, at_once: int) -> None:
        """Count a caller's request as open until `close`; raises `Refusal` above `at_once`."""
        if self._open[caller] >= at_once:
            raise Refusal(429, "too_many_at_once", f"{at_once} requests are open", 1.0)
        self._open[caller] += 1

    def close(self, caller: object) -> None:
        """One of a caller's open requests has ended."""
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]

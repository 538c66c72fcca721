"""`Board`: how jobs go, told from the threads of workers to the event loop's listeners."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

Event = dict[str, Any]


class Board:
    """The latest news of jobs that run, and whoever listens to them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: dict[str, set[asyncio.Queue[Event]]] = {}
        self._latest: dict[str, Event] = {}

    def post(self, job_ids: Sequence[str], event: Event, *, is_last: bool = False) -> None:
        """Tell the listeners of jobs the same; any thread may call this.

        is_last: whether the jobs have ended; nothing is remembered of them then.
        """
        with contextlib.suppress(RuntimeError):  # the loop has ended, with all who listen
            self._loop.call_soon_threadsafe(self._deliver, job_ids, event, is_last)

    def latest(self, job_id: str) -> Event | None:
        """The last event of a job that runs."""
        return self._latest.get(job_id)

    @contextlib.contextmanager
    def listening(self, job_id: str) -> Iterator[asyncio.Queue[Event]]:
        """The events of a job from now on."""
        events: asyncio.Queue[Event] = asyncio.Queue()
        self._listeners.setdefault(job_id, set()).add(events)
        try:
            yield events
        finally:
            listeners = self._listeners[job_id]
            listeners.discard(events)
            if not listeners:
                del self._listeners[job_id]

    def _deliver(self, job_ids: Sequence[str], event: Event, is_last: bool) -> None:
        for job_id in job_ids:
            if is_last:
                self._latest.pop(job_id, None)
            else:
                self._latest[job_id] = event
            for listener in self._listeners.get(job_id, ()):
                listener.put_nowait(event)

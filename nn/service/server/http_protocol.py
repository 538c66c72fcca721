"""HTTP that waits for no part of a request or of an answer longer than for a part of a body."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def http_protocol(idle_s: float) -> type[H11Protocol]:
    """Uvicorn's protocol; it closes a connection on which one of these takes so many seconds:

    - the head of the next request;
    - the rest of a body that nobody wants, as the request is answered already;
    - a part of an answer, none of which the other side reads.

    Uvicorn has such a limit only for connections on which nothing comes at all.
    """

    class Protocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _reader_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            # So that `pause_writing` tells of unsent bytes. Under TLS a limit of 0 is never left.
            transport.set_write_buffer_limits(high=1, low=0)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
                self._end_wait()
            elif self._timer is None:
                self._wait()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._reader_timer is None:
                self._wait_for_reader()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._end_wait_for_reader()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_wait()
            self._end_wait_for_reader()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._timer = self.loop.call_later(idle_s, self.transport.abort)

        def _end_wait(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _wait_for_reader(self) -> None:
            unsent = self._unsent
            self._reader_timer = self.loop.call_later(idle_s, self._look_at_reader, unsent)

        def _look_at_reader(self, unsent: int) -> None:
            if self._unsent >= unsent:
                self.transport.abort()
            else:
                self._wait_for_reader()

        def _end_wait_for_reader(self) -> None:
            if self._reader_timer is not None:
                self._reader_timer.cancel()
                self._reader_timer = None

        @property
        def _unsent(self) -> int:
            size: int = self.transport.get_write_buffer_size()
            return size

    return Protocol

"""`Worker`: what the dispatcher knows of workers; and workers that are local processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from nn.service.server.runner import CancelledError, Outcome, Work
from nn.service.server.worker_process import serve
from nn.service.wire import Refusal

Stage = Callable[[str], None]
"""Is told the name of the stage that begins."""

_POLL_S = 0.2
_STOP_S = 5.0


class WorkerLostError(Exception):
    """The worker died, or took too long. What it ran is to be run again."""


class Worker(Protocol):
    """Runs one group of jobs at a time."""

    def start(self) -> None:
        """Start, or start again, and return when the models were tried.

        Raises `WorkerLostError` where that fails.
        """

    def run(self, work: Work, on_stage: Stage, is_cancelled: Callable[[], bool]) -> list[Outcome]:
        """The outcome of each job of the work.

        is_cancelled: asked from time to time; the run ends early with `CancelledError` once it says
        so. Raises `Refusal` for keys that do not serve, and `WorkerLostError`.
        """

    def forget(self, serial: int) -> None:
        """Drop keys from memory; between runs only."""

    def stop(self) -> None:
        """End the worker, whatever it does. Any thread may call this."""


class ProcessWorker:
    """A worker in a process of this machine.

    folders: of the models. memory_bytes: for loaded keys. run_s: the longest run, in seconds.
    """

    def __init__(
        self, folders: Sequence[Path], memory_bytes: int, threads: int, run_s: float
    ) -> None:
        self._arguments = (list(folders), memory_bytes, threads)
        self._run_s = run_s
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    @property
    def process_id(self) -> int | None:
        """The id of the process; None before it starts."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """`Worker.start`."""
        self.stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, *self._arguments), name="worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self._connection = ours
        kind, content = self._receive()
        if kind != "ready":
            raise WorkerLostError(f"the worker cannot run the models: {content}")

    def run(self, work: Work, on_stage: Stage, is_cancelled: Callable[[], bool]) -> list[Outcome]:
        """`Worker.run`."""
        self._send(("run", work))
        begin, told = time.monotonic(), False
        while True:
            if self._connection is not None and self._may_receive():
                kind, content = self._receive()
                if kind == "done":
                    outcomes: list[Outcome] = content
                    return outcomes
                if kind == "refused":
                    assert isinstance(content, Refusal)
                    raise content
                if kind == "cancelled":
                    raise CancelledError
                if kind == "lost":
                    raise WorkerLostError(content)
                on_stage(content)
            elif not told and is_cancelled():
                self._send(("cancel", None))
                told = True
            elif time.monotonic() - begin > self._run_s:
                self.stop()
                raise WorkerLostError(f"a run took more than {self._run_s:g} s")

    def forget(self, serial: int) -> None:
        """`Worker.forget`."""
        self._send(("forget", serial))

    def stop(self) -> None:
        """`Worker.stop`."""
        process = self._process
        if process is None or process.pid is None:
            return
        process.terminate()
        process.join(_STOP_S)
        if process.is_alive():
            process.kill()
            process.join()

    def _may_receive(self) -> bool:
        assert self._connection is not None
        try:
            return self._connection.poll(_POLL_S)
        except OSError as error:
            raise WorkerLostError("the worker's process died") from error

    def _send(self, message: tuple[str, Any]) -> None:
        assert self._connection is not None
        try:
            self._connection.send(message)
        except OSError as error:
            raise WorkerLostError("the worker's process died") from error

    def _receive(self) -> tuple[str, Any]:
        assert self._connection is not None
        try:
            message: tuple[str, Any] = self._connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerLostError("the worker's process died") from error
        return message

"""The process of a worker: it receives work through a pipe and sends back how the work goes."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nn.service.server.runner import CancelledError, Runner, Work
from nn.service.wire import Refusal


def serve(connection: Connection, folders: Sequence[Path], memory_bytes: int, threads: int) -> None:
    """Try the models, then run what comes through the pipe until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when its workers end
    try:
        runner = Runner(folders, memory_bytes, threads)
        runner.try_models()
    except Exception as error:
        connection.send(("failed", f"{type(error).__name__}: {error}"))
        return
    try:
        connection.send(("ready", None))
        while True:
            kind, content = connection.recv()
            if kind == "forget":
                runner.forget(content)
            elif kind == "run":
                connection.send(_run(runner, content, connection))
    except (EOFError, OSError):
        return  # the service is gone


def _run(runner: Runner, work: Work, connection: Connection) -> tuple[str, Any]:
    try:
        return "done", runner.run(work, _Stages(connection) if work.images else False)
    except Refusal as refusal:
        return "refused", refusal
    except CancelledError:
        return "cancelled", None


class _Stages:
    """Tells the service which stage begins, and asks whether the work is still wanted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, stage: str) -> None:
        """Send the stage's name."""
        if self._connection.poll() and self._connection.recv()[0] == "cancel":
            raise CancelledError
        self._connection.send(("stage", stage))

    def advance(self) -> None:
        """Nothing is sent for an image."""

    def done(self, level: int) -> None:
        """Nothing is sent at the end of a stage."""

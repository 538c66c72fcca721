"""Workers that are Ray actors, on the machines of a cluster.

Ray places the actors, moves bytes to them, and says when one is lost. Every machine needs this
project installed. An actor keeps the models, and the keys that it used, where it runs.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nn.errors import MissingPackageError, NetworkError
from nn.service.server.runner import CancelledError, Outcome, Runner, Work
from nn.service.server.workers import Stage, WorkerLostError
from nn.service.wire import Refusal

_POLL_S = 0.2
_START_S = 600.0
_AT_ONCE = 2  # calls to an actor: a run, and questions about the run

Files = Mapping[str, Mapping[str, bytes]]
"""For each model the content of each file of its folder."""


def connect(address: str) -> int:
    """Connect this process to a cluster; the number of its processors.

    Raises `MissingPackageError` where Ray is not installed, `NetworkError` where no cluster is.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("ray is missing: pip install 'he-accel[ray]'") from error
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
        return int(ray.cluster_resources().get("CPU", 1))
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise NetworkError(f"no Ray cluster answers at {address}: {error}") from error


class RayWorker:
    """A worker in an actor of the cluster that `connect` found.

    folders: of the models. memory_bytes: for loaded keys. run_s: the longest run, in seconds.
    """

    def __init__(
        self, folders: Sequence[Path], memory_bytes: int, threads: int, run_s: float
    ) -> None:
        self._folders = list(folders)
        self._memory_bytes, self._threads, self._run_s = memory_bytes, threads, run_s
        self._actor: Any = None

    def start(self) -> None:
        """`Worker.start`."""
        import ray

        self.stop()
        options: Any = {"num_cpus": self._threads, "max_concurrency": _AT_ONCE, "max_restarts": 0}
        try:
            files = {folder.name: _read(folder) for folder in self._folders}
            made: Any = ray.remote(**options)
            self._actor = made(Actor).remote(ray.put(files), self._memory_bytes, self._threads)
            ray.get(self._actor.ready.remote(), timeout=_START_S)
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise WorkerLostError(_told(error)) from error

    def run(self, work: Work, on_stage: Stage, is_cancelled: Callable[[], bool]) -> list[Outcome]:
        """`Worker.run`."""
        import ray

        try:
            return self._run(work, on_stage, is_cancelled)
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise WorkerLostError(_told(error)) from error

    def forget(self, serial: int) -> None:
        """`Worker.forget`."""
        import ray

        try:
            ray.get(self._actor.forget.remote(serial))
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise WorkerLostError(_told(error)) from error

    def stop(self) -> None:
        """`Worker.stop`."""
        import ray

        if self._actor is not None and ray.is_initialized():
            ray.kill(self._actor)
        self._actor = None

    def _run(self, work: Work, on_stage: Stage, is_cancelled: Callable[[], bool]) -> list[Outcome]:
        import ray

        actor = self._actor
        is_there = ray.get(actor.holds.remote(work.serial))
        pending = actor.run.remote(work.in_bytes(with_keys=not is_there))
        begin, told, is_asked = time.monotonic(), 0, False
        while True:
            done, _ = ray.wait([pending], timeout=_POLL_S)
            stages = ray.get(actor.stages.remote())
            for name in stages[told:]:
                on_stage(name)
            told = len(stages)
            if done:
                break
            if not is_asked and is_cancelled():
                actor.cancel.remote()
                is_asked = True
            if time.monotonic() - begin > self._run_s:
                self.stop()
                raise WorkerLostError(f"a run took more than {self._run_s:g} s")
        kind, content = ray.get(pending)
        if kind == "refused":
            assert isinstance(content, Refusal)
            raise content
        if kind == "cancelled":
            raise CancelledError
        outcomes: list[Outcome] = content
        return outcomes


class Actor:
    """What runs on a machine of the cluster: a `Runner`, and how its run goes.

    It is also a `StageProgress`.
    """

    def __init__(self, models: Files, memory_bytes: int, threads: int) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="he-accel-")
        root = Path(self._place.name)
        for name, files in models.items():
            for path, content in files.items():
                file = root / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        self._runner = Runner([root / name for name in models], memory_bytes, threads)
        self._runner.try_models()
        self._stages: list[str] = []
        self._cancelled = threading.Event()

    def ready(self) -> bool:
        """Whether the actor has tried its models: an actor answers nothing before."""
        return True

    def holds(self, serial: int) -> bool:
        """Whether the keys are in memory; called before a run, it also begins the run's record."""
        self._stages = []
        self._cancelled.clear()
        return serial in self._runner.loaded

    def run(self, work: Work) -> tuple[str, Any]:
        """How a run ended, and its outcomes or refusal."""
        try:
            return "done", self._runner.run(work, self if work.images else False)
        except Refusal as refusal:
            return "refused", refusal
        except CancelledError:
            return "cancelled", None

    def stages(self) -> list[str]:
        """The stages that the run has begun."""
        return list(self._stages)

    def cancel(self) -> None:
        """End the run before its next stage."""
        self._cancelled.set()

    def forget(self, serial: int) -> None:
        """Drop keys from memory."""
        self._runner.forget(serial)

    def start(self, stage: str) -> None:
        """A stage begins."""
        if self._cancelled.is_set():
            raise CancelledError
        self._stages.append(stage)

    def advance(self) -> None:
        """Nothing is told of an image."""

    def done(self, level: int) -> None:
        """Nothing is told of the end of a stage."""


def _read(folder: Path) -> dict[str, bytes]:
    """The content of each file in a folder, by its path there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"

"""`Service`: the parts of a service put together, without HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from nn.errors import NetworkError
from nn.service.server.audit import AuditLog
from nn.service.server.board import Board
from nn.service.server.database import FILE, Database
from nn.service.server.disk import Disk
from nn.service.server.dispatcher import Dispatcher
from nn.service.server.jobs import Job, JobStore
from nn.service.server.keys import KeyStore, StoredKeys
from nn.service.server.metrics import Metrics
from nn.service.server.models import Models
from nn.service.server.rate_limits import RateLimits
from nn.service.server.settings import Settings
from nn.service.server.tenants import Tenants
from nn.service.server.workers import ProcessWorker, Worker
from nn.service.wire import JobState

AUDIT, LOCK = "audit.log", "lock"
_SWEEP_S = 60.0
_RUN_S = 3600.0
_MIB = 1 << 20


class Service:
    """Everything that the endpoints use. One process serves a data folder at a time.

    workers: by default processes, as the settings say. Raises `NetworkError` for a folder without
    models, one that another service uses, or one of a newer release, and `OSError` for one that
    cannot be written.
    """

    def __init__(self, settings: Settings, workers: Sequence[Worker] | None = None) -> None:
        self.settings = settings
        data = settings.data
        self._lock = _locked(data)
        self.models = Models(data)
        if not self.models.all:
            raise NetworkError(f"{data} has no models: publish one with `python -m nn serve`")
        self._workers = make_workers(settings, self.models) if workers is None else workers
        self.database = Database(data / FILE)
        self.disk = Disk(data, settings.reserve_bytes)
        self.tenants = Tenants(self.database)
        self.keys = KeyStore(data, self.database, self.disk)
        self.jobs = JobStore(data, self.database, self.disk)
        self.audit = AuditLog(data / AUDIT)
        self.rates = RateLimits()
        self.metrics = Metrics()
        self._stopped = threading.Event()
        self._uploads: set[int] = set()
        self.board: Board
        self.dispatcher: Dispatcher

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the workers, and the jobs that were accepted before."""
        self.board = Board(loop)
        self.dispatcher = dispatcher = Dispatcher(
            self._workers,
            self.keys,
            self.jobs,
            self.board,
            self.metrics,
            group=self.settings.group,
            attempts=self.settings.attempts,
        )
        watch = self.metrics.watch
        watch("he_waiting", "Jobs that wait", lambda: dispatcher.waiting)
        watch("he_workers_ready", "Workers that run", lambda: dispatcher.ready_workers)
        watch("he_free_bytes", "Free bytes of the disk", lambda: self.disk.free_bytes)
        watch("he_audit_lines_lost", "Lines of the audit log", lambda: self.audit.lost)
        dispatcher.start()
        threading.Thread(target=self._sweep_often, name="sweeper", daemon=True).start()

    def stop(self) -> None:
        """End the workers and close the files. Accepted jobs stay accepted."""
        self._stopped.set()
        self.dispatcher.stop()
        self.database.close()
        self.audit.close()
        self._lock.close()

    @property
    def workers(self) -> int:
        """How many workers there are, ready or not."""
        return len(self._workers)

    def new_job_id(self) -> str:
        """A fresh id, which nobody can guess."""
        return secrets.token_hex(16)

    @contextlib.contextmanager
    def uploading(self, keys: StoredKeys) -> Iterator[bool]:
        """Whether this is the only upload to these keys now; the event loop's thread uses it."""
        if keys.serial in self._uploads:
            yield False
            return
        self._uploads.add(keys.serial)
        try:
            yield True
        finally:
            self._uploads.discard(keys.serial)

    def delete_keys(self, keys: StoredKeys) -> None:
        """Delete keys here, and in the memory of the workers."""
        self.keys.delete(keys)
        self.dispatcher.forget(keys.serial)

    def state_of(self, job: Job) -> JobState:
        """The state of a job, with what the database does not know: that it runs."""
        if job.state is JobState.QUEUED and self.dispatcher.is_running(job):
            return JobState.RUNNING
        return job.state

    def sweep(self) -> None:
        """Delete what is kept no longer."""
        settings = self.settings
        for keys in self.keys.expired(settings.uploads_s, settings.keys_s):
            self.delete_keys(keys)
            self.audit.write("keys expired", str(keys.tenant), keys=keys.id)
        for job in self.jobs.expired(settings.answers_s):
            self.jobs.delete(job)

    def _sweep_often(self) -> None:
        while not self._stopped.wait(_SWEEP_S):
            with contextlib.suppress(Exception):  # the next sweep tries again
                self.sweep()


def make_workers(settings: Settings, models: Models) -> list[Worker]:
    """The workers that the settings ask for."""
    folders = [model.folder for model in models.all]
    if isinstance(settings.workers, str):
        from nn.service.server.ray_workers import RayWorker, connect

        kind: Callable[..., Worker] = RayWorker
        processors = connect(settings.workers)
        count = settings.ray_workers or max(1, processors // settings.threads)
    else:
        kind, count = ProcessWorker, settings.workers
    memory = settings.memory_bytes // count
    _check_memory(memory, count, models)
    return [kind(folders, memory, settings.threads, _RUN_S) for _ in range(count)]


def _check_memory(memory_bytes: int, workers: int, models: Models) -> None:
    """Raise `NetworkError` where a worker's share of the budget has no room for one set of keys."""
    model = max(models.all, key=lambda one: one.plan.key_memory_bytes)
    needed = model.plan.key_memory_bytes
    if memory_bytes < needed:
        raise NetworkError(
            f"the keys of one client of {model.name} take {needed} bytes in a worker, and each of "
            f"{workers} workers may hold {memory_bytes}: allow {-(-workers * needed // _MIB)} MiB "
            f"(--memory), or have fewer workers (--workers)"
        )


def _locked(data: Path) -> IO[str]:
    """The lock of a data folder; it ends with the process."""
    file = (data / LOCK).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise NetworkError(f"another service uses {data}: stop that service first") from None
    with contextlib.suppress(OSError):  # the number is for people; a full disk has no room for it
        file.write(f"{os.getpid()}\n")
        file.flush()
    return file

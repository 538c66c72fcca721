"""`Dispatcher`: hands groups of jobs to workers, and stores what comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from nn.service.server.board import Board
from nn.service.server.disk import is_full
from nn.service.server.fair_queue import FairQueue, Ticket
from nn.service.server.jobs import Job, JobStore
from nn.service.server.keys import KeyStore, StoredKeys
from nn.service.server.metrics import Metrics
from nn.service.server.runner import CancelledError, Outcome, Work
from nn.service.server.workers import Worker, WorkerLostError
from nn.service.wire import JobState, Refusal
from ntt.terminal import say

_PAUSE_S = 1.0


@dataclass
class _Entry:
    """A ticket's job, or the keys that are to be checked."""

    ticket: Ticket
    job: Job | None = None
    check: Future[None] = field(default_factory=Future)
    attempts: int = 0
    since: float = field(default_factory=time.monotonic)
    is_cancelled: bool = False


class Dispatcher:
    """One thread for each worker; each takes from the fair queue.

    group: the most images of a group. attempts: how often a job whose worker dies is run.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        keys: KeyStore,
        jobs: JobStore,
        board: Board,
        metrics: Metrics,
        *,
        group: int,
        attempts: int,
    ) -> None:
        self._workers = workers
        self._keys, self._jobs, self._board, self._metrics = keys, jobs, board, metrics
        self._group, self._attempts = group, attempts
        self._queue = FairQueue()
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._to_forget: list[set[int]] = [set() for _ in workers]
        self._ready = 0
        self._stopping = False
        self.failure: str | None = None
        self._storing = ThreadPoolExecutor(len(workers) or 1, thread_name_prefix="storing")
        self._threads = [
            threading.Thread(target=self._serve, args=(index,), name=f"worker {index}", daemon=True)
            for index in range(len(workers))
        ]

    @property
    def ready_workers(self) -> int:
        """How many workers have tried their models and run."""
        return self._ready

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return len(self._queue)

    def start(self) -> None:
        """Start all workers, and run first what a service before this one had accepted."""
        for job in self._jobs.waiting():
            self.submit(job)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all workers. What runs stays accepted; the next service runs it."""
        self._stopping = True
        self._queue.close()
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._storing.shutdown()

    def submit(self, job: Job) -> None:
        """Run an accepted job; a job that waits or runs is left alone."""
        ticket = Ticket(job.id, job.tenant, job.keys, job.plan, job.images)
        with self._lock:
            if job.id in self._entries:
                return
            self._entries[job.id] = _Entry(ticket, job)
        self._queue.put(ticket)

    def check(self, keys: StoredKeys) -> Future[None]:
        """Whether uploaded keys serve their plan: the future's error is a `Refusal` if not."""
        name = f"keys {keys.serial}"
        with self._lock:
            entry = self._entries.get(name)
            if entry is not None:
                return entry.check
            ticket = Ticket(name, keys.tenant, keys.serial, keys.plan, 1, alone=True)
            entry = self._entries[name] = _Entry(ticket)
        self._queue.put(ticket, first=True)
        return entry.check

    def cancel(self, job: Job) -> None:
        """Take a cancelled job out of the queue, or end its run when no other job shares it."""
        ticket = self._queue.remove(job.id)
        with self._lock:
            entry = self._entries.get(job.id)
            if entry is not None:
                entry.is_cancelled = True
            if ticket is not None:
                self._entries.pop(job.id, None)
        event = {"event": JobState.CANCELLED.value}
        self._board.post([job.id], event, is_last=True)
        self._metrics.jobs.labels(JobState.CANCELLED).inc()

    def forget(self, serial: int) -> None:
        """Drop deleted keys from the memory of all workers before each runs anything else."""
        with self._lock:
            for serials in self._to_forget:
                serials.add(serial)
            waiting = [e.job for e in self._entries.values() if e.job and e.job.keys == serial]
        for job in waiting:
            if self._queue.remove(job.id) is not None:
                self._refuse(job, Refusal(409, "key_deleted", "the job's keys were deleted"))
        for index in range(len(self._workers)):  # so that idle workers forget too
            self._queue.put(Ticket(f"forget {serial} {index}", 0, serial, "", 0, alone=True))

    def is_running(self, job: Job) -> bool:
        """Whether a worker has the job."""
        return self._board.latest(job.id) is not None

    def _serve(self, index: int) -> None:
        worker = self._workers[index]
        is_up = False
        while not self._stopping:
            if not is_up:
                is_up = self._started(worker)
                continue
            tickets = self._queue.take(self._group)
            if tickets is None:
                return
            try:
                self._forget(index, worker)
                self._run_group(worker, tickets)
            except WorkerLostError as error:
                is_up = False
                self._count_ready(-1)
                if not self._stopping:
                    self._metrics.restarts.inc()
                    say(f"a worker is lost ({error}); it is started again")
                    self._again(tickets, str(error))
            except Exception as error:  # a defect: it ends these jobs, and no others
                say(f"a group of jobs failed: {type(error).__name__}: {error}")
                self._fail(tickets, Refusal(500, "internal", "the service failed at this job"))

    def _started(self, worker: Worker) -> bool:
        try:
            worker.start()
        except Exception as error:  # the system may refuse a process, too
            if not self._stopping:
                self.failure = str(error)
                say(f"a worker does not start: {error}")
                time.sleep(_PAUSE_S)
            return False
        self.failure = None
        self._count_ready(1)
        return True

    def _count_ready(self, more: int) -> None:
        with self._lock:
            self._ready += more

    def _forget(self, index: int, worker: Worker) -> None:
        with self._lock:
            serials, self._to_forget[index] = self._to_forget[index], set()
        for serial in serials:
            worker.forget(serial)

    def _run_group(self, worker: Worker, tickets: list[Ticket]) -> None:
        with self._lock:
            entries = [self._entries[t.id] for t in tickets if t.id in self._entries]
        if not entries:
            return
        keys = self._keys.of_serial(entries[0].ticket.keys)
        jobs = [entry.job for entry in entries if entry.job is not None]
        if keys is None:
            gone = Refusal(409, "key_deleted", "the keys were deleted")
            for entry in entries:
                self._end_entry(entry, gone)
            return
        if not jobs:
            self._check_keys(worker, entries[0], keys)
            return
        for entry in entries:
            self._metrics.waiting_s.observe(time.monotonic() - entry.since)
        names = [job.id for job in jobs]
        self._board.post(names, {"event": JobState.RUNNING.value})
        images = tuple(map(self._jobs.images_file, names))
        work = Work(keys.plan, keys.serial, keys.id, self._keys.file(keys), images)
        begin = time.monotonic()

        def on_stage(name: str) -> None:
            self._board.post(names, {"event": "layer", "name": name})

        try:
            outcomes = worker.run(
                work, on_stage, lambda: all(entry.is_cancelled for entry in entries)
            )
        except CancelledError:
            outcomes = [Refusal(409, "cancelled", "the job was cancelled") for _ in jobs]
        except Refusal as refusal:
            outcomes = [refusal for _ in jobs]
        self._metrics.running_s.observe(time.monotonic() - begin)
        self._storing.submit(self._store, list(zip(entries, outcomes, strict=True)))

    def _check_keys(self, worker: Worker, entry: _Entry, keys: StoredKeys) -> None:
        work = Work(keys.plan, keys.serial, keys.id, self._keys.upload_file(keys))
        try:
            worker.run(work, lambda name: None, lambda: False)
        except Refusal as refusal:
            self._end_entry(entry, refusal)
            return
        self._drop(entry)
        entry.check.set_result(None)

    def _store(self, ended: list[tuple[_Entry, Outcome]]) -> None:
        """Store answers, while the worker runs on; with no room for them, let the jobs wait."""
        answers: list[tuple[_Entry, Job, bytes]] = []
        for entry, outcome in ended:
            if isinstance(outcome, Refusal):
                self._end_entry(entry, outcome)
            elif entry.job is not None:
                answers.append((entry, entry.job, outcome))
        try:
            done = self._jobs.finish([(job, answer) for _, job, answer in answers])
        except Exception as error:
            self._not_stored([entry for entry, _, _ in answers], error)
            return
        for (entry, _, _), is_done in zip(answers, done, strict=True):
            self._drop(entry)
            if is_done:
                self._metrics.jobs.labels(JobState.DONE).inc()
                self._metrics.images.inc(entry.ticket.images)
        names = [job.id for (_, job, _), is_done in zip(answers, done, strict=True) if is_done]
        self._board.post(names, {"event": JobState.DONE.value}, is_last=True)

    def _not_stored(self, entries: list[_Entry], error: Exception) -> None:
        if not is_full(error):
            say(f"answers are not stored: {error}")
            for entry in entries:
                self._end_entry(entry, Refusal(500, "not_stored", "the answer is not stored"))
            return
        say("the disk is full: answers wait for room")
        time.sleep(_PAUSE_S)
        if not self._stopping:
            for entry in entries:
                self._queue.put(entry.ticket)

    def _again(self, tickets: list[Ticket], reason: str) -> None:
        """Queue what a lost worker ran again, unless that happened too often."""
        with self._lock:
            entries = [self._entries[t.id] for t in tickets if t.id in self._entries]
        for entry in entries:
            entry.attempts += 1
            if entry.attempts < self._attempts:
                self._queue.put(entry.ticket, first=True)
            else:
                message = f"{entry.attempts} workers were lost: {reason}"
                self._end_entry(entry, Refusal(500, "worker_lost", message))

    def _fail(self, tickets: list[Ticket], refusal: Refusal) -> None:
        with self._lock:
            entries = [self._entries[t.id] for t in tickets if t.id in self._entries]
        for entry in entries:
            self._end_entry(entry, refusal)

    def _end_entry(self, entry: _Entry, refusal: Refusal) -> None:
        self._drop(entry)
        if entry.job is None:
            entry.check.set_exception(refusal)
        else:
            self._refuse(entry.job, refusal)

    def _refuse(self, job: Job, refusal: Refusal) -> None:
        """Say that a job cannot be done; where the disk has no room for that, say it later."""
        with self._lock:
            self._entries.pop(job.id, None)
        try:
            is_new = self._jobs.fail(job, refusal.code, refusal.message)
        except Exception as error:  # the database is closed, or cannot be written now
            if not self._stopping:
                say(f"the end of a job waits to be written: {error}")
                later = threading.Timer(_PAUSE_S, self._refuse, (job, refusal))
                later.daemon = True
                later.start()
            return
        if is_new:
            self._metrics.jobs.labels(JobState.FAILED).inc()
            event = {"event": JobState.FAILED.value, "code": refusal.code}
            self._board.post([job.id], event | {"message": refusal.message}, is_last=True)

    def _drop(self, entry: _Entry) -> None:
        with self._lock:
            self._entries.pop(entry.ticket.id, None)
        if entry.is_cancelled:  # the layers that ran since are not its news any more
            event = {"event": JobState.CANCELLED.value}
            self._board.post([entry.ticket.id], event, is_last=True)

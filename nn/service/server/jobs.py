"""Jobs of tenants: rows of the database, and a file for the images and one for the answer.

The images are on the disk before the row says that the job is accepted, and the answer before the
row says that the job is done. That a job runs is in no row: after a restart it is run again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nn.service.server.database import Database
from nn.service.server.disk import PART, Disk, put_in_place, sync_folder, write_whole
from nn.service.server.keys import StoredKeys, check_stored_bytes
from nn.service.server.settings import too_many
from nn.service.server.tenants import Tenant
from nn.service.wire import JobState, Refusal

FOLDER = "jobs"
MOST_LISTED = 1000
_DAY_S = 86400


@dataclass(frozen=True)
class Job:
    """A tenant's encrypted images, and what became of them. keys: the serial number of the keys."""

    id: str
    tenant: int
    keys: int
    plan: str
    request: str
    images: int
    state: JobState
    code: str
    message: str
    created: float


class JobStore:
    """The jobs in a data folder."""

    def __init__(self, data: Path, database: Database, disk: Disk) -> None:
        self._folder = data / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._database = database
        self._disk = disk
        self._remove_strays()

    def images_file(self, job_id: str) -> Path:
        """Where the encrypted images of a job lie."""
        return self._folder / f"{job_id}.images"

    def upload_file(self, job_id: str) -> Path:
        """Where the images lie while they arrive."""
        return self._folder / f"{job_id}.images{PART}"

    def answer_file(self, job_id: str) -> Path:
        """Where the encrypted answer of a job lies."""
        return self._folder / f"{job_id}.answer"

    def check_room(self, size: int) -> None:
        """Raise `Refusal` where the disk has no room for a job of so many bytes."""
        self._disk.check(size)

    def accept(
        self, job_id: str, tenant: Tenant, keys: StoredKeys, request: str, images: int, size: int
    ) -> Job:
        """Accept a job whose images are on the disk in `upload_file`; it then survives anything.

        A request that was accepted before is the earlier job. Raises `Refusal` for keys that are
        gone and for a quota that is used up.
        """
        now = time.time()
        put_in_place(self.upload_file(job_id), self.images_file(job_id))

        def write(connection: sqlite3.Connection) -> Job:
            row = connection.execute(
                "SELECT * FROM jobs WHERE tenant = ? AND request = ?", (tenant.id, request)
            ).fetchone()
            if row is not None:
                return _job_of(row)
            if not connection.execute(
                "SELECT 1 FROM keys WHERE serial = ?", (keys.serial,)
            ).fetchone():
                raise Refusal(404, "unknown_key", "the keys were deleted meanwhile")
            _use_quotas(connection, tenant, images, size, now)
            row = connection.execute(
                "INSERT INTO jobs (id, tenant, keys, plan, request, images, bytes, state, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    job_id, tenant.id, keys.serial, keys.plan, request, images, size,
                    JobState.QUEUED, now,
                ),
            ).fetchone()  # fmt: skip
            return _job_of(row)

        try:
            job: Job = self._database.write(write)
        except BaseException:
            self.images_file(job_id).unlink(missing_ok=True)
            raise
        if job.id != job_id:
            self.images_file(job_id).unlink(missing_ok=True)
        return job

    def of_request(self, tenant: Tenant, request: str) -> Job | None:
        """The job of a request that was accepted before."""
        rows = self._database.read(
            "SELECT * FROM jobs WHERE tenant = ? AND request = ?", tenant.id, request
        )
        return _job_of(rows[0]) if rows else None

    def find(self, tenant: Tenant, job_id: str) -> Job:
        """A tenant's job; raises `Refusal` for an id that is not among the tenant's."""
        rows = self._database.read(
            "SELECT * FROM jobs WHERE tenant = ? AND id = ?", tenant.id, job_id
        )
        if not rows:
            raise Refusal(404, "unknown_job", "you have no job of this id")
        return _job_of(rows[0])

    def of_tenant(self, tenant: Tenant) -> list[Job]:
        """The newest jobs of a tenant, as many as one answer lists, the oldest first."""
        rows = self._database.read(
            "SELECT * FROM jobs WHERE tenant = ? ORDER BY created DESC LIMIT ?",
            tenant.id,
            MOST_LISTED,
        )
        return [_job_of(row) for row in reversed(rows)]

    def waiting(self) -> list[Job]:
        """All jobs that are accepted and not finished, the oldest first."""
        rows = self._database.read(
            "SELECT * FROM jobs WHERE state = ? ORDER BY created", JobState.QUEUED
        )
        return [_job_of(row) for row in rows]

    def finish(self, answers: Sequence[tuple[Job, bytes]]) -> list[bool]:
        """Store the answers of jobs, and say that the jobs are done; False for a cancelled one.

        Raises `OSError` or `sqlite3.OperationalError` where there is no room for all answers; then
        none is done.
        """
        for job, answer in answers:
            write_whole(self.answer_file(job.id), answer)
        sync_folder(self._folder)
        endings = [_ending(job, JobState.DONE, answer_bytes=len(answer)) for job, answer in answers]
        # In one transaction: jobs of which some are done and all run again would lose answers.
        done: list[bool] = self._database.write(
            lambda connection: [ending(connection) for ending in endings]
        )
        for (job, _), is_done in zip(answers, done, strict=True):
            unwanted = self.images_file if is_done else self.answer_file
            unwanted(job.id).unlink(missing_ok=True)
        return done

    def fail(self, job: Job, code: str, message: str) -> bool:
        """Say that a job cannot be done; False for one that had ended before."""
        return self._end(job, JobState.FAILED, code, message)

    def cancel(self, job: Job) -> bool:
        """Say that a job is not wanted any more; False for one that had ended before."""
        return self._end(job, JobState.CANCELLED, "cancelled", "the job was cancelled")

    def delete(self, job: Job) -> None:
        """Forget a job that has ended."""
        self._database.write(
            lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
        )
        self.answer_file(job.id).unlink(missing_ok=True)
        self.images_file(job.id).unlink(missing_ok=True)

    def expired(self, answers_s: float) -> list[Job]:
        """Jobs that ended so many seconds ago."""
        rows = self._database.read("SELECT * FROM jobs WHERE finished < ?", time.time() - answers_s)
        return [_job_of(row) for row in rows]

    def _end(self, job: Job, state: JobState, code: str, message: str) -> bool:
        ended: bool = self._database.write(_ending(job, state, code, message))
        if ended:
            self.images_file(job.id).unlink(missing_ok=True)
        return ended

    def _remove_strays(self) -> None:
        """Delete files that belong to no row, or to none in that state."""
        states = {
            row["id"]: JobState(row["state"])
            for row in self._database.read("SELECT id, state FROM jobs")
        }
        wanted = {
            JobState.QUEUED: self.images_file,
            JobState.DONE: self.answer_file,
        }
        for path in self._folder.iterdir():
            job_id = path.name.partition(".")[0]
            place = wanted.get(states.get(job_id, JobState.CANCELLED))
            if place is None or path != place(job_id):
                path.unlink()


def _ending(
    job: Job, state: JobState, code: str = "", message: str = "", answer_bytes: int = 0
) -> Callable[[sqlite3.Connection], bool]:
    """A write that ends a job; its result is False for a job that had ended before."""

    def write(connection: sqlite3.Connection) -> bool:
        changed = connection.execute(
            "UPDATE jobs SET state = ?, code = ?, message = ?, bytes = 0, answer_bytes = ?, "
            "finished = ? WHERE id = ? AND state = ?",
            (state, code, message, answer_bytes, time.time(), job.id, JobState.QUEUED),
        )
        return changed.rowcount == 1

    return write


def _use_quotas(
    connection: sqlite3.Connection, tenant: Tenant, images: int, size: int, now: float
) -> None:
    open_jobs = connection.execute(
        "SELECT count(*) FROM jobs WHERE tenant = ? AND state = ?", (tenant.id, JobState.QUEUED)
    ).fetchone()[0]
    if open_jobs >= tenant.quota.jobs:
        raise too_many("too_many_jobs", f"{open_jobs} jobs wait or run", 1.0)
    check_stored_bytes(connection, tenant, size)
    day = int(now // _DAY_S)
    row = connection.execute(
        "SELECT images FROM usage WHERE tenant = ? AND day = ?", (tenant.id, day)
    ).fetchone()
    used = row["images"] if row else 0
    if used + images > tenant.quota.images_a_day:
        raise too_many(
            "too_many_images", f"{used} images were accepted today", (day + 1) * _DAY_S - now
        )
    connection.execute(
        "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT (tenant, day) "
        "DO UPDATE SET images = excluded.images",
        (tenant.id, day, used + images),
    )


def _job_of(row: sqlite3.Row) -> Job:
    return Job(
        row["id"],
        row["tenant"],
        row["keys"],
        row["plan"],
        row["request"],
        row["images"],
        JobState(row["state"]),
        row["code"],
        row["message"],
        row["created"],
    )

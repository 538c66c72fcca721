"""A full disk: new work is refused by name, and nothing that was accepted is lost."""

from __future__ import annotations

import errno
import resource
import shutil
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from nn.service.server import jobs as job_store
from nn.service.server import keys as key_store
from nn.service.server.database import FILE, Database
from nn.service.server.disk import Disk, is_full
from nn.service.server.jobs import JobStore
from nn.service.server.keys import KeyStore
from nn.service.server.service import Service
from nn.service.server.settings import Settings
from nn.service.server.tenants import Tenants
from nn.service.wire import JobState, Refusal
from tests.nn.service.samples import ThreadWorker, add_tenant, code_of, images, running
from tests.nn.service.server.test_endpoints import Caller


def test_full_disk__refuses_new_work_and_keeps_old(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, _):
        one, two = Caller(url, add_tenant(data, "one")), Caller(url, add_tenant(data, "two"))
        one.upload()
        old = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]
        answer = one.answer(old).content
        worker.hold.set()
        accepted = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]

        def no_room(*_: object) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

        usage = shutil.disk_usage(data)._replace(free=0)
        with monkeypatch.context() as full:
            full.setattr(shutil, "disk_usage", lambda _: usage)
            full.setattr(job_store, "write_whole", no_room)
            worker.hold.clear()
            assert code_of(two.begin()) == (507, "disk_full")
            refused = one.submit(one.client.encrypt(images(1)).to_bytes())
            assert code_of(refused) == (507, "disk_full")
            assert httpx.get(f"{url}/v1/health").json()["accepts_work"] is False
            assert one.answer(old).content == answer
            state = one.http.get(f"/jobs/{accepted}", params={"wait": 1.5}).json()["state"]
            assert state in ("queued", "running")
        assert one.answer(accepted).status_code == 200  # once there is room again
        two.upload()
        assert len(one.http.get("/jobs").json()) == 2


def test_full_disk__in_the_middle_of_an_upload(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.begin()

        def no_room(*_: object) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

        with monkeypatch.context() as full:
            full.setattr(key_store.KeyStore, "check_digest", no_room)
            assert code_of(one.patch(one.keys, 0)) == (507, "disk_full")
        assert one.patch(b"", len(one.keys)).json()["state"] == "ready"
        with monkeypatch.context() as full:
            full.setattr(job_store, "put_in_place", no_room)
            refused = one.submit(one.client.encrypt(images(1)).to_bytes())
            assert code_of(refused) == (507, "disk_full")
        assert not list((data / "jobs").iterdir())


def test_full_disk__deletion_has_a_name_and_the_end_of_a_job_waits(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, service):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        done = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]
        assert one.answer(done).status_code == 200
        worker.hold.set()
        lost = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]
        write = service.database.submit

        def full(_: object) -> None:
            connection = sqlite3.connect(":memory:")
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("CREATE TABLE t (x)")

        with monkeypatch.context() as broken:
            broken.setattr(service.database, "submit", full)
            assert code_of(one.http.delete(f"/jobs/{done}")) == (507, "disk_full")
            assert code_of(one.http.delete(f"/keys/{one.key_id}")) == (507, "disk_full")
            worker.losses = 3
            worker.hold.clear()
            end = time.monotonic() + 10
            while worker.losses and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
            assert one.http.get(f"/jobs/{lost}").json()["state"] in ("queued", "running")
        assert service.database.submit == write
        assert code_of(one.answer(lost)) == (409, "worker_lost")  # once there is room
        again = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]
        assert one.answer(again).status_code == 200


def test_full_disk__of_the_system_in_a_quota_or_a_limit_is_one(tmp_path: Path) -> None:
    assert is_full(OSError(errno.EDQUOT, "x"))
    assert not is_full(OSError(errno.EACCES, "x"))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    database = Database(tmp_path / "db")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
        with pytest.raises(sqlite3.OperationalError) as caught:
            database.write(lambda c: c.execute("CREATE TABLE t AS SELECT zeroblob(1000000) AS x"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert is_full(caught.value)
    database.write(lambda c: c.execute("CREATE TABLE t AS SELECT zeroblob(1000000) AS x"))
    database.close()


def test_finish__is_for_all_jobs_of_a_group_or_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = add_tenant(tmp_path, "one")
    database = Database(tmp_path / FILE)
    disk = Disk(tmp_path, 0)
    tenant = Tenants(database).of_token(token)
    keys = KeyStore(tmp_path, database, disk).begin(tenant, "0" * 32, "plan", 10, "x")
    store = JobStore(tmp_path, database, disk)
    jobs = []
    for name in "ab":
        store.upload_file(name).write_bytes(b"images")
        jobs.append(store.accept(name, tenant, keys, f"request {name}", 1, 6))
    ending = job_store._ending

    def last_fails(job: job_store.Job, *others: object, **facts: object) -> object:
        if job.id == "a":
            return ending(job, *others, **facts)  # type: ignore[arg-type]

        def full(_: sqlite3.Connection) -> bool:
            raise OSError(errno.ENOSPC, "no space left on device")

        return full

    answers = [(job, b"answer " + job.id.encode()) for job in jobs]
    with monkeypatch.context() as broken:
        broken.setattr(job_store, "_ending", last_fails)
        with pytest.raises(OSError, match="no space"):
            store.finish(answers)
    assert [store.find(tenant, job.id).state for job in jobs] == [JobState.QUEUED] * 2
    assert store.finish(answers) == [True, True]  # both run again
    for job, answer in answers:
        assert store.find(tenant, job.id).state == JobState.DONE
        assert store.answer_file(job.id).read_bytes() == answer
    database.close()


def test_upload__stops_before_it_takes_the_reserve(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nn.service.server import arrivals

    monkeypatch.setattr(arrivals, "_PIECE", 1000)
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.begin()
        check, calls = Disk.check, 0

        def others_fill_it(disk: Disk, more_bytes: int) -> None:
            nonlocal calls
            calls += 1
            if calls > 1:  # there was room when the upload began
                raise Refusal(507, "disk_full", "full", 60.0)
            check(disk, more_bytes)

        with monkeypatch.context() as full:
            full.setattr(Disk, "check", others_fill_it)
            assert code_of(one.patch(one.keys, 0)) == (507, "disk_full")
        received = one.http.get(f"/keys/{one.key_id}").json()["received"]
        assert received < len(one.keys)
        assert one.patch(one.keys[received:], received).json()["state"] == "ready"


def test_service__starts_on_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nn.service.server import service as parts

    class Full:
        def __init__(self, file: object) -> None:
            self._file = file

        def fileno(self) -> int:
            return self._file.fileno()  # type: ignore[attr-defined, no-any-return]

        def write(self, _: str) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

        def close(self) -> None:
            self._file.close()  # type: ignore[attr-defined]

    class Folder(type(data)):  # type: ignore[misc]
        def open(self, *words: object, **others: object) -> object:
            found = super().open(*words, **others)
            return Full(found) if self.name == parts.LOCK else found

    service = Service(Settings(data=Folder(data)), [ThreadWorker(data)])
    service.database.close()
    service.audit.close()
    service._lock.close()

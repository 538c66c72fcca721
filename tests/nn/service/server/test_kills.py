"""`kill -9` under load: what was acknowledged is there afterwards, whole, and its owner's."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nn
from nn.service.client import connection
from nn.service.client.remote_client import RemoteClient, Submitted
from tests.nn.service.samples import (
    Process,
    add_tenant,
    code_of,
    http,
    images,
    small_network,
    until_ready,
)


class Load:
    """A tenant who submits images, and keys, for as long as the test runs."""

    def __init__(self, url: str, token: str, seed: int) -> None:
        self.client = RemoteClient(url, token, retries=10_000, timeout_s=20)
        self.client.upload_keys()
        self.jobs: list[tuple[int, Submitted]] = []
        self.early: dict[str, bytes] = {}
        self.uploaded: list[bytes] = []
        self.uploads = 1
        self._url, self._token, self._seed = url, token, seed
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._submit), threading.Thread(target=self._upload)
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _submit(self) -> None:
        while not self._stop.wait(0.15):
            seed = self._seed + len(self.jobs)
            job = self.client.submit(images(1, seed))
            self.jobs.append((seed, job))
            if len(self.jobs) % 5 == 0:
                self.early[job.id] = self.client.answer(job)

    def _upload(self) -> None:
        while not self._stop.wait(1.0):
            with RemoteClient(self._url, self._token, retries=10_000, timeout_s=20) as other:
                other.upload_keys()
                self.uploaded.append(other.secret_key_bytes())
                self.uploads += 1
                if len(self.uploaded) > 3:  # so that the quota lasts
                    self._delete(self.uploaded.pop(0))

    def _delete(self, secret: bytes) -> None:
        with RemoteClient(
            self._url, self._token, secret_key=secret, retries=10_000, timeout_s=20
        ) as other:
            other.delete_keys()

    def check(self) -> None:
        """Every acknowledged job has its own answer, and every acknowledged key is there."""
        network = small_network()
        for seed, job in self.jobs:
            answer = self.client.answer(job)
            assert self.early.get(job.id, answer) == answer
            found = self.client.decrypt(answer, request=job.images)
            error = np.abs(found - network(images(1, seed))).max()
            assert error <= self.client.plan.predicted_error.max()
        for secret in self.uploaded:
            with RemoteClient(self._url, self._token, secret_key=secret) as other:
                there = http(self._url, self._token).get(f"/keys/{other.key_id}").json()
                assert there["state"] == "ready"
                assert other.classify(images(1)).shape == (1, 3)


def kill_under_load(data: Path, kills: int) -> tuple[int, int]:
    """Kill a service so often; how many jobs and keys were acknowledged: all are there after it."""
    tokens = [add_tenant(data, name) for name in ("one", "two")]
    service = Process(data)
    draw = random.Random(kills)
    url = service.start()
    until_ready(url)
    loads = [Load(url, token, 10_000 * index) for index, token in enumerate(tokens)]
    try:
        for _ in range(kills):
            # Some kills come before a worker is ready, some while jobs run and keys arrive.
            time.sleep(draw.uniform(0.3, 4.0))
            service.kill()
            assert service.start() == url
        until_ready(url)
        for load in loads:
            load.stop()
        for load in loads:
            load.check()
        one, two = loads
        for _, job in one.jobs[:5]:
            assert code_of(http(url, tokens[1]).get(f"/jobs/{job.id}")) == (404, "unknown_job")
        return len(one.jobs) + len(two.jobs), one.uploads + two.uploads
    finally:
        for load in loads:
            load.stop()
            load.client.close()
        service.kill()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LONGEST_PAUSE_S", 0.3)


def test_service__survives_kills(data: Path) -> None:
    assert kill_under_load(data, 5)[0] > 10


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_service__survives_two_hundred_kills(data: Path) -> None:
    jobs, keys = kill_under_load(data, 200)
    print(f"200 kills: {jobs} jobs and {keys} sets of keys acknowledged, none lost, none crossed")
    assert jobs > 400


def test_service__ends_in_order_and_goes_on(data: Path) -> None:
    token = add_tenant(data, "one")
    service = Process(data)
    url = service.start()
    until_ready(url)
    with nn.RemoteClient(url, token, retries=100) as client:
        jobs = [client.submit(images(8, seed)) for seed in range(4)]
        assert service.process is not None
        service.process.terminate()
        service.process.communicate()
        assert service.start() == url
        for job in jobs:
            assert client.decrypt(client.answer(job), request=job.images).shape == (8, 3)
    service.kill()


def test_service__one_at_a_time(data: Path) -> None:
    first, second = Process(data), Process(data)
    first.start()
    with pytest.raises(IndexError):  # the second prints no URL
        second.start()
    assert second.process is not None
    assert second.process.wait() == 2
    second.kill()
    first.kill()

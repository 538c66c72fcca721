"""The endpoints: keys, jobs, whose they are, and what is refused."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import nn
from nn.service.server import jobs as job_store
from nn.service.server.health import main as health
from nn.service.server.settings import Quota
from nn.service.wire import JobState
from tests.nn.service.samples import (
    MODEL,
    ThreadWorker,
    add_tenant,
    code_of,
    http,
    images,
    running,
    small_network,
)


class Caller:
    """A tenant with a client of the published network."""

    def __init__(self, url: str, token: str) -> None:
        self.http = http(url, token)
        plan = nn.read_plan(self.http.get(f"/models/{MODEL}/plan").content)
        assert isinstance(plan, nn.InferencePlan)
        self.client = nn.PackedClient(plan)
        self.key_id = self.client.key_id.hex()
        self.keys = self.client.evaluation_keys().to_bytes()

    def begin(self, **other: object) -> httpx.Response:
        new: dict[str, object] = {
            "id": self.key_id,
            "model": MODEL,
            "bytes": len(self.keys),
            "sha256": hashlib.sha256(self.keys).hexdigest(),
        }
        return self.http.post("/keys", json=new | other)

    def patch(self, content: bytes, at: int) -> httpx.Response:
        headers = {"Upload-Offset": str(at)}
        return self.http.patch(f"/keys/{self.key_id}", content=content, headers=headers)

    def upload(self) -> None:
        assert self.begin().status_code == 201
        assert self.patch(self.keys, 0).json()["state"] == "ready"

    def submit(self, content: bytes, key_id: str | None = None) -> httpx.Response:
        return self.http.post("/jobs", params={"keys": key_id or self.key_id}, content=content)

    def answer(self, job_id: str) -> httpx.Response:
        return self.http.get(f"/jobs/{job_id}/answer", params={"wait": 30})


def test_service__answers_a_job(data: Path) -> None:
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        batch = one.client.encrypt(images(3))
        job = one.submit(batch.to_bytes())
        assert job.status_code == 202
        assert job.json()["images"] == 3
        found = one.client.decrypt(one.answer(job.json()["id"]).content, request=batch)
        exact = small_network()(images(3))
        assert np.abs(found - exact).max() <= one.client.plan.predicted_error.max()
        state = one.http.get(f"/jobs/{job.json()['id']}").json()
        assert state["state"] == JobState.DONE
        assert not list((data / "jobs").glob("*.images*"))


def test_service__tells_the_layers(data: Path) -> None:
    worker = ThreadWorker(data)
    worker.hold.set()
    with running(data, [worker]) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()
        with one.http.stream("GET", f"/jobs/{job['id']}/events") as events:
            lines = events.iter_lines()
            first = next(lines)
            worker.hold.clear()
            found = [first, *(line for line in lines if line)]
    layers = [json.loads(line[6:])["name"] for line in found if '"name"' in line]
    assert layers == [stage.name for stage in one.client.plan.stages]
    assert found[-2:] == ["event: done", "data: {}"]


def test_upload__goes_on_where_it_stopped(data: Path) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, _):
        one = Caller(url, token)
        assert one.begin().json()["received"] == 0
        assert one.patch(one.keys[:1000], 0).json()["received"] == 1000
        assert code_of(one.patch(one.keys, 0)) == (409, "wrong_offset")
        assert one.begin().json()["received"] == 1000
    with running(data) as (url, _):  # a new service knows of it
        one.http = http(url, token)
        assert one.http.get(f"/keys/{one.key_id}").json()["received"] == 1000
        assert code_of(one.submit(b"x")) == (409, "keys_not_ready")
        assert one.patch(one.keys[1000:], 1000).json()["state"] == "ready"
        assert one.patch(b"", 0).json()["state"] == "ready"
        assert [keys["id"] for keys in one.http.get("/keys").json()] == [one.key_id]


def test_upload__of_other_bytes_is_refused(data: Path) -> None:
    with running(data) as (url, _):
        one, two = Caller(url, add_tenant(data, "one")), Caller(url, add_tenant(data, "two"))
        assert code_of(one.begin(bytes=5)) == (422, "bad_keys")
        assert code_of(one.begin(model="other")) == (404, "unknown_model")
        assert code_of(one.begin(version="0" * 32)) == (404, "unknown_version")
        assert code_of(one.begin(id="../../x")) == (422, "bad_request")
        one.begin()
        assert code_of(one.begin(sha256="0" * 64)) == (409, "key_exists")
        altered = bytes([one.keys[0] ^ 1]) + one.keys[1:]
        assert code_of(one.patch(altered, 0)) == (422, "wrong_digest")
        assert code_of(one.http.get(f"/keys/{one.key_id}")) == (404, "unknown_key")
        # Intact bytes that are no keys, and keys of another client.
        for content in (altered, two.keys):
            one.begin(sha256=hashlib.sha256(content).hexdigest())
            assert code_of(one.patch(content, 0)) == (422, "bad_keys")
        assert code_of(one.http.get(f"/keys/{one.key_id}")) == (404, "unknown_key")
        assert not list((data / "keys").iterdir())
        one.begin()
        assert code_of(one.patch(one.keys + b"x", 0)) == (413, "too_large")


def test_tenants__see_their_own_alone(data: Path) -> None:
    with running(data) as (url, _):
        one, two = Caller(url, add_tenant(data, "one")), Caller(url, add_tenant(data, "two"))
        one.upload()
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()
        assert one.answer(job["id"]).status_code == 200
        for method, path in (
            ("GET", f"/keys/{one.key_id}"),
            ("PATCH", f"/keys/{one.key_id}"),
            ("DELETE", f"/keys/{one.key_id}"),
            ("GET", f"/jobs/{job['id']}"),
            ("GET", f"/jobs/{job['id']}/events"),
            ("GET", f"/jobs/{job['id']}/answer"),
            ("DELETE", f"/jobs/{job['id']}"),
        ):
            assert two.http.request(method, path).status_code == 404
        assert code_of(two.submit(b"x", one.key_id)) == (404, "unknown_key")
        assert two.http.get("/keys").json() == two.http.get("/jobs").json() == []
        assert one.answer(job["id"]).status_code == 200


def test_tokens__wrong_and_expired_ones_are_refused(data: Path) -> None:
    add_tenant(data, "one")
    expired = add_tenant(data, "one", valid_s=-1)
    with running(data) as (url, service):
        service.rates._clock = lambda: 0.0  # it stands still, so that no request is forgiven
        assert code_of(httpx.get(f"{url}/v1/models")) == (401, "no_token")
        assert code_of(http(url, "hea_wrong").get("/models")) == (401, "wrong_token")
        assert code_of(http(url, expired).get("/models")) == (401, "expired_token")
        guess = http(url, "guess")
        codes = [code_of(guess.get("/models")) for _ in range(9)]
        assert codes == 7 * [(401, "wrong_token")] + 2 * [(429, "too_many_requests")]
        service.audit.close()
    content = b"".join(path.read_bytes() for path in data.glob("service.db*"))
    log = (data / "audit.log").read_text("utf-8")
    assert expired.encode() not in content
    assert expired not in log
    assert "expired_token" in log


def test_submission__of_other_images_is_refused(data: Path) -> None:
    with running(data) as (url, _):
        one, two = Caller(url, add_tenant(data, "one")), Caller(url, add_tenant(data, "two"))
        one.upload()
        batch = one.client.encrypt(images(1))
        intact = batch.to_bytes()
        answer = one.answer(one.submit(intact).json()["id"]).content
        foreign = two.client.encrypt(images(1)).to_bytes()
        for content in (b"", b"x", intact[:-1], intact[:-1] + b"\0", answer, foreign, one.keys):
            assert code_of(one.submit(content)) == (422, "bad_images")
        assert len(one.http.get("/jobs").json()) == 1
        assert not list((data / "jobs").glob("*.images*"))


def test_submission__repeated_is_the_same_job(data: Path) -> None:
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        content = one.client.encrypt(images(1)).to_bytes()
        first, second = one.submit(content).json(), one.submit(content).json()
        assert first["id"] == second["id"]
        one.answer(first["id"])
        assert one.submit(content).json()["id"] == first["id"]
        assert len(one.http.get("/jobs").json()) == 1


def test_list__has_the_newest_jobs(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_store, "MOST_LISTED", 2)
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        jobs = [one.submit(one.client.encrypt(images(1)).to_bytes()).json() for _ in range(3)]
        found = [job["id"] for job in one.http.get("/jobs").json()]
        assert found == [job["id"] for job in jobs[1:]]
        for job in jobs:
            assert one.answer(job["id"]).status_code == 200


def test_cancel__ends_a_job_that_waits(data: Path) -> None:
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        worker.hold.set()
        jobs = [one.submit(one.client.encrypt(images(8)).to_bytes()).json() for _ in range(2)]
        for job in jobs:  # one runs, one waits
            assert one.http.delete(f"/jobs/{job['id']}").status_code == 204
            assert code_of(one.answer(job["id"])) == (409, "cancelled")
        worker.hold.clear()
        for job in jobs:
            assert one.http.delete(f"/jobs/{job['id']}").status_code == 204
            assert code_of(one.answer(job["id"])) == (404, "unknown_job")
        one.upload()
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()
        assert one.answer(job["id"]).status_code == 200
    assert not list((data / "jobs").glob("*.images*"))


def test_keys__deleted_ones_fail_the_jobs_that_wait(data: Path) -> None:
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        worker.hold.set()
        jobs = [one.submit(one.client.encrypt(images(8)).to_bytes()).json() for _ in range(2)]
        while not worker.hold.is_set() or one.http.get("/jobs").json()[0]["state"] != "running":
            time.sleep(0.01)
        assert one.http.delete(f"/keys/{one.key_id}").status_code == 204
        assert code_of(one.answer(jobs[1]["id"])) == (409, "key_deleted")
        assert code_of(one.submit(b"x")) == (404, "unknown_key")
        worker.hold.clear()
        assert one.answer(jobs[0]["id"]).status_code == 200
        while worker.runner is None or worker.runner.loaded:
            time.sleep(0.01)
    assert not list((data / "keys").iterdir())


@pytest.mark.parametrize(
    ("quota", "code"),
    [
        (Quota(images_a_day=3), "too_many_images"),
        (Quota(jobs=1), "too_many_jobs"),
        (Quota(), "too_many_bytes"),
    ],
)
def test_quotas__refuse_what_is_above(data: Path, quota: Quota, code: str) -> None:
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, _):
        token = add_tenant(data, "one", quota)
        one = Caller(url, token)
        if code == "too_many_bytes":
            images_bytes = len(one.client.encrypt(images(2)).to_bytes())
            add_tenant(data, "one", Quota(stored_bytes=len(one.keys) + images_bytes * 3 // 2))
        one.upload()
        worker.hold.set()
        content = [one.client.encrypt(images(2, seed)).to_bytes() for seed in range(2)]
        assert one.submit(content[0]).status_code == 202
        assert code_of(one.submit(content[1])) == (429, code)
        worker.hold.clear()
    assert len(list((data / "jobs").glob("*.images"))) <= 1


def test_quotas__of_keys(data: Path) -> None:
    with running(data) as (url, _):
        token = add_tenant(data, "one", Quota(keys=1))
        one, other = Caller(url, token), Caller(url, token)
        one.upload()
        assert code_of(other.begin()) == (429, "too_many_keys")


def test_rates__refuse_what_is_above(data: Path) -> None:
    with running(data) as (url, _):
        caller = http(url, add_tenant(data, "one", Quota(requests_a_second=0.5)))
        assert caller.get("/models").status_code == 200
        refused = caller.get("/models")
        assert code_of(refused) == (429, "too_many_requests")
        assert refused.headers["Retry-After"] == "2"


def test_service__describes_itself(data: Path) -> None:
    with running(data) as (url, _):
        described = httpx.get(f"{url}/v1/openapi.json").json()
        assert set(described["paths"]["/v1/jobs"]) == {"get", "post"}
        body = described["paths"]["/v1/keys"]["post"]["requestBody"]["content"]
        assert set(body["application/json"]["schema"]["required"]) == {
            "id", "model", "bytes", "sha256"
        }  # fmt: skip
        assert httpx.get(f"{url}/v1/health").json()["status"] == "ok"
        assert health([url.rpartition(":")[2]]) == 0
        assert code_of(httpx.get(f"{url}/nothing")) == (404, "no_such_endpoint")
        text = httpx.get(f"{url}/metrics").text
        assert 'he_requests_total{method="GET",route="/v1/health",status="200"} 2.0' in text


def test_health__asks_no_proxy(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running(data) as (url, _):
        assert health([url.rpartition(":")[2]]) == 0


def test_worker__that_dies_runs_the_job_again(data: Path) -> None:
    worker = ThreadWorker(data, losses=2)
    with running(data, [worker]) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()
        assert one.answer(job["id"]).status_code == 200
        worker.losses = 3
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()
        assert code_of(one.answer(job["id"])) == (409, "worker_lost")

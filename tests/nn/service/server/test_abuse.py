"""Mutated requests, slow clients, full disks: a named refusal each, and nothing half stored."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nn.service.server.settings import Quota
from nn.service.wire import Refusal
from tests.mutations import mutated
from tests.nn.service.samples import ThreadWorker, add_tenant, code_of, http, images, running
from tests.nn.service.server.test_endpoints import Caller

# Refusals of the service, and of the HTTP parser before it.
STATUSES = {200, 201, 202, 204, 400, 401, 404, 405, 408, 409, 411, 413, 414, 422, 429, 431}
_PATIENCE_S = 0.5
BOUNDLESS = Quota(requests_a_second=1e6, jobs=10**6, keys=10**6)


def exchange(host: str, request: bytes) -> tuple[int, bytes]:
    """The status and the body that come for these bytes.

    It is 0 where the connection is closed instead, and where the service waits for more bytes.
    """
    name, _, port = host.rpartition(":")
    answer = b""
    with socket.create_connection((name, int(port)), timeout=_PATIENCE_S) as connection:
        try:
            connection.sendall(request)
            while part := connection.recv(1 << 16):
                answer += part
        except (ConnectionError, TimeoutError):
            pass
    if not answer:
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def raw(method: str, path: str, token: str, body: bytes, **headers: object) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["Connection: close", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def mutate_requests(data: Path, count: int) -> dict[int, int]:
    """How often each status came for so many mutated requests; the service works on after them."""
    chance = random.Random(count)
    token = add_tenant(data, "one", BOUNDLESS)
    found: dict[int, int] = {}
    with running(data) as (url, service):
        one, host = Caller(url, token), url.removeprefix("http://")
        one.upload()
        batch = one.client.encrypt(images(1)).to_bytes()
        job = one.submit(batch).json()["id"]
        one.answer(job)
        new = {"id": "0" * 32, "model": "small", "bytes": len(one.keys), "sha256": "0" * 64}
        json_head = {"Content_Type": "application/json"}
        requests = [
            raw("POST", f"/v1/jobs?keys={one.key_id}", token, batch),
            raw("POST", "/v1/keys", token, json.dumps(new).encode(), **json_head),
            raw("PATCH", f"/v1/keys/{one.key_id}", token, b"x" * 99, Upload_Offset=0),
            raw("GET", f"/v1/jobs/{job}/answer?wait=0.1", token, b""),
            raw("GET", f"/v1/jobs/{job}/events", token, b""),
            raw("GET", f"/v1/jobs/{job}", token, b""),
            raw("GET", "/v1/models/small/plan?version=" + "0" * 32, token, b""),
            raw("DELETE", "/v1/keys/" + "0" * 32, token, b""),
            raw("GET", "/v1/keys", token, b""),
        ]
        bodies = [batch[:cut] for cut in (0, 1, 40, 300)] + [batch]
        for _ in range(count):
            if chance.random() < 0.5:  # an intact head, so that the body is read
                body = mutated(chance.choice(bodies), chance)
                request = raw("POST", f"/v1/jobs?keys={one.key_id}", token, body)
            else:
                request = mutated(chance.choice(requests), chance)
            status, body = exchange(host, request)
            found[status] = found.get(status, 0) + 1
            assert status in STATUSES | {0}, (request[:300], body)
            if status >= 400 and body.startswith(b"{"):
                error, _ = json.JSONDecoder().raw_decode(body.decode())  # others may follow
                assert set(error["error"]) == {"code", "message"}
        another = Caller(url, token)
        another.upload()
        batch = another.client.encrypt(images(1)).to_bytes()
        assert another.answer(another.submit(batch).json()["id"]).status_code == 200
        assert service.jobs.waiting() == []
        assert not list((data / "jobs").glob("*.part"))
    return found


def test_requests__mutated_ones_are_refused(data: Path) -> None:
    found = mutate_requests(data, 400)
    assert found[422] > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_requests__ten_thousand_mutated_ones_are_refused(data: Path) -> None:
    found = mutate_requests(data, 10_000)
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(found.items()))
    print(f"10,000 mutated requests, by status (0: closed, or waits for more): {statuses}")
    assert found[422] > 1000


def test_clients__slow_ones_are_cut_off(data: Path) -> None:
    with running(data, idle_s=0.3) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()
        token = one.http.headers["Authorization"].split()[1]
        request = raw("POST", f"/v1/jobs?keys={one.key_id}", token, b"x" * 1000)
        name, _, port = url.removeprefix("http://").rpartition(":")
        for sent in (request[:-900], request[:40], b""):
            with socket.create_connection((name, int(port)), timeout=10) as connection:
                connection.sendall(sent)
                begin, answer = time.monotonic(), b""
                try:
                    while part := connection.recv(4096):
                        answer += part
                except ConnectionError:
                    answer = b""
                assert time.monotonic() - begin < 5
                if len(sent) > 200:
                    assert b"too_slow" in answer
        assert one.http.get("/models").status_code == 200
        assert not list((data / "jobs").iterdir())


def test_bodies__too_large_ones_are_refused(data: Path) -> None:
    with running(data, images_bytes=1000) as (url, _):
        one = Caller(url, add_tenant(data, "one"))
        one.upload()

        def parts() -> Any:  # without a stated length
            for _ in range(100):
                yield b"x" * 100

        assert code_of(one.submit(b"x" * 1001)) == (413, "too_large")
        answer = one.http.post("/jobs", params={"keys": one.key_id}, content=parts())
        assert code_of(answer) == (413, "too_large")
        assert not list((data / "jobs").iterdir())


def test_refusal__crosses_processes() -> None:
    import pickle

    found = pickle.loads(pickle.dumps(Refusal(429, "code", "message", 2.0)))
    assert (found.status, found.code, found.message, found.retry_s) == (429, "code", "message", 2.0)


def test_connections__many_at_once_and_broken_ones(data: Path) -> None:
    with running(data) as (url, _):
        one = Caller(url, add_tenant(data, "one", BOUNDLESS))
        one.upload()
        content = one.client.encrypt(images(1)).to_bytes()
        host = url.removeprefix("http://")
        token = one.http.headers["Authorization"].split()[1]
        request = raw("POST", f"/v1/jobs?keys={one.key_id}", token, content)

        def cut(length: int) -> None:
            name, _, port = host.rpartition(":")
            with socket.create_connection((name, int(port))) as connection:
                connection.sendall(request[:length])

        threads = [
            threading.Thread(target=cut, args=(length,))
            for length in range(0, len(request) - 1, len(request) // 40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        end = time.monotonic() + 10
        while list((data / "jobs").iterdir()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not list((data / "jobs").iterdir())
        assert one.http.get("/jobs").json() == []
        assert http(url, token).get("/models").status_code == 200


def until_closed(url: str, request: bytes, more: bytes = b"") -> tuple[bytes, float]:
    """What comes for these bytes until the connection closes, and after how many seconds it does.

    more: sent again and again meanwhile.
    """
    name, _, port = url.removeprefix("http://").rpartition(":")
    begin, answer = time.monotonic(), b""
    with socket.create_connection((name, int(port)), timeout=0.1) as connection:
        connection.sendall(request)
        while time.monotonic() - begin < 10:
            try:
                part = connection.recv(1 << 16)
                if not part:
                    break
                answer += part
            except TimeoutError:
                pass
            except ConnectionError:
                break
            try:
                connection.sendall(more)
            except ConnectionError:
                break
    return answer, time.monotonic() - begin


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/jobs?keys=x"])
def test_strangers__bodies_are_not_read(data: Path, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    request = head + b"Content-Length: 1000000000\r\n\r\n{"
    with running(data, idle_s=0.5) as (url, _):
        for more in (b"", b"x"):  # a body that stops, and one that comes slowly
            answer, seconds = until_closed(url, request, more)
            assert b"no_token" in answer
            assert seconds < 5


def test_bodies__of_json_have_limits_too(data: Path) -> None:
    with running(data, idle_s=0.5) as (url, _):
        token = add_tenant(data, "one")
        caller = http(url, token)
        assert code_of(caller.post("/keys", content=b"[" * 100_000)) == (413, "too_large")
        for content in (b"", b"{", b"[" * 5000, b"\xff", b"{}", b'{"id": "x"}'):
            assert code_of(caller.post("/keys", content=content)) == (422, "bad_request")
        begun = raw("POST", "/v1/keys", token, b"{" * 9000)[:-1000]
        assert b"too_slow" in until_closed(url, begun)[0]


def test_readers__slow_ones_are_cut_off(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(data, idle_s=0.3) as (url, service):
        token = add_tenant(data, "one")
        plan_bytes = bytes(64 << 20)  # more than the system takes for a reader that reads nothing
        model = replace(service.models.find("small"), plan_bytes=plan_bytes)
        monkeypatch.setattr(service.models, "find", lambda *_: model)
        name, _, port = url.removeprefix("http://").rpartition(":")
        with socket.create_connection((name, int(port)), timeout=10) as connection:
            connection.sendall(raw("GET", "/v1/models/small/plan", token, b""))
            time.sleep(2)
            received = 0
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(1 << 20):
                    received += len(part)
        assert received < len(plan_bytes)
        assert http(url, token).get("/models/small/plan").content == plan_bytes


def test_requests__at_once_are_bounded_for_each_tenant(data: Path) -> None:
    with running(data, [ThreadWorker(data)]) as (url, service):
        one = Caller(url, add_tenant(data, "one", Quota(requests_at_once=2)))
        two = Caller(url, add_tenant(data, "two"))
        one.upload()
        hold = service.dispatcher._workers[0].hold  # type: ignore[attr-defined]
        hold.set()
        job = one.submit(one.client.encrypt(images(1)).to_bytes()).json()["id"]
        with (
            one.http.stream("GET", f"/jobs/{job}/events") as first,
            one.http.stream("GET", f"/jobs/{job}/events") as second,
        ):
            assert first.status_code == second.status_code == 200
            assert code_of(one.http.get("/models")) == (429, "too_many_at_once")
            assert two.http.get("/models").status_code == 200
            hold.clear()
            for events in (first, second):
                assert "event: done" in events.read().decode()
        assert one.http.get("/models").status_code == 200
        assert service.rates._open == {}


def test_metrics__do_not_grow_with_strange_methods(data: Path) -> None:
    with running(data) as (url, service):
        before = len(service.metrics.text().splitlines())
        for index in range(20):
            assert httpx.request(f"STRANGE{index}", f"{url}/v1/health").status_code == 405
        assert len(service.metrics.text().splitlines()) <= before + 4

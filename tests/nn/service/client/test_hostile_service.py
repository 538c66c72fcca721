"""A client before a hostile service: what it reads is bounded, what it is told is checked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import nn
from nn.service.client import connection
from nn.service.client.connection import Connection
from tests.nn.service.samples import ThreadWorker, add_tenant, images, running

Write = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def hostile(answer: Write) -> Iterator[str]:
    """The URL of a service that answers every request so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer(self)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def content(text: bytes, status: int = 200, **headers: str) -> Write:
    def write(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(text)

    return write


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * (1 << 16))


@pytest.mark.parametrize("status", [200, 404])
def test_answers__without_end_are_refused(status: int) -> None:
    with hostile(endless) as url, pytest.raises(nn.ServiceError, match="sends more than"):
        nn.RemoteClient(url, "token", retries=0)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"<html>", b"3", b"[3]", b"{}", b"\xff\xfe", b"[" * 100_000,
        b'[{"name": 3}]', b'[{"name": "m"}, {"name": "n"}]', b'{"name": "m", "version": 3}',
    ],
)
def test_answers__of_other_servers_are_refused(text: bytes) -> None:
    for model in (None, "m"):
        with hostile(content(text)) as url, pytest.raises(nn.ServiceError):
            nn.RemoteClient(url, "token", model=model, retries=0)


def test_refusals__of_other_servers_are_refused() -> None:
    for text in (b"", b"{}", b'{"error": 3}', b"[" * 100_000, json.dumps({"error": {}}).encode()):
        with (
            hostile(content(text, 500)) as url,
            pytest.raises(nn.ServiceError, match="no answer of a service") as caught,
        ):
            nn.RemoteClient(url, "token", retries=0)
        assert caught.value.status == 500


def test_answers__that_are_compressed_do_not_grow() -> None:
    import gzip

    bomb = gzip.compress(b"[" * (64 << 20))
    with (
        hostile(content(bomb, Content_Encoding="gzip")) as url,
        pytest.raises(nn.ServiceError, match="no service"),
    ):
        nn.RemoteClient(url, "token", retries=0)


def test_answers__that_come_too_slowly_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BODY_S", 0.0)
    with hostile(content(b"[]")) as url, pytest.raises(nn.ServiceError, match="takes more than"):
        nn.RemoteClient(url, "token", retries=0)


def test_events__without_end_are_left() -> None:
    def events(line: bytes) -> Write:
        def write(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(line)

        return write

    with hostile(events(b"event: layer\ndata: {}\n\n")) as url:
        assert list(Connection(url, "token").events("/x", 0.2))  # and then it ends
    with hostile(events(b": still here\n\n")) as url:
        assert list(Connection(url, "token").events("/x", 0.2)) == []
    for line in (b"x" * 1000, b"data: 3\n", b"data: {\n"):
        with hostile(events(line)) as url, pytest.raises(nn.ServiceError, match="no service"):
            list(Connection(url, "token").events("/x", 60.0))


def test_events__that_drip_are_left() -> None:
    """A line without an end is short when the time is over."""

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.01)

    with hostile(drip) as url:
        assert list(Connection(url, "token").events("/x", 0.2)) == []


@pytest.mark.parametrize("received", [-5, 0, 10**9])
def test_upload__that_does_not_go_on_is_left(data: Path, received: int) -> None:
    """A service that always has as many bytes, fewer than none, or more than there are."""
    token = add_tenant(data, "one")
    with (
        running(data, [ThreadWorker(data)]) as (url, _),
        nn.RemoteClient(url, token, retries=1) as client,
        hostile(content(json.dumps({"state": "uploading", "received": received}).encode())) as bad,
    ):
        client._connection.close()
        client._connection = Connection(bad, "token", retries=1)
        with pytest.raises(nn.ServiceError, match=f"{received} of .* bytes"):
            client.upload_keys()


def test_redirects__are_not_followed() -> None:
    with (
        hostile(content(b"", 307, Location="http://127.0.0.1:9/")) as url,
        pytest.raises(nn.ServiceError, match="307"),
    ):
        nn.RemoteClient(url, "token", retries=0)


def test_proxies__do_not_get_a_token_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxy(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)

    with hostile(proxy) as address, hostile(content(b"3")) as url:
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("ALL_PROXY", address)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(nn.ServiceError, match="no service"):
            nn.RemoteClient(url, "token", retries=0)
    assert asked == []


def test_answers__and_waits_are_bounded(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = add_tenant(data, "one")
    worker = ThreadWorker(data)
    with (
        running(data, [worker]) as (url, service),
        nn.RemoteClient(url, token, answer_s=0.5) as client,
    ):
        client.upload_keys()
        worker.hold.set()
        with pytest.raises(nn.ServiceError, match="no answer after"):
            client.answer(client.submit(images(1)), progress=True)
        worker.hold.clear()
        job = client.submit(images(2))
        while not service.jobs.answer_file(job.id).exists():
            pass
        assert service.jobs.answer_file(job.id).stat().st_size < client._answer_bytes(2)
        service.jobs.answer_file(job.id).write_bytes(bytes(client._answer_bytes(2) + 1))
        with pytest.raises(nn.ServiceError, match="sends more than"):
            client.answer(job)
        assert client.facts["classes"] == 3
        client.facts["images_bytes_limit"] = 1000
        with pytest.raises(nn.LimitError, match=r"1 images take .* takes 1000 at once"):
            client.submit(images(1))

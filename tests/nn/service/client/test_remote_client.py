"""The client of a service: the face of `nn.Client`, and what may go wrong on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.inference.roles import AnyClient
from nn.service.client.connection import Connection
from tests.nn.service.samples import ThreadWorker, add_tenant, images, running, small_network


class Told:
    """Writes down the stages."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def start(self, stage: str) -> None:
        self.calls.append(("start", stage))

    def advance(self) -> None: ...

    def done(self, level: int) -> None:
        self.calls.append(("done", level))


def test_client__classifies(data: Path) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, service), nn.RemoteClient(url, token) as client:
        assert isinstance(client, AnyClient)
        found = client.classify(images(11), at_once=4)
        error = np.abs(found - small_network()(images(11))).max()
        assert error <= client.plan.predicted_error.max()
        assert service.jobs.waiting() == []
        assert not list((data / "jobs").iterdir())


def test_client__runs_as_a_server_does(data: Path) -> None:
    token = add_tenant(data, "one")
    worker = ThreadWorker(data)
    with running(data, [worker]) as (url, _), nn.RemoteClient(url, token) as client:
        client.upload_keys()
        batch, told = client.encrypt(images(2)), Told()
        answer = client.run(batch, progress=told)
        assert client.decrypt(answer, request=batch).shape == (2, 3)
    names = [call[1] for call in told.calls if call[0] == "start"]
    assert names == [stage.name for stage in client.plan.stages][-len(names) :]
    assert len(told.calls) == 2 * len(names)


def test_client__from_a_stored_key_uploads_nothing_again(data: Path) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, service):
        with nn.RemoteClient(url, token) as first:
            first.upload_keys()
            stored = first.secret_key_bytes()
        before = service.metrics.received._value.get()
        with nn.RemoteClient(url, token, secret_key=stored) as second:
            second.classify(images(1))
            assert service.metrics.received._value.get() - before < 1 << 20
            second.delete_keys()
            second.delete_keys()
        assert not list((data / "keys").iterdir())


def test_client__checks_the_plan_before_keys_are_made(data: Path) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, _):
        with pytest.raises(nn.LimitError, match="the client's limit is 1,024"):
            nn.RemoteClient(url, token, limits=nn.Limits(N=1024))
        with pytest.raises(nn.IdentityError, match="another network"):
            nn.RemoteClient(url, token, fingerprint=bytes(16))
        with pytest.raises(nn.ServiceError, match="unknown_model"):
            nn.RemoteClient(url, token, model="other")
        with pytest.raises(nn.ServiceError, match="wrong_token"):
            nn.RemoteClient(url, "other")
        with nn.RemoteClient(url, token, fingerprint=small_network().fingerprint()):
            pass


def test_client__refuses_a_foreign_answer(data: Path) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, _), nn.RemoteClient(url, token) as client:
        jobs = [client.submit(images(1, seed)) for seed in range(2)]
        answers = [client.answer(job) for job in jobs]
        with pytest.raises(nn.IdentityError, match="another request"):
            client.decrypt(answers[0], request=jobs[1].images)


def test_client__cancels(data: Path) -> None:
    token = add_tenant(data, "one")
    worker = ThreadWorker(data)
    worker.hold.set()
    with running(data, [worker]) as (url, _), nn.RemoteClient(url, token) as client:
        job = client.submit(images(1))
        client.cancel(job)
        with pytest.raises(nn.ServiceError, match="cancelled") as caught:
            client.answer(job)
        assert (caught.value.status, caught.value.code) == (409, "cancelled")
        worker.hold.clear()


def test_upload__goes_on_after_breaks(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = add_tenant(data, "one")
    with running(data) as (url, _), nn.RemoteClient(url, token, timeout_s=5) as client:
        send, patches = Connection.send, 0

        def breaking(self: Connection, method: str, path: str, **content: Any) -> Any:
            nonlocal patches
            if method == "PATCH":
                patches += 1
                if patches == 1:  # a part arrives, and the answer is lost
                    content["content"] = content["content"][:1000]
                    send(self, method, path, **content)
                if patches <= 2:
                    raise nn.ServiceError("cut", "unreachable")
            return send(self, method, path, **content)

        monkeypatch.setattr(Connection, "send", breaking)
        client.upload_keys()
        assert patches > 2
        assert client.classify(images(1)).shape == (1, 3)


@pytest.mark.parametrize("url", ["", "nothing", "ftp://127.0.0.1", "http://", "http://["])
def test_url__that_is_none(url: str) -> None:
    with pytest.raises((nn.ServiceError, ValueError)):
        Connection(url, "token")


def test_url__without_tls_is_refused_elsewhere() -> None:
    with pytest.raises(nn.ServiceError, match="no TLS"):
        Connection("http://192.0.2.1", "token")
    Connection("http://192.0.2.1", "token", allow_http=True).close()
    Connection("https://192.0.2.1", "token").close()


def test_service__that_does_not_answer(data: Path) -> None:
    with pytest.raises(nn.ServiceError, match="does not answer") as caught:
        nn.RemoteClient("http://127.0.0.1:9", "token", retries=1)
    assert (caught.value.status, caught.value.code) == (0, "unreachable")

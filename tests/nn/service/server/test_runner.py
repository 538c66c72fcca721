"""A worker's memory: loaded keys stay within the budget, those used longest ago go first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import nn
from nn.service.server.models import Models, read_model
from nn.service.server.runner import Runner, Work, _Model
from nn.service.server.service import make_workers
from nn.service.server.settings import Settings
from nn.service.wire import Refusal
from tests.nn.service.samples import images


@dataclass
class Client:
    """A client, and the files that a service has of it."""

    client: nn.PackedClient
    keys: Path

    def work(self, serial: int, count: int = 1) -> Work:
        batch = self.client.encrypt(images(count)).to_bytes()
        key_id = self.client.key_id.hex()
        return Work(self.client.plan.id.hex(), serial, key_id, self.keys, (batch,))


def clients(data: Path, count: int) -> tuple[list[Client], list[Path], int]:
    folders = list((data / "models").iterdir())
    plan = read_model(folders[0]).plan
    found = []
    for index in range(count):
        client = nn.PackedClient(plan)
        path = data / f"{index}.keys"
        path.write_bytes(client.evaluation_keys().to_bytes())
        found.append(Client(client, path))
    return found, folders, plan.key_memory_bytes


def test_keys__stay_within_the_budget(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (a, b, c), folders, size = clients(data, 3)
    runner = Runner(folders, 2 * size, 1)
    loaded = _Model.loaded
    most = 0

    def watched(model: _Model, keys: bytes, key_id: str | None) -> object:
        nonlocal most
        found = loaded(model, keys, key_id)
        assert found.memory_bytes == size
        most = max(most, runner.used_bytes + found.memory_bytes)
        return found

    monkeypatch.setattr(_Model, "loaded", watched)
    for serial, client in ((1, a), (2, b), (1, a), (3, c), (1, a), (2, b)):
        (answer,) = runner.run(client.work(serial))
        assert isinstance(answer, bytes)
    assert most == 2 * size  # while keys were loaded, too
    assert runner.loaded == [1, 2]
    runner.forget(1)
    assert runner.used_bytes == size


def test_files__that_are_gone_end_their_job_alone(data: Path) -> None:
    (a,), folders, size = clients(data, 1)
    runner = Runner(folders, size, 1)
    work = a.work(1)
    several = Work(work.plan, 1, work.key_id, work.keys, (data / "gone", *work.images))
    for one in (several, several.in_bytes(with_keys=True)):
        gone, answer = runner.run(one)
        assert isinstance(gone, Refusal)
        assert gone.code == "bad_images"
        assert isinstance(answer, bytes)


def test_files__that_cannot_be_read_are_not_the_tenants_fault(data: Path) -> None:
    (a,), folders, size = clients(data, 1)
    work = a.work(1)
    several = Work(work.plan, 1, work.key_id, work.keys, (data, *work.images))
    unread, answer = Runner(folders, size, 1).run(several)
    assert isinstance(unread, Refusal)
    assert (unread.status, unread.code) == (500, "run_failed")
    assert str(data) not in unread.message
    assert isinstance(answer, bytes)


def test_budget__without_room_for_one_client_is_refused(data: Path) -> None:
    _, _, size = clients(data, 0)
    for workers in (1, 2, 3):
        little = workers * size - 1
        with pytest.raises(nn.NetworkError, match=rf"take {size} bytes .* allow \d+ MiB") as told:
            make_workers(Settings(data=data, workers=workers, memory_bytes=little), Models(data))
        allowed = int(str(told.value).partition("allow ")[2].split()[0]) << 20
        make_workers(Settings(data=data, workers=workers, memory_bytes=allowed), Models(data))

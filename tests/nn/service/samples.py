"""A small published network, services in this process, and services in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

import nn
from nn.service.publishing import publish
from nn.service.server.database import FILE, Database
from nn.service.server.main import configuration
from nn.service.server.runner import Outcome, Runner, Work
from nn.service.server.service import Service
from nn.service.server.settings import Quota, Settings
from nn.service.server.tenants import Tenants
from nn.service.server.workers import Stage, Worker, WorkerLostError

_clients: list[httpx.Client] = []

MODEL = "small"
SHAPE = (1, 8, 8)


def small_network() -> nn.Network:
    rng = np.random.default_rng(3)
    layers = {
        "conv": nn.Conv2d(rng.normal(size=(2, 1, 3, 3)), np.zeros(2)),
        "square": nn.Polynomial.square(),
        "flat": nn.Flatten(),
        "fc": nn.Linear(rng.normal(size=(3, 72)), np.ones(3)),
    }
    before = ("input", *layers)
    nodes = tuple(
        nn.Node(name, layer, (i,)) for (name, layer), i in zip(layers.items(), before, strict=False)
    )
    return nn.Network(MODEL, SHAPE, nodes).calibrated(rng.random((20, *SHAPE)))


def images(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((count, *SHAPE))


def publish_small(data: Path) -> None:
    network = small_network()
    publish(data, MODEL, network, nn.compile(network))


def add_tenant(
    data: Path, name: str, quota: Quota | None = None, valid_s: float | None = None
) -> str:
    """A new token of a tenant."""
    database = Database(data / FILE)
    try:
        Tenants(database).add(name, quota)
        return Tenants(database).new_token(name, valid_s)
    finally:
        database.close()


@dataclass
class ThreadWorker:
    """A worker in this process. hold: while it is set, runs wait; losses: runs that fail."""

    data: Path
    hold: threading.Event = field(default_factory=threading.Event)
    losses: int = 0
    groups: list[int] = field(default_factory=list)
    runner: Runner | None = None
    stopped: bool = False

    def start(self) -> None:
        folders = list((self.data / "models").iterdir())
        self.runner = self.runner or Runner(folders, 1 << 30, 1)

    def run(self, work: Work, on_stage: Stage, is_cancelled: Callable[[], bool]) -> list[Outcome]:
        assert self.runner is not None
        while self.hold.is_set() and work.images and not self.stopped:
            time.sleep(0.01)
        if self.stopped:
            raise WorkerLostError("stopped")
        if work.images and self.losses:
            self.losses -= 1
            raise WorkerLostError("lost on purpose")
        if work.images:
            self.groups.append(len(work.images))
        return self.runner.run(work, _Stages(on_stage))

    def forget(self, serial: int) -> None:
        assert self.runner is not None
        self.runner.forget(serial)

    def stop(self) -> None:
        self.stopped = True


class _Stages:
    def __init__(self, on_stage: Stage) -> None:
        self.start = on_stage

    def advance(self) -> None: ...

    def done(self, level: int) -> None: ...


@contextlib.contextmanager
def running(
    data: Path, workers: Sequence[Worker] | None = None, **settings: Any
) -> Iterator[tuple[str, Service]]:
    """A service in a thread of this process: its URL and itself."""
    workers = [ThreadWorker(data)] if workers is None else workers
    service = Service(Settings(data=data, reserve_bytes=0, **settings), workers)
    config = configuration(service.settings, service)
    config.port, config.timeout_graceful_shutdown = 0, 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        scheme = "https" if service.settings.certificate else "http"
        yield f"{scheme}://127.0.0.1:{port}", service
    finally:
        while _clients:
            _clients.pop().close()
        server.should_exit = True
        thread.join()


def http(url: str, token: str) -> httpx.Client:
    """Plain requests of a tenant, until the service of `running` ends."""
    headers = {"Authorization": f"Bearer {token}"}
    _clients.append(httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=60))
    return _clients[-1]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


@dataclass
class Process:
    """A service in a process of its own, with one worker process."""

    data: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start, and wait until a worker is ready; the URL."""
        settings = Settings(data=self.data, port=self.port, workers=1, reserve_bytes=0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nn.service.server", settings.to_json()],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        url = self.process.stdout.readline().split()[-1]
        self.port = int(url.rpartition(":")[2])
        return url

    def kill(self) -> None:
        """`kill -9` of the service and its workers."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def until_ready(url: str, seconds: float = 120) -> None:
    """Wait until a worker of the service is ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/v1/health").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the service does not start")

"""`python -m benchmarks service`: many clients at once at a service, beside the library alone.

The clients are threads of this process. Each has its images encrypted beforehand, sends one, waits
for the answer, and sends the next. Rounds of the clients and of the library alone take turns. The
library runs as many images as a service groups, from bytes to bytes, on all threads.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nn
from nn.network.layers import FloatArray
from nn.service.publishing import publish
from nn.service.server.database import FILE, Database
from nn.service.server.settings import Settings
from nn.service.server.tenants import Tenants
from ntt.threads import machine_threads

_START_S = 300.0
_PERCENT = 100


@dataclass
class ServiceRow:
    """One service under load. waiting: from sending an image to having its answer.

    key_memory_bytes: of one client's keys in a worker.

    library_processor_s, service_processor_s: of one image. Unlike the rates, they are the same
    where other processes take their part of the machine.
    """

    network: str
    clients: int
    tenants: int
    workers: int
    group: int
    images: int
    wrong: int
    images_per_s: float
    library_images_per_s: float
    share: float
    waiting_median_s: float
    waiting_p99_s: float
    library_processor_s: float
    service_processor_s: float
    memory_budget_bytes: int
    memory_bytes: int
    key_memory_bytes: int

    operation: str = "service"


@dataclass
class _Tenant:
    client: nn.RemoteClient
    token: str


def run(
    network: str, clients: int, tenants: int, images: int, rounds: int, memory_bytes: int
) -> ServiceRow:
    """Measure rounds of `images` images of each client, in turns with the library alone.

    Raises `NetworkError` where a request fails; answers that are not the network's count as wrong.
    """
    model = nn.zoo.load(network)
    pixels = nn.zoo.test_images(network)[0].astype(np.float64)
    workers = machine_threads()
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        plan = nn.compile(model)
        publish(data, network, model, plan)
        settings = Settings(data=data, port=0, workers=workers, memory_bytes=memory_bytes)
        tokens = _tokens(data, tenants)
        with _service(settings) as (url, process), contextlib.ExitStack() as stack:
            owners = [
                _Tenant(stack.enter_context(nn.RemoteClient(url, token)), token)
                for token in tokens
            ]
            for owner in owners:
                owner.client.upload_keys()
            library = _Library(model, plan, pixels, settings.group)
            load = [
                _Caller(url, owners[index % tenants], pixels, index * images, images)
                for index in range(clients)
            ]
            _round(load)  # the kernels of all workers are loaded, the keys too
            library.seconds()
            alone: list[float] = []
            loaded: list[float] = []
            memory, spent = 0, 0.0
            waits: list[float] = []
            wrong = 0
            for _ in range(rounds):
                alone.append(library.seconds())
                before = _processor_s(process.pid)
                loaded.append(_round(load))
                spent += _processor_s(process.pid) - before
                memory = max(memory, _memory_bytes(process.pid))
                waits += [wait for caller in load for wait in caller.waits]
                wrong += sum(caller.wrong(model) for caller in load)
    rate = clients * images / statistics.median(loaded)
    library_rate = settings.group * _Library.REPEATS / statistics.median(alone)
    return ServiceRow(
        network,
        clients,
        tenants,
        workers,
        settings.group,
        clients * images * rounds,
        wrong,
        rate,
        library_rate,
        rate / library_rate,
        statistics.median(waits),
        statistics.quantiles(waits, n=_PERCENT)[-1],
        library.processor_s / (settings.group * _Library.REPEATS * (rounds + 1)),
        spent / (clients * images * rounds),
        memory_bytes,
        memory,
        plan.key_memory_bytes,
    )


class _Library:
    """The library alone: groups of images from bytes to bytes, on all threads."""

    REPEATS = 8

    def __init__(
        self, model: nn.Network, plan: nn.InferencePlan, pixels: FloatArray, group: int
    ) -> None:
        client = nn.PackedClient(plan)
        self._server = nn.PackedServer(plan, model, client.evaluation_keys())
        self._images = client.encrypt(pixels[:group]).to_bytes()
        self._server.run(self._images).to_bytes()
        self.processor_s = 0.0

    def seconds(self) -> float:
        """The seconds of so many groups."""
        begin, spent = time.perf_counter(), time.process_time()
        for _ in range(self.REPEATS):
            self._server.run(self._images).to_bytes()
        self.processor_s += time.process_time() - spent
        return time.perf_counter() - begin


class _Caller:
    """One client: it sends an image and waits for the answer, image after image."""

    def __init__(
        self, url: str, owner: _Tenant, pixels: FloatArray, first: int, images: int
    ) -> None:
        self._host = url.removeprefix("http://")
        self._owner = owner
        self._indices = [(first + i) % len(pixels) for i in range(images)]
        self._pixels = pixels
        self.waits: list[float] = []
        self._answers: list[bytes] = []
        self._batches: list[nn.EncryptedBatch] = []
        self._problem: Exception | None = None

    def prepare(self) -> None:
        """Encrypt the images of a round."""
        encrypt = self._owner.client.encrypt
        self._batches = [encrypt(self._pixels[i : i + 1]) for i in self._indices]
        self._contents = [batch.to_bytes() for batch in self._batches]
        self.waits, self._answers = [], []

    def call(self) -> None:
        """Send all images of a round, and keep the answers."""
        try:
            connection = http.client.HTTPConnection(self._host, timeout=120)
            for content in self._contents:
                begin = time.perf_counter()
                self._answers.append(self._answer(connection, content))
                self.waits.append(time.perf_counter() - begin)
            connection.close()
        except Exception as error:
            self._problem = error

    def wrong(self, model: nn.Network) -> int:
        """How many answers of the round are not those of the network."""
        if self._problem is not None:
            raise nn.NetworkError(f"a client failed: {self._problem}") from self._problem
        client, count = self._owner.client, 0
        for index, batch, answer in zip(
            self._indices, self._batches, self._answers, strict=True
        ):
            found = client.decrypt(answer, request=batch)
            error = np.abs(found - model(self._pixels[index : index + 1]))
            count += bool((error > client.plan.predicted_error).any())
        return count

    def _answer(self, connection: http.client.HTTPConnection, content: bytes) -> bytes:
        path = f"/v1/jobs?keys={self._owner.client.key_id}"
        job = json.loads(self._request(connection, "POST", path, content))["id"]
        return self._request(connection, "GET", f"/v1/jobs/{job}/answer?wait=60")

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        content: bytes | None = None,
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self._owner.token}"}
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 202):
            raise nn.NetworkError(f"status {answer.status}: {body[:200]!r}")
        return body


def _round(load: Sequence[_Caller]) -> float:
    """The seconds in which all clients have all their answers."""
    for caller in load:
        caller.prepare()
    threads = [threading.Thread(target=caller.call) for caller in load]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def _tokens(data: Path, count: int) -> list[str]:
    database = Database(data / FILE)
    try:
        tenants = Tenants(database)
        names = [f"tenant {number}" for number in range(count)]
        for name in names:
            tenants.add(name)
        return [tenants.new_token(name) for name in names]
    finally:
        database.close()


@contextlib.contextmanager
def _service(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A service in a process of its own, when all its workers are ready."""
    command = [sys.executable, "-m", "nn.service.server", settings.to_json()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        host, end = url.removeprefix("http://"), time.monotonic() + _START_S
        while _ready_workers(host) != settings.workers:
            if time.monotonic() > end:
                raise nn.NetworkError("the service does not start")
            time.sleep(0.1)
        yield url, process
    finally:
        process.terminate()
        process.communicate()


def _ready_workers(host: str) -> int:
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("GET", "/v1/health")
        ready: int = json.loads(connection.getresponse().read())["workers_ready"]
    except OSError:  # it does not listen yet
        return 0
    finally:
        connection.close()
    return ready


def _processes(process: int) -> list[int]:
    """A process and its children; none where the system does not tell."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [process, *(int(one) for task in tasks for one in task.read_text().split())]


def _memory_bytes(process: int) -> int:
    """The memory of a process and its children; pages that they share count once."""
    total = 0
    for one in _processes(process):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _processor_s(process: int) -> float:
    """The processor time of a process and its children that run."""
    ticks = 0
    for one in _processes(process):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")

"""A service on a Ray cluster of several nodes; `test_ray_workers` runs this in a process.

    unshare --net --map-root-user python on_a_cluster.py DATA

The process has a network of its own, with loopback alone, for Ray takes any other network it finds.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

import nn
from nn.service.server.ray_workers import RayWorker, connect
from tests.nn.service.samples import add_tenant, images, running, small_network

STORE_BYTES = 100 << 20
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


def loopback_up() -> None:
    """Let loopback work, as `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        found = fcntl.ioctl(one, _GET_FLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", found)[1]
        fcntl.ioctl(one, _SET_FLAGS, struct.pack("16sh22x", b"lo", flags | _UP))


def lost_node(cluster: Any, nodes: list[Any], data: Path) -> None:
    """One of two nodes is killed while its jobs run; every job is answered all the same."""
    folders = list((data / "models").iterdir())
    workers = [RayWorker(folders, 1 << 30, 1, 300.0) for _ in range(2)]
    token = add_tenant(data, "one")
    network = small_network()
    with (
        running(data, workers, attempts=5) as (url, service),
        nn.RemoteClient(url, token) as client,
    ):
        while service.dispatcher.ready_workers < 2:
            time.sleep(0.1)
        jobs = [client.submit(images(8, seed)) for seed in range(12)]
        while service.dispatcher.waiting > 9:
            time.sleep(0.005)
        cluster.remove_node(nodes[0], allow_graceful=False)
        for seed, job in enumerate(jobs):
            found = client.decrypt(client.answer(job), request=job.images)
            error = np.abs(found - network(images(8, seed))).max()
            assert error <= client.plan.predicted_error.max()
        print("answered", len(jobs))
        # Cancelled jobs, and keys that are deleted, on what is left of the cluster.
        jobs = [client.submit(images(8, seed)) for seed in range(6)]
        for job in jobs[1:]:
            client.cancel(job)
        assert client.decrypt(client.answer(jobs[0]), request=jobs[0].images).shape == (8, 3)
        client.delete_keys()
        assert client.classify(images(1)).shape == (1, 3)
        print("lost", int(service.metrics.restarts._value.get()))


def main() -> None:
    """Make a cluster of a head without processors and two nodes, and use it."""
    loopback_up()
    shared = {"object_store_memory": STORE_BYTES}
    head = {**shared, "num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [cluster.add_node(**shared, num_cpus=1) for _ in range(2)]
        assert connect(cluster.address) == 2
        lost_node(cluster, nodes, Path(sys.argv[1]))
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()

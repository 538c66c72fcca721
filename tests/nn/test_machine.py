"""The description of the machine that results carry."""

from __future__ import annotations

import json
import platform
import re
import resource

import nn
import ntt
from nn.machine import backend_name, machine_description, peak_rss_bytes, source_commit


def test_machine_description__is_plain_data_with_versions() -> None:
    described = machine_description()
    assert json.loads(json.dumps(described)) == described
    assert described["python"] == platform.python_version()
    assert described["threads_available"] == ntt.machine_threads()
    assert described["cpu"]
    assert {"numpy", "numba", "llvmlite", "system", "memory_bytes"} <= set(described)


def test_backend_name__is_the_one_in_force() -> None:
    plan = nn.compile(nn.zoo.load("mnist"))
    try:
        ntt.set_backend("scalar")
        assert backend_name(plan.params) == "scalar"
        ntt.set_backend("auto")
        assert backend_name(plan.params) == ntt.available_backends()[0]
    finally:
        ntt.set_backend(None)


def test_peak_rss_bytes__is_the_systems_count_and_never_falls() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = peak_rss_bytes()
    assert peak >= before
    ballast = bytearray(50_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert peak_rss_bytes() >= max(peak, 50_000_000)


def test_source_commit__is_a_hash_or_none() -> None:
    commit = source_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit)

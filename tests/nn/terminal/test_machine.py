"""The description of the machine that results carry."""

from __future__ import annotations

import json
import platform
import re
import resource
import subprocess
from pathlib import Path

import pytest

import nn
import ntt
from nn.terminal import machine
from nn.terminal.machine import backend_name, machine_description, peak_rss_bytes, source_commit


def test_machine_description__is_plain_data_with_versions() -> None:
    described = machine_description()
    assert json.loads(json.dumps(described)) == described
    assert described["python"] == platform.python_version()
    assert described["threads_available"] == ntt.machine_threads()
    assert described["cpu"]
    assert {"numpy", "numba", "llvmlite", "system", "memory_bytes"} <= set(described)


def test_machine_description__tells_processors_of_one_name_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "_CPUINFO", cpuinfo)
    monkeypatch.setattr(machine, "_CACHES", tmp_path / "cache")
    missing = machine_description()
    assert missing["cpu"]
    assert (missing["cpu_family"], missing["cpu_model_number"]) == (None, None)
    assert missing["cache_bytes"] == {}
    cpuinfo.write_text("cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nmodel : 3\n")
    for index, texts in enumerate([("1", "Data", "32K"), ("2", "Unified", "1M"), ("3", "", "odd")]):
        folder = tmp_path / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        for name, text in zip(("level", "type", "size"), texts, strict=True):
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "cache" / "index9").mkdir()
    described = machine_description()
    assert described["cpu"] == "AMD EPYC"
    assert (described["cpu_family"], described["cpu_model_number"]) == (25, 17)
    assert described["cache_bytes"] == {"L1d": 32768, "L2": 1 << 20}


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


def test_source_commit__tells_changes_but_not_of_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "nn" / "terminal" / "machine.py"
    files = [source, tmp_path / "benchmarks" / "results" / "a.json"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("1")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(machine, "__file__", str(files[0]))
    files[1].write_text("2")
    commit = source_commit()
    assert commit is not None
    assert re.fullmatch("[0-9a-f]{40}", commit)
    files[0].write_text("2")
    assert source_commit() == f"{commit}+changes"

"""The transform benchmark measures every backend, checks it first, and derives its limits."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ntt
from benchmarks.main import main
from benchmarks.operations import transform_limits, transforms
from benchmarks.operations.primitives import WrongResult
from ntt.backends import select


def test_run__has_a_row_for_every_backend_and_operation() -> None:
    rows = transforms.run([256, 512], seconds=0.02)
    found = [(row.N, row.backend, row.operation) for row in rows]
    assert found == [
        (N, name, operation)
        for N in (256, 512)
        for name in ntt.available_backends()
        for operation in ("forward", "inverse")
    ]
    for row in rows:
        butterflies = row.N // 2 * (row.N.bit_length() - 1)
        assert 0 < row.best_s <= row.median_s
        assert row.median_ns_per_butterfly == pytest.approx(row.median_s * 1e9 / butterflies)
        assert row.threads == 1
        assert row.limit_ns_per_butterfly is not None
        assert row.limit_ns_per_butterfly > 0


def test_run__small_rings_take_the_backends_that_hold_them() -> None:
    """A kernel that is given fewer residues than its vectors hold would read past them."""
    rows = transforms.run([8, 64], seconds=0.01)
    for N in (8, 64):
        found = {row.backend for row in rows if row.N == N}
        assert found == {
            name
            for name in ntt.available_backends()
            if select.backend_module(name).MIN_RING_DEGREE <= N
        }
    for name in set(ntt.available_backends()) - {row.backend for row in rows if row.N == 8}:
        with pytest.raises(ntt.BackendError, match=rf"{name}.* needs N >= \d+, not 8"):
            transforms.run([256, 8], [name], seconds=0.01)


def test_run__leaves_backend_and_threads_as_they_were() -> None:
    before = ntt.get_backend()
    transforms.run([256], ["scalar"], seconds=0.01)
    assert ntt.get_backend() == before
    assert ntt.get_threads() == ntt.machine_threads()


def test_run__wrong_values_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    module = select.backend_module(ntt.available_backends()[0])
    monkeypatch.setattr(module, "inverse", lambda x, *rest: np.copyto(x, 0))
    with pytest.raises(WrongResult, match="does not undo"):
        transforms.run([256], seconds=0.01)


def test_run__unknown_backend_is_refused() -> None:
    with pytest.raises(ntt.BackendError, match="neon"):
        transforms.run([256], ["neon"], seconds=0.01)


@pytest.mark.parametrize(
    ("lanes", "N", "row_passes", "block_passes"),
    [
        # 8 lanes, 9 stages outside registers: one alone, four pairs, the registers.
        (8, 1 << 12, 1, 5),
        # 13 stages: one and a pair on 2^16 words leave blocks of 2^13, another pair of 2^11.
        (8, 1 << 16, 3, 5),
        # 10 stages outside registers: a pair on the row leaves blocks of 2^11.
        (8, 1 << 13, 1, 5),
        (4, 1 << 12, 0, 6),
    ],
)
def test_passes__as_counted_by_hand(
    monkeypatch: pytest.MonkeyPatch, lanes: int, N: int, row_passes: int, block_passes: int
) -> None:
    port = SimpleNamespace(PER_STEP=8 * lanes)
    monkeypatch.setattr(transform_limits, "_port", lambda backend: port)
    assert transform_limits.passes("fma", N) == (row_passes, block_passes)


def test_passes__of_scalar_join_the_last_two_stages() -> None:
    assert transform_limits.passes("scalar", 1 << 12) == (11, 0)


@pytest.mark.parametrize("backend", ntt.available_backends())
def test_limit__is_below_what_is_measured(backend: str) -> None:
    (forward, inverse) = transforms.run([1 << 13], [backend], seconds=0.2)
    bound = transform_limits.limit(backend, 1 << 13)
    assert bound.ns == max(bound.multiply_ns, bound.traffic_ns)
    # Half of it: both are measured, on a machine that may do other work at the time.
    assert bound.ns / 2 < min(forward.best_ns_per_butterfly, inverse.best_ns_per_butterfly)


def test_command__writes_rows_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    words = ["ntt", "--degree", "256", "--seconds", "0.01"]
    assert main([*words, "--json", str(json_file), "--plot", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(json_file.read_text())
    assert len(lines) == 1 + len(result["rows"]) == 1 + 2 * len(ntt.available_backends())
    assert {"library", "operation", "N", "threads", "median_s"} <= set(result["rows"][0])
    assert result["command"].startswith("python -m benchmarks ntt --degree 256")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_command__wrong_degree_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ntt", "--degree", "1000"]) == 2
    assert "RingDegreeError" in capsys.readouterr().err

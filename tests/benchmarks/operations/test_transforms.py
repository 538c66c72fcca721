"""The transform benchmark measures every backend, and checks it first."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from benchmarks.operations import transforms
from benchmarks.operations.suite import WrongResult
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

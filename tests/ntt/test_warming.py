"""`ntt.warm` and `python -m ntt warm`: afterwards nothing is left to compile."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt import jit
from ntt import main as command
from ntt.backends import select
from ntt.backends.contract import KERNELS, Backend, argument_types
from ntt.limbs import LimbOps
from tests.ntt.operations import calls


def name_of(backend: Backend) -> str:
    return backend.__name__.rpartition(".")[2]


def test_warm__compiles_every_kernel_of_the_backend(backend: Backend) -> None:
    seen: list[tuple[str, str]] = []
    ntt.warm(name_of(backend), progress=lambda *step: seen.append(step[:2]))
    assert seen == [(name_of(backend), kernel) for kernel in KERNELS]
    module = select.source_module(name_of(backend))
    for kernel in KERNELS:
        assert argument_types(kernel) in getattr(module, kernel).overloads


def test_warm__afterwards_nothing_is_left_to_compile(backend: Backend) -> None:
    ntt.warm(name_of(backend))
    assert ntt.is_warm(name_of(backend))
    before = jit.compilations()
    assert not ntt.warm(name_of(backend))
    assert jit.compilations() == before


def test_warm__afterwards_no_operation_compiles_anything(backend: Backend) -> None:
    ntt.warm(name_of(backend))
    compiled = [len(kernel.overloads) for kernel in jit._kernels]
    for N in (128, 4096):
        tables = ntt.NTTTables(N, ntt.find_primes(40, N, 3))
        ops = LimbOps(tables, tables.all_rows, backend)
        for call in calls(ops, _ones, _ones).values():
            call()
        ops.multiply(*(_ones(2, 3, N) for _ in range(3)))  # limbs that repeat
    assert [len(kernel.overloads) for kernel in jit._kernels] == compiled


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, dtype=np.uint64)


def test_is_warm__not_where_one_kernel_is_cold(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.warm(name_of(backend))
    for cold in KERNELS:
        types = argument_types(cold)
        monkeypatch.setattr(jit.KernelCache, "holds", lambda _, asked, cold=types: asked != cold)
        assert not ntt.is_warm(name_of(backend)), cold


def test_warm__unknown_backend_is_refused() -> None:
    for call in (ntt.warm, ntt.is_warm):
        with pytest.raises(ntt.BackendError, match="neon"):
            call("neon")


def test_command__says_that_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    ntt.warm("scalar")
    assert command.main(["warm", "--backend", "scalar"]) == 0
    assert "already" in capsys.readouterr().out


def test_command__shows_each_kernel(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_warm", lambda *_: False)
    assert command.main(["warm", "--backend", "scalar"]) == 0
    out = capsys.readouterr().out
    assert all(kernel in out for kernel in KERNELS)
    assert "not kept" in out


def test_command__unknown_backend_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["warm", "--backend", "neon"]) == 2
    assert "neon" in capsys.readouterr().err


def test_warm__leaves_the_choice_of_backend_alone() -> None:
    ntt.set_backend("scalar")
    ntt.warm(*ntt.available_backends())
    assert ntt.get_backend() == "scalar"
    ntt.set_backend(None)

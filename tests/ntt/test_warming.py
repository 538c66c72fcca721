from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import ntt
from ntt import __main__ as command
from ntt import jit
from ntt.backends import select


def test_warm__runs_every_kernel_of_the_backend(backend: ModuleType) -> None:
    name = backend.__name__.rpartition(".")[2]
    seen: list[tuple[str, str]] = []
    ntt.warm(name, progress=lambda *step: seen.append(step[:2]))
    assert seen == [(name, kernel) for kernel in select.KERNELS]
    assert all(getattr(backend, kernel).overloads for kernel in select.KERNELS)


def test_warm__afterwards_nothing_is_left_to_compile(backend: ModuleType) -> None:
    name = backend.__name__.rpartition(".")[2]
    ntt.warm(name)
    assert ntt.is_warm(name)
    before = jit.compilations()
    assert not ntt.warm(name)
    assert jit.compilations() == before


def test_backends__define_the_same_kernels_with_the_same_arguments(backend: ModuleType) -> None:
    reference = select.backend_module("scalar")
    for kernel in select.KERNELS:
        ours, theirs = (getattr(module, kernel).py_func for module in (backend, reference))
        assert inspect.signature(ours) == inspect.signature(theirs), kernel


def test_warm__unknown_backend_is_refused() -> None:
    with pytest.raises(ntt.BackendError, match="neon"):
        ntt.warm("neon")


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
    assert all(kernel in out for kernel in select.KERNELS)
    assert "not kept" in out


def test_command__unknown_backend_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["warm", "--backend", "neon"]) == 2
    assert "neon" in capsys.readouterr().err


def test_warm__leaves_the_choice_of_backend_alone() -> None:
    ntt.set_backend("scalar")
    ntt.warm(*ntt.available_backends())
    assert ntt.get_backend() == "scalar"
    ntt.set_backend(None)

"""The features of the CPU that kernels are compiled for."""

from __future__ import annotations

import pytest
from llvmlite import binding
from numba import config

from ntt.cpu import cpu_features


def test_cpu_features__of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CPU_FEATURES", None)
    monkeypatch.setattr(config, "CPU_NAME", None)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"fma": True, "avx512f": False})
    assert cpu_features.__wrapped__() == {"fma"}


def test_cpu_features__of_a_named_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CPU_FEATURES", "+avx2,+fma,-avx512f")
    assert cpu_features.__wrapped__() == {"avx2", "fma"}
    monkeypatch.setattr(config, "CPU_FEATURES", None)
    monkeypatch.setattr(config, "CPU_NAME", "generic")
    assert cpu_features.__wrapped__() == frozenset()

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.limbs import LimbOps


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(select.ENVIRONMENT_VARIABLE, raising=False)
    ntt.set_backend(None)
    yield
    monkeypatch.undo()
    ntt.set_backend(None)


@pytest.fixture
def bare_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with none of the optional features."""
    monkeypatch.setattr(select, "cpu_features", lambda: frozenset({"sse2"}))


def module_name(N: int, bits: int) -> str:
    return select.backend_for(N, bits).__name__.rpartition(".")[2]


def test_available__scalar_is_always_last() -> None:
    assert ntt.available_backends()[-1] == "scalar"


def test_available__follows_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for features, expected in (
        ({"sse2"}, ("scalar",)),
        ({"avx2", "fma"}, ("fma", "scalar")),
        ({"avx512f", "avx512ifma", "fma"}, ("ifma", "fma", "scalar")),
        ({"avx512f", "fma"}, ("fma", "scalar")),
    ):
        monkeypatch.setattr(select, "cpu_features", lambda have=features: frozenset(have))
        assert ntt.available_backends() == expected


def test_auto__takes_the_fastest_that_holds_the_moduli() -> None:
    ntt.set_backend("auto")
    assert module_name(1 << 12, 50) == ntt.available_backends()[0]
    assert module_name(1 << 12, 51) == "scalar"
    assert module_name(8, 50) == "scalar"


def test_set_backend__by_name_and_back() -> None:
    ntt.set_backend("scalar")
    assert ntt.get_backend() == "scalar"
    assert module_name(1 << 12, 50) == "scalar"
    ntt.set_backend(None)
    assert ntt.get_backend() == "auto"


def test_environment__is_used_and_can_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(select.ENVIRONMENT_VARIABLE, "scalar")
    ntt.set_backend(None)
    assert ntt.get_backend() == "scalar"
    ntt.set_backend("auto")
    assert ntt.get_backend() == "auto"


def test_environment__unknown_name_is_refused_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(select.ENVIRONMENT_VARIABLE, "avx9")
    ntt.set_backend(None)
    with pytest.raises(ntt.BackendError, match=r"HE_ACCEL_BACKEND names 'avx9'.*auto, ifma, fma"):
        ntt.get_backend()


def test_set_backend__unknown_is_refused() -> None:
    with pytest.raises(ntt.BackendError, match="'avx9'"):
        ntt.set_backend("avx9")
    assert ntt.get_backend() == "auto"


@pytest.mark.usefixtures("bare_cpu")
@pytest.mark.parametrize(("name", "feature"), [("ifma", "avx512ifma"), ("fma", "fma")])
def test_set_backend__what_the_cpu_lacks_is_refused(name: str, feature: str) -> None:
    with pytest.raises(ntt.BackendError, match=f"lacks .*{feature}; it can run scalar"):
        ntt.set_backend(name)


def test_backend_for__prime_too_large_for_the_named_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fastest = ntt.available_backends()[0]
    ntt.set_backend(fastest)
    tables = ntt.NTTTables(1 << 10, ntt.find_primes(60, 1 << 10, 1))
    if fastest == "scalar":
        monkeypatch.setattr(select.backend_module("scalar"), "MAX_MODULUS_BITS", 50)
    with pytest.raises(ntt.BackendError, match=r"at most 50 bits.*60 bits.*'auto'.*'fma,scalar'"):
        ntt.forward(np.zeros((1, 1 << 10), dtype=np.uint64), tables)


@pytest.mark.parametrize("first", ntt.available_backends())
def test_backend_for__the_first_of_several_that_holds_the_moduli(first: str) -> None:
    ntt.set_backend(f"{first},scalar")
    assert module_name(1 << 12, 50) == first
    assert module_name(1 << 12, 60) == "scalar"
    assert module_name(8, 50) == "scalar"


def test_set_backend__of_several_each_is_checked_and_kept_once() -> None:
    ntt.set_backend("scalar, scalar")
    assert ntt.get_backend() == "scalar"
    for wrong in ("scalar,avx9", "scalar,"):
        with pytest.raises(ntt.BackendError, match="the backends are auto, ifma, fma, scalar"):
            ntt.set_backend(wrong)
    with pytest.raises(ntt.BackendError, match="it stands alone"):
        ntt.set_backend("auto,scalar")
    with pytest.raises(ntt.BackendError, match="name one backend, not 'scalar,scalar'"):
        select.backend_module("scalar,scalar")


def test_limb_ops__follow_a_change_of_backend() -> None:
    q = ntt.find_primes(45, 128, 1)
    ops = LimbOps(ntt.NTTTables(128, q), np.arange(1))
    x = np.random.default_rng(0).integers(0, q[0], (1, 128), dtype=np.uint64)
    results = []
    for name in ntt.available_backends():
        ntt.set_backend(name)
        results.append(ops.forward(x.copy()))
    assert all((result == results[0]).all() for result in results)

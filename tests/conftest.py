"""Settings that every test shares: Hypothesis profiles, and how missing peers are treated."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.comparisons import COMPARISONS

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

# Kernels compile on their first call, so no example has a deadline and none is "too slow". CI
# draws the same examples each time; a developer's runs draw new ones.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    derandomize=IN_CI,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def pyfhel() -> ModuleType:
    """The Pyfhel module (Microsoft SEAL), for tests marked crosscheck.

    CI always has it, so there its absence is a failure; elsewhere the test says how to get it.
    """
    try:
        return importlib.import_module("Pyfhel")
    except ImportError as error:
        if IN_CI:
            pytest.fail(f"Pyfhel is missing in CI: {error}")
        pytest.skip("Pyfhel is not installed; `make test` builds it")


@pytest.fixture(scope="session")
def tenseal() -> ModuleType:
    """The TenSEAL module (a newer SEAL, with zstd), for tests marked crosscheck; as `pyfhel`."""
    try:
        importlib.import_module("tenseal.sealapi")
        return importlib.import_module("tenseal")
    except ImportError as error:
        if IN_CI:
            pytest.fail(f"TenSEAL is missing in CI: {error}")
        pytest.skip("TenSEAL is not installed; `make test` installs it")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test process of several hands its count of comparisons to the one that prints it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["comparisons"] = COMPARISONS.counts()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the count of a test process that ends."""
    COMPARISONS.add(getattr(node, "workeroutput", {}).get("comparisons", (0, 0, 0)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how much was compared with SEAL."""
    arrays, residues, mismatches = COMPARISONS.counts()
    if arrays:
        terminalreporter.write_line(
            f"crosscheck with SEAL: {arrays} comparisons of {residues} residues, "
            f"{mismatches} mismatches"
        )

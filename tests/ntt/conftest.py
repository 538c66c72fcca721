"""Every test that takes `backend` runs under each backend that this CPU has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ntt
from ntt.backends import select
from ntt.backends.contract import Backend


@pytest.fixture(scope="module", params=ntt.available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend, which is in force while the test runs."""
    ntt.set_backend(request.param)
    yield select.backend_module(request.param)
    ntt.set_backend(None)

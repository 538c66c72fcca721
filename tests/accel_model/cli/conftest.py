"""A trace in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from he import trace as traces
from tests.accel_model.programs import product_trace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the trace of a product and its relinearization."""
    path = tmp_path / "a.trace"
    traces.save(product_trace(), path)
    return path

"""TenSEAL, as in tests/he/interop/seal."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def tenseal() -> ModuleType:
    try:
        importlib.import_module("tenseal.sealapi")
        return importlib.import_module("tenseal")
    except ImportError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"TenSEAL is missing in CI: {error}")
        pytest.skip("TenSEAL is not installed: pip install tenseal")

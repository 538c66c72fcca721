"""A published network, which each test gets in a data folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.nn.service.samples import publish_small


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish_small(folder)
    return folder


@pytest.fixture
def data(published: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(published, folder)
    return folder

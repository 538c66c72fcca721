"""Workers on a Ray cluster of several nodes, one of which is killed in the middle of a job."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IN_CI

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.timeout(900)
def test_node__that_is_lost_has_its_jobs_run_elsewhere(data: Path) -> None:
    if importlib.util.find_spec("ray") is None or shutil.which("unshare") is None:
        if IN_CI:
            pytest.fail("Ray or unshare is missing in CI")
        pytest.skip("Ray is not installed, or unshare")
    script = Path(__file__).with_name("on_a_cluster.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    finished = subprocess.run(
        ["unshare", "--net", "--map-root-user", sys.executable, script, data],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "answered 12" in finished.stdout
    assert "lost 1" in finished.stdout

"""The committed estimates keep every origin, and are quick."""

from __future__ import annotations

import numpy as np
import pytest

from accel_model.machine.figures import TAGS
from tools.tables.result_files import NETWORKS, load, load_networks


def test_compared__keeps_every_origin() -> None:
    for result, name in zip(load_networks("compare"), NETWORKS, strict=True):
        assert result["workload"] == name
        assert result["command"].startswith(f"python -m benchmarks compare --workload {name} ")
        assert result["commit"]
        assert result["software"]["threads"] == 1
        assert [machine["machine"] for machine in result["machines"]] == ["ecp5", "asic7"]
        for machine in result["machines"]:
            time_s = machine["time_s"]
            assert machine["speed_up"] == result["software"]["median_s"] / time_s
            assert sum(part["time_s"] for part in machine["layers"]) == pytest.approx(time_s)
            for figure in machine["figures"].values():
                assert figure["tag"] in TAGS
                assert figure["origin"]


def test_estimation__is_quick_and_grows_in_proportion() -> None:
    """A whole image takes less than ten seconds on a core. The time grows with a power of the
    steps near one: a power of 1.5 would be twice the time a step from the smallest size to the
    largest, which other work on the machine can cause."""
    rows = load("estimation")["rows"]
    assert all(row["lower_s"] + row["estimate_s"] < 10 for row in rows)
    for machine in {row["machine"] for row in rows}:
        own = [row for row in rows if row["machine"] == machine]
        assert len({row["instructions"] for row in own}) >= 3
        steps = np.log([row["steps"] for row in own])
        times = np.log([row["estimate_s"] for row in own])
        assert np.polyfit(steps, times, 1)[0] < 1.5, machine

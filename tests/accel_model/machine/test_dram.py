"""The DRAM model: bounds, and the efficiency that machines state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accel_model.machine.dram import HBM2E, efficiency, limb_ns
from accel_model.machine.machine_file import load_machine


def test_dram__no_limb_is_faster_than_the_peak_or_the_banks():
    size = 8192 * 50 / 8
    data = size / HBM2E.channels / HBM2E.channel_bytes_per_ns
    assert limb_ns(HBM2E, size) == data
    slow = replace(HBM2E, window_ns=400.0)
    assert limb_ns(slow, size) == pytest.approx(size / 32 / 1024 * 100)
    few = replace(HBM2E, banks=1)
    assert limb_ns(few, size) == pytest.approx(size / 32 / 1024 * HBM2E.cycle_ns)
    perfect = replace(HBM2E, refresh_ns=0.0, precharge_ns=0.0, activate_ns=0.0)
    assert efficiency(perfect, size) == 1
    assert efficiency(HBM2E, size) < 1 - HBM2E.refresh_ns / HBM2E.interval_ns


def test_dram__machines_state_what_it_gives_for_their_limbs():
    for name in ("asic7", "asic7-28"):
        machine = load_machine(name)
        found = efficiency(HBM2E, 8192 * machine["word.bits"] / 8)
        assert machine["external.efficiency"] == pytest.approx(found, abs=0.015)

"""The model's cycles beside the recorded cycles of the simulated hardware."""

from __future__ import annotations

import pytest

from accel_model.errors import CalibrationError
from accel_model.machine import calibration
from accel_model.validation.simulated_units import simulated_cycles


def test_simulated_cycles__equal_the_models():
    checks = simulated_cycles()
    assert len(checks) >= 15
    for check in checks:
        assert check.modelled == check.reference, check.subject


def test_simulated_cycles__a_kind_of_unit_that_was_not_simulated(monkeypatch):
    some = tuple(e for e in calibration.entries() if e["block"]["kind"] != "pointwise")
    monkeypatch.setattr(calibration, "entries", lambda: some)
    with pytest.raises(CalibrationError, match="no simulated cycles of pointwise"):
        simulated_cycles()

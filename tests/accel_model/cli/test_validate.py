"""`python -m accel_model validate`."""

from __future__ import annotations

from accel_model.cli.main import main
from accel_model.machine import calibration


def test_validate__holds(capsys):
    assert main(["validate"]) == 0
    assert "WRONG" not in capsys.readouterr().out


def test_validate__a_wrong_cycle_is_an_exit_status_of_1(monkeypatch, capsys):
    entries = [dict(entry) for entry in calibration.entries()]
    (first, *_) = [e for e in entries if e["target"] == "verilator"]
    measured = first["measured"]
    first["measured"] = {name: cycles + 1 for name, cycles in measured.items()}
    monkeypatch.setattr(calibration, "entries", lambda: tuple(entries))
    assert main(["validate"]) == 1
    assert "WRONG" in capsys.readouterr().out

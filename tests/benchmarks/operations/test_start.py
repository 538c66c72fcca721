"""A server process from its start to its first answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.operations import start

STEPS = ("interpreter", "import", "plan", "keys", "weights", "first image", "answer", "exit")


def test_run__times_every_step_of_every_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a client and decrypted logits stand for those of `mnist`, which take long."""
    times = {step: 1_000_000 * number for number, step in enumerate(STEPS[:-1])}

    def python(tree: Path, *words: str) -> str:
        assert tree.is_dir()
        return str(times).replace("'", '"') if str(start._SERVER) in words else ""

    monkeypatch.setattr(start, "_python", python)
    monkeypatch.setattr(start, "_check", lambda *_: None)
    rows = start.run("mnist", 3, [Path("tests")])
    assert [row.step for row in rows] == [*STEPS, "whole"] * 2
    assert {row.checkout for row in rows} == {"this checkout", "tests"}
    for row in rows:
        assert row.minimum_s <= row.median_s
        assert row.repeats == 3
        if row.step in STEPS[1:-1]:
            assert row.minimum_s == pytest.approx(1e-3)


def test_python__a_failure_is_named_with_its_checkout(tmp_path: Path) -> None:
    assert start._python(start.ROOT, "-c", "print(3)") == "3\n"
    with pytest.raises(nn.NetworkError, match="no such image"):
        start._python(tmp_path, "-c", "raise SystemExit('no such image')")


def test_check__holds_logits_against_the_prediction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = nn.zoo.load("mnist")
    exact = network(nn.zoo.test_images("mnist")[0][:1])
    (tmp_path / "plan").write_bytes(b"")
    bound = type("Plan", (), {"predicted_error": np.full(10, 0.01)})
    monkeypatch.setattr(nn.InferencePlan, "from_bytes", lambda _: bound)
    monkeypatch.setattr(start, "_python", lambda *_: "")
    np.save(tmp_path / "logits.npy", exact + 0.009)
    start._check(start.ROOT, tmp_path, "mnist")
    np.save(tmp_path / "logits.npy", exact + 0.011)
    with pytest.raises(nn.NetworkError, match="predicted"):
        start._check(start.ROOT, tmp_path, "mnist")


def test_server__imports_nothing_of_the_benchmarks() -> None:
    text = start._SERVER.read_text(encoding="utf-8")
    assert "import benchmarks" not in text
    assert "from benchmarks" not in text

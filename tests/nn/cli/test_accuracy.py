"""``python -m nn accuracy``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nn
from nn.cli.main import main


def test_accuracy__finds_nothing_missed(
    options: list[str], data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accuracy.json"
    words = ["--images", "12", "--batch", "5", "--threads", "1", "--json", str(file)]
    assert main(["accuracy", *options, *data, *words]) == 0
    printed = capsys.readouterr()
    assert "60 of 60 within the predicted error" in printed.out
    assert "nothing missed" in printed.out
    assert "12/12" in printed.err
    result = json.loads(file.read_text())
    assert (result["images"], result["logits"], result["outside"], result["misses"]) == (
        12,
        60,
        0,
        0,
    )
    # All labels but one are the network's own answers.
    assert result["right_cleartext"] == 11
    assert result["parameters"]["N"] == 256
    assert 0 < result["largest_ratio"] <= 1


def test_accuracy__exit_status_1_on_a_miss(
    options: list[str],
    data: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An answer that is off by more than its prediction, as a defect would make it."""
    decrypt = nn.PackedClient.decrypt

    def shifted(client: nn.PackedClient, answer: nn.EncryptedBatch | bytes) -> np.ndarray:
        logits = decrypt(client, answer)
        logits[0, 2] += 1.5 * client.plan.predicted_error[2]
        return logits

    monkeypatch.setattr(nn.PackedClient, "decrypt", shifted)
    assert main(["accuracy", *options, *data, "--images", "4"]) == 1
    printed = capsys.readouterr().out
    assert "19 of 20 within" in printed
    assert "1 MISSED" in printed

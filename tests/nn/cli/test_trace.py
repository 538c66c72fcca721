"""``python -m nn trace``."""

from __future__ import annotations

from pathlib import Path

import pytest

import nn
from he import trace
from nn.cli.main import main


def test_trace__writes_what_a_run_does(
    options: list[str], network: nn.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.trace"
    assert main(["trace", *options, "-o", str(path)]) == 0
    recorded = trace.load(path)
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert (recorded.title, recorded.N, recorded.q) == ("small", 256, plan.params.q)
    layers = dict.fromkeys(op.layer for op in recorded.operations)
    assert list(layers) == [stage.name for stage in plan.stages]
    assert {key.element for key in recorded.keys} == {0, *plan.needs.galois}
    assert len(recorded.inputs) == plan.input_layout.ciphertexts
    assert f"{len(recorded.operations)} operations" in capsys.readouterr().out


def test_trace__a_folder_that_does_not_exist(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", *options, "-o", str(tmp_path / "missing" / "small.trace")]) == 2
    assert capsys.readouterr().err.startswith("FileNotFoundError")


@pytest.mark.parametrize("before", [None, "kept"])
def test_trace__a_failure_leaves_no_empty_file(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    path = tmp_path / "small.trace"
    if before is not None:
        path.write_text(before)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.InferencePlan, "trace", interrupted)
    assert main(["trace", *options, "-o", str(path)]) == 130
    assert (path.read_text() if path.exists() else None) == before

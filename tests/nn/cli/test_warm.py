"""``python -m nn warm``."""

from __future__ import annotations

import pytest

from nn.cli.main import main
from nn.terminal.compilation_notice import watch_compilation
from ntt.warming import is_warm


def test_warm__leaves_nothing_to_compile(
    options: list[str], data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["warm", *options]) == 0
    assert "Ready: " in capsys.readouterr().out
    assert is_warm()
    with watch_compilation() as compilation:
        assert main(["warm", *options]) == 0
        assert main(["infer", *options, *data, "--index", "3"]) == 0
    assert compilation.kernels == 0
    assert "all kernels were compiled before" in capsys.readouterr().out


def test_warm__an_unknown_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm", "--network", "nothing"]) == 2
    assert "there is no network 'nothing'" in capsys.readouterr().err

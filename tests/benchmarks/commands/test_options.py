"""Absurd options are told before any work."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.commands.options import seconds
from benchmarks.main import main


def test_seconds__a_time() -> None:
    assert (seconds("0.5"), seconds("2"), seconds("0")) == (0.5, 2.0, 0.0)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "", "86401"])
def test_seconds__no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no time in seconds"):
        seconds(text)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ntt", "--seconds", "-0.1"], "no time in seconds"),
        (["primitives", "--seconds", "nan"], "no time in seconds"),
        (["bfv", "--turn", "-1"], "no time in seconds"),
        (["compare", "--workload", "rotate", "--seconds", "-1"], "no time in seconds"),
        (["compare", "--threads", "many"], "not a whole number"),
        (["ntt", "--plot", "picture.txt"], "must end in one of .png, .svg, .pdf"),
        (["inference", "--json", "."], "is a folder"),
        (["inference", "--repeats", "0"], "0 is not above 0"),
        (["inference", "--batch", "-3"], "-3 is not above 0"),
        (["estimation", "--json", "."], "is a folder"),
        (["estimation", "--images", "1", "9999999999"], "9999999999 is above 1,000,000,000"),
        (["compare", "--workload", "rotate", "--case", "8192:99999999999"], "is not N:DEPTH"),
    ],
)
def test_main__absurd_options(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_main__inference_of_more_images_or_threads_than_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["inference", "--network", "mnist", "--batch", "10001", "--no-memory"]) == 2
    assert "'mnist' has 10000 test images" in capsys.readouterr().err
    assert main(["inference", "--network", "mnist", "--threads", "10001"]) == 2
    assert "--threads is 10001" in capsys.readouterr().err

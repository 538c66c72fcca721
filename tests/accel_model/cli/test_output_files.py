"""Files that cannot be written are refused before the work."""

from __future__ import annotations

import argparse
import os

import pytest

from accel_model.cli.main import main
from accel_model.cli.output_files import picture_file, result_file


def test_result_file__folders_may_be_missing(tmp_path):
    assert result_file(str(tmp_path / "a" / "b.json")) == tmp_path / "a" / "b.json"
    assert picture_file(str(tmp_path / "c.SVG")).name == "c.SVG"


def test_result_file__what_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for text in (tmp_path, tmp_path / "file" / "b.json"):
        with pytest.raises(argparse.ArgumentTypeError, match=r"is a folder|cannot be written"):
            result_file(str(text))
    with pytest.raises(argparse.ArgumentTypeError, match="must end in one of"):
        picture_file(str(tmp_path / "c.txt"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(argparse.ArgumentTypeError, match="no permission to write"):
        result_file(str(tmp_path / "b.json"))


def test_main__a_picture_of_no_format(tmp_path, capsys):
    words = ["estimate", "any.trace", "--machine", "asic7", "--plot", str(tmp_path / "c.txt")]
    with pytest.raises(SystemExit):
        main(words)
    assert "must end in one of" in capsys.readouterr().err

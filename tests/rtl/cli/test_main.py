"""The command line as a whole."""

from __future__ import annotations

import pytest

from rtl.cli import generate
from rtl.cli.block_options import BLOCK_NAMES
from rtl.cli.main import main
from rtl.generator.catalogue import BLOCKS
from tests.rtl.cli.commands import SMALL


def test_main__without_the_hardware_tools_says_how_to_get_them(tmp_path, capsys, monkeypatch):
    def absent(options):
        raise ModuleNotFoundError("No module named 'amaranth'", name="amaranth")

    monkeypatch.setattr(generate, "block_of", absent)
    assert main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "pip install 'he-accel[rtl]'" in capsys.readouterr().err


def test_block_options__offer_every_block_of_the_catalogue():
    assert tuple(BLOCKS) == BLOCK_NAMES


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no file"),
        (b"", "is not a results file"),
        (b"\xff\xfe", "is not a results file"),
        (b"[" * 100_000, "is not a results file"),
        (b"{}", "it has no format and entries"),
        (b'{"format": 2, "entries": []}', "has format 2, needed 1"),
        (b'{"format": 1, "entries": {}}', "is no measurement of a block"),
        (b'{"format": 1, "entries": [{"block": {}, "target": 3, "measured": {}}]}', "is no meas"),
        (b'{"format": 1, "entries": [{"block": {}, "target": "xc7", "measured": {}}]}',
         "holds a measurement that no table can show: KeyError"),
        (b'{"format": 1, "entries": [{"block": {}, "target": "xc7", "measured": 3}]}',
         "holds a measurement that no table can show: "),
    ],
)  # fmt: skip
def test_main__results_that_are_none(content, told, tmp_path, capsys):
    path = tmp_path / "results.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["tables", "--input", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("OutputError: ")
    assert told in said
    assert said.count("\n") == 1


def test_main__a_folder_for_a_file(tmp_path, capsys):
    folder = str(tmp_path)
    for words, told in (
        (["tables", "--input", folder], "IsADirectoryError: "),
        (["tables", "--page", folder], "OutputError: "),
        (["characterize", "--output", folder], "OutputError: "),
        (["simulate", *SMALL, "--waveform", folder], "OutputError: "),
        (["simulate", *SMALL, "--vectors", folder], "SimulationError: "),
        (["run", folder], "ProgramDataError: "),
    ):
        assert main(words) == 2
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith(told), words
        assert len(said) <= 2  # after what a command is about to do

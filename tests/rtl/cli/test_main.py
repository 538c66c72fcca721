"""The command line as a whole."""

from __future__ import annotations

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

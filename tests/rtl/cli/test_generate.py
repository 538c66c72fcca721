"""`python -m rtl generate`: what it writes, and how it refuses."""

from __future__ import annotations

import pytest

from rtl import tools
from rtl.cli.main import main
from tests.rtl.cli.commands import SMALL


def test_generate__writes_verilog_images_and_a_page(tmp_path, capsys):
    folder = tmp_path / "unit"
    assert main(["generate", *SMALL, "--name", "unit", "-o", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    assert {"unit.v", "unit.md"} < names
    verilog = (folder / "unit.v").read_text()
    images = names - {"unit.v", "unit.md"}
    assert images
    assert all(f'"{image}"' in verilog for image in images)
    assert str(tmp_path) not in verilog
    page = (folder / "unit.md").read_text()
    assert "bit-reversed" in page
    assert "input.data[1]" in page
    assert str(folder / "unit.v") in capsys.readouterr().out


def test_generate__same_options_same_text(tmp_path):
    for name in ("first", "second"):
        assert main(["generate", *SMALL, "-o", str(tmp_path / name)]) == 0
    first, second = (tmp_path / name / "ntt.v" for name in ("first", "second"))
    assert first.read_text() == second.read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["ntt", "--N", "1000"], "GeometryError", "the nearest is 1024"),
        (["ntt", "--N", "16", "--butterflies", "16"], "GeometryError", "the nearest is 8"),
        (["modmul", "--width", "70"], "WidthError", "the nearest is 64"),
        (["modmul", "--width", "64", "--reduction", "barrett"], "WidthError", "the nearest is 61"),
        (["ntt", "--width", "64", "--reduction", "barrett"], "WidthError", "the nearest is 61"),
        (["modmul", "--reduction", "shoup"], "OptionError", "barrett, montgomery, word"),
        (["modmul", "--tile", "9x9"], "OptionError", "plain, 18x18, 24x17, 26x17"),
        (["ntt", "--N", "16", "--moduli", "101"], "BlockModulusError", "nearest that fits is 97"),
        (
            ["ntt", "--N", "16", "--moduli", "65537", "--width", "14"],
            "BlockModulusError",
            "use a width of 17; the nearest that fits is 16193",
        ),
        (
            ["ntt", "--N", "65536", "--width", "16"],
            "BlockModulusError",
            "the nearest width that has them is 20",
        ),
        (["ntt", "--N", "64", "--moduli-count", "0"], "BlockModulusError", "at least one prime"),
        (["ntt", "--N", "64", "--moduli-count", "9" * 20], "BlockModulusError", "at most 1024"),
        (["ntt", "--N", "64", "--buffers", "3"], "GeometryError", "the nearest is 2"),
        (["modmul", "--width", "20", "--word-bits", "0"], "WidthError", "the nearest is 2"),
        (["pointwise", "--butterflies", "65"], "GeometryError", "the nearest is 64"),
        (["pointwise", "--N", "64", "--lanes", "3"], "GeometryError", "nearest that fits is 2"),
        (["modmul", "--buffers", "2"], "OptionError", "modmul does not use it"),
        (["automorphism", "--reduction", "barrett"], "OptionError", "automorphism does not use"),
        (
            ["modmul", "--reduction", "barrett", "--word-bits", "9"],
            "OptionError",
            "only --reduction word has words",
        ),
        (["pointwise", "--N", "1000"], "GeometryError", "the nearest is 1024"),
        (
            ["automorphism", "--N", "64", "--butterflies", "3"],
            "GeometryError",
            "the nearest is 2",
        ),
        (
            ["expander", "--N", "64", "--lanes", "2", "--rounds", "20"],
            "GeometryError",
            "the nearest number of rounds that fits is 4",
        ),
        (["expander", "--N", "64", "--rounds", "3"], "OptionError", "choose one of 2, 4, 10, 20"),
        (["expander", "--reduction", "barrett"], "OptionError", "expander does not use it"),
        (["ntt", "--rounds", "4"], "OptionError", "ntt does not use it"),
        (["automorphism", "--N", "64", "--buffers", "0"], "GeometryError", "the nearest is 1"),
        ([*SMALL, "--name", "1st unit"], "OptionError", "the nearest is '_1st_unit'"),
        (["ntt", "--N", "16", "--width", "6"], "WidthError", "the nearest is 8"),
        (["ntt", "--N", "16", "--twiddles", "none"], "OptionError", "stored, generated"),
    ],
)
def test_generate__bad_input_is_named_and_leaves_nothing(tmp_path, capsys, arguments, error, words):
    folder = tmp_path / "out"
    assert main(["generate", *arguments, "-o", str(folder)]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert words in said
    assert not list(tmp_path.iterdir())


def test_generate__a_folder_with_content_is_left_alone(tmp_path, capsys):
    (tmp_path / "kept").write_text("mine")
    assert main(["generate", *SMALL, "-o", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_generate__a_failing_tool_leaves_nothing(tmp_path, capsys, monkeypatch):
    def fail(script):
        raise tools.ToolError("Yosys failed")

    monkeypatch.setattr("rtl.verilog.design.run_yosys", fail)
    assert main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "ToolError: Yosys failed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_generate__without_yosys_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "ToolError: Yosys (package pyosys) is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

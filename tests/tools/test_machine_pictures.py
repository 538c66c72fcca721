"""The pictures of the whole machine: bars of one unit follow each other, and match the program."""

from __future__ import annotations

import itertools

import pytest

from accel_model.timed.program import TimedProgram
from accel_model.timed.scheduler import schedule
from accel_model.timed.timeline import run_time
from tests.accel_model.timed.random_programs import RADIX, RandomProgram, shape_of
from tools.pictures.first_cycles import Bar, bars, draw


@pytest.fixture(scope="module")
def program() -> TimedProgram:
    return schedule(RandomProgram(3, 40).program(), shape_of(pointwise_units=2), RADIX)


def rows_of(program: TimedProgram) -> dict[str, list[Bar]]:
    rows: dict[str, list[Bar]] = {}
    for bar in bars(program):
        rows.setdefault(bar[0], []).append(bar)
    return rows


def test_bars__every_step_and_transfer_has_one_and_none_overlap(program):
    rows = rows_of(program)
    assert {"code", "channel", "moves", "pointwise 0", "pointwise 1"} <= set(rows)
    assert len(rows["channel"]) == len(program.memory)
    assert len(rows["moves"]) == len(program.moves)
    units = program.shape.units
    steps = [found for name, found in rows.items() if name.split()[0] in units]
    assert sum(map(len, steps)) == len(program.compute)
    for name, found in rows.items():
        ordered = sorted(found, key=lambda bar: bar[1])
        assert all(bar[1] < bar[2] for bar in ordered)
        if name not in ("moves", "channel"):  # arrivals and departures have a port each
            assert all(a[2] <= b[1] for a, b in itertools.pairwise(ordered)), name


def test_bars__lie_within_the_run(program):
    took = run_time(program)
    assert max(bar[2] for bar in bars(program)) <= took.cycles


def test_draw__names_every_unit(program):
    picture = draw(program, "a test")
    assert picture.count("pointwise") == 2
    assert "automorphism" in picture

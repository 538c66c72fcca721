"""Machines that cannot be, and what is possible."""

from __future__ import annotations

import json

import pytest

from accel_model.errors import TimedProgramError
from accel_model.timed.shape import Channel, Shape, distinct_phases
from tests.accel_model.timed.random_programs import shape_of


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lanes": 3}, "lanes: 3 given, a power of two from 1 to 32 is needed; the nearest is 2"),
        ({"lanes": 16}, "no multiple of the 8 banks; at most 8 lanes fit"),
        ({"slots": 3}, "3 slots: a step needs up to 4"),
        ({"width": 20}, "primes of up to 28: use a width of 28"),
        ({"arrivals": 0}, "arrivals: 0 given, from 1 to 256"),
        ({"ntt_units": 0}, "0 ntt units: from 1 to 16"),
        ({"channel": Channel(data_bits=64, burst_beats=4)}, "use 32 bits or fewer"),
    ],
)
def test_shape__a_machine_that_cannot_be(changes, words):
    with pytest.raises(TimedProgramError, match=words):
        shape_of(**changes)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"data_bits": 100}, "channel bits: 100 given, .* the nearest is 128"),
        ({"data_bits": 1024, "burst_beats": 64}, "cross the 4 KiB .* the longest has 32"),
        ({"latency_cycles": 0}, "must be at least 1"),
    ],
)
def test_channel__one_that_cannot_be(fields, words):
    with pytest.raises(TimedProgramError, match=words):
        Channel(**fields)


def test_shape__as_data_and_its_fingerprint():
    shape = shape_of()
    assert Shape.of(json.loads(json.dumps(shape.plain()))) == shape
    slow = shape_of(channel=Channel(data_bits=32, burst_beats=4, latency_cycles=900))
    assert slow.fingerprint == shape.fingerprint != shape_of(slots=13).fingerprint
    with pytest.raises(TimedProgramError, match="a machine has the fields"):
        Shape.of({"N": 64})


def test_distinct_phases__each_at_least_a_beat_late():
    assert distinct_phases([3, 8, 16, 9], 8) == (8, 9, 18, 11)


def test_shape__more_units_have_more_banks():
    shape = shape_of(ntt_units=2, pointwise_units=2, automorphism_units=2)
    assert shape.banks == 16
    assert shape.units.count("pointwise") == 2

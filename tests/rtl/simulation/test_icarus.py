"""The second simulator: same bits, and no bit that was never set."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ntt.modulus import find_primes
from rtl.arithmetic.reductions import modular_multiplier
from rtl.simulation import icarus
from rtl.simulation.drivers import transforms_for
from rtl.units.expander import SeedExpander
from rtl.units.ntt.unit import NTTUnit
from rtl.verilog.design import emit

GRID = [
    (8, 1, "word", 1, "stored"),
    (16, 2, "montgomery", 2, "generated"),
    (32, 4, "barrett", 2, "stored"),
]


def cases() -> list[tuple[int, int, str, int, str]]:
    """The grid where Icarus Verilog is, nothing where it is not; continuous integration, which
    installs it, asks for it by HE_ACCEL_REQUIRE_ICARUS and then fails without it."""
    required = os.environ.get("HE_ACCEL_REQUIRE_ICARUS") == "1"
    return GRID if required or icarus.is_installed() else []


@pytest.mark.parametrize(("N", "butterflies", "reduction", "buffers", "twiddles"), cases())
def test_icarus__ntt_unit_equals_ntt(N, butterflies, reduction, buffers, twiddles):
    multiplier = modular_multiplier(reduction, 20, word_bits=8)
    unit = NTTUnit(N, butterflies, find_primes(20, 128, 2), multiplier, buffers, twiddles)
    work = transforms_for(unit, 2, seed=1)
    rows = [
        {f"input.data[{lane}]": int(beat[lane]) for lane in range(butterflies)}
        | {"input.modulus": transform.modulus, "input.inverse": int(transform.inverse)}
        for transform in work
        for beat in transform.x.reshape(-1, butterflies)
    ]
    out = icarus.stream(emit(unit.hardware(), "unit"), rows, len(rows))
    words = [[row[f"output.data[{lane}]"] for lane in range(butterflies)] for row in out]
    results = np.array(words, np.uint64).reshape(len(work), N)
    for transform, got in zip(work, results, strict=True):
        expected = unit.golden(transform.x, transform.modulus, transform.inverse)
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("N", [16] if cases() else [])
def test_icarus__seed_expander_sets_every_bit_that_comes_out(N):
    unit = SeedExpander(N, 2, ((1 << 27) + 29, 97), 28, 2)
    keys = [bytes(32), bytes(range(32))]
    rows = []
    for place, key in enumerate(keys):
        words = np.frombuffer(key, "<u4").tolist()
        row = {f"input.key[{i}]": word for i, word in enumerate(words)}
        rows.append(row | {"input.modulus": place})
    beats = icarus.stream(emit(unit.hardware(), "unit"), rows, len(keys) * unit.beats)
    got = [beat[f"output.data[{lane}]"] for beat in beats for lane in range(2)]
    assert got == [int(x) for place, key in enumerate(keys) for x in unit.golden(key, place)]

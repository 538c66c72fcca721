"""The seed expander in Verilator against the generator of `he`."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from he.rlwe.sampling import RandomStream, uniform_residues
from he.rlwe.seeded import digit_label
from ntt.modulus import find_primes
from rtl.errors import BlockModulusError, GeometryError, OptionError, WidthError
from rtl.simulation.drivers import run_expander
from rtl.units.expander import SeedExpander, most_rounds

ABOVE_2_TO_27, ABOVE_2_TO_49 = (1 << 27) + 29, (1 << 49) + 69
"""Primes just above a power of two: half of the words are rejected."""

SHAPES = {
    # N, lanes, width, rounds, moduli
    "two lanes, one word": (64, 2, 50, 2, (*find_primes(50, 64, 2), ABOVE_2_TO_49)),
    "two lanes, two words": (128, 2, 28, 4, (*find_primes(28, 128, 1), ABOVE_2_TO_27)),
    "more lanes than words": (64, 8, 36, 2, find_primes(36, 64, 3)),
    "four lanes, four words": (64, 4, 41, 10, (*find_primes(41, 64, 1), ABOVE_2_TO_27)),
    "one lane": (16, 1, 63, 2, ((1 << 63) - 25, 2, 3)),
    "eight lanes, eight words": (256, 8, 50, 20, (*find_primes(50, 256, 1), ABOVE_2_TO_49)),
}


def row_keys(seed: bytes, digit: int, moduli: tuple[int, ...]) -> list[bytes]:
    """The ChaCha20 key of each row of a digit's uniform half, as `he.rlwe.sampling` states it."""

    def derived(label: str, key: bytes) -> bytes:
        hashed = hashlib.blake2b(
            label.encode(), key=key, digest_size=32, person=b"he-accel stream1"
        )
        return hashed.digest()

    rows = RandomStream.from_seed(seed, digit_label(digit)).bytes(32)
    return [derived(f"limb {q}", rows) for q in moduli]


@pytest.mark.parametrize("shape", SHAPES)
def test_expander__gives_the_bits_of_he_in_the_stated_cycles(shape):
    N, lanes, width, rounds, moduli = SHAPES[shape]
    unit = SeedExpander(N, lanes, moduli, width, rounds)
    rng = np.random.default_rng(7)
    seeds = [(rng.bytes(32), digit) for digit in range(3)]
    expected = np.concatenate(
        [
            uniform_residues(RandomStream.from_seed(seed, digit_label(digit)), moduli, N)
            for seed, digit in seeds
        ]
    )
    keys = [key for seed, digit in seeds for key in row_keys(seed, digit, moduli)]
    places = list(range(len(moduli))) * len(seeds)
    got, run = run_expander(unit, keys, places)
    assert np.array_equal(got, expected)

    stated = np.array([unit.beat_cycles(*case) for case in zip(keys, places, strict=True)])
    out = run.out_cycle.reshape(len(keys), unit.beats)
    assert np.array_equal(out - run.in_cycle[:, None], stated)
    assert np.array_equal(run.in_cycle[1:], out[:-1, -1])
    assert stated.min() >= unit.latency_cycles

    stalls = rng.integers(0, 2, 97).astype(np.uint8), np.array([1, 0, 0, 0, 0, 0, 0], np.uint8)
    for pattern in stalls:
        got, _ = run_expander(unit, keys, places, take_pattern=pattern)
        assert np.array_equal(got, expected)


def test_expander__cycles_follow_from_the_words_that_are_kept():
    unit = SeedExpander(32, 2, (ABOVE_2_TO_27,), 28, 4)
    key = bytes(range(32))
    row, cycles = unit.golden(key, 0), unit.beat_cycles(key, 0)
    assert row.shape == (32,)
    assert row.max() < ABOVE_2_TO_27
    # Blocks of 8 words come every five cycles. Half of the words are dropped.
    none_dropped = SeedExpander(32, 2, ((1 << 28) - 57,), 28, 4).beat_cycles(key, 0)
    assert (cycles >= none_dropped).all()
    assert cycles[-1] > none_dropped[-1]
    # Next to no word is dropped: two come in a cycle, and eight in five cycles.
    assert np.diff(none_dropped)[:7].tolist() == [1, 1, 1, 2, 1, 1, 1]
    assert none_dropped[0] == unit.latency_cycles


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((64, 4, (97,), 28, 20), GeometryError, "the nearest number of rounds that fits is 10"),
        ((64, 4, (97,), 28, 3), OptionError, "choose one of 2, 4, 10, 20; the nearest is 2"),
        ((64, 3, (97,), 28, 2), GeometryError, "the nearest is 2"),
        ((64, 2, (1 << 28,), 28, 2), BlockModulusError, "the nearest is 268435455"),
        ((64, 2, (1,), 28, 2), BlockModulusError, "moduli from 2"),
        ((64, 2, (), 28, 2), BlockModulusError, "empty"),
        ((64, 2, (97,), 70, 2), WidthError, "the nearest is 64"),
    ],
)
def test_expander__misfits_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        SeedExpander(*arguments)


def test_expander__short_keys_are_refused():
    unit = SeedExpander(64, 2, (97,), 28, 2)
    for answer in (unit.golden, unit.beat_cycles):
        with pytest.raises(OptionError, match="a key of 16 bytes: ChaCha20 takes 32"):
            answer(bytes(16), 0)


def test_expander__most_rounds():
    assert [most_rounds(lanes) for lanes in (1, 2, 4, 8, 32)] == [2, 4, 10, 20, 20]

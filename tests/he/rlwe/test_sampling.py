"""he.rlwe.sampling against a pure-Python twin; exhaustive rejection; derived statistical bounds."""

from __future__ import annotations

import copy
import hashlib
import math
import os
import pickle
import struct
import threading
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.errors import ParameterError
from he.rlwe.sampling import (
    RandomStream,
    _filled_thresholds,
    gaussian,
    half_normal_thresholds,
    ternary,
    uniform_residues,
)
from he.rlwe.sampling_kernels import AT_ONCE, invert_half_normal, keep_below, keep_ternary
from tests.he.rlwe.sampling_twin import (
    chi_square,
    chi_square_bound,
    half_normal_cumulative,
    take,
    twin_octets,
    twin_uniform_row,
)

SEED = bytes(range(32))
TINY_TO_LARGE = (2, 3, 5, 97, 65537, (1 << 49) + 5, (1 << 50) - 27, (1 << 61) - 1, (1 << 63) - 25)


# RandomStream


@pytest.mark.parametrize("label", ["", "limb 97", "\u00e9"])
def test_stream_bytes__equal_pure_python_chacha20(label: str) -> None:
    expected = take(twin_octets(SEED, label), 1000)
    assert RandomStream.from_seed(SEED, label).bytes(1000) == expected


@given(st.lists(st.integers(0, 300), max_size=8))
def test_stream_bytes__do_not_depend_on_how_they_are_drawn(sizes: list[int]) -> None:
    whole = RandomStream.from_seed(SEED).bytes(sum(sizes))
    stream = RandomStream.from_seed(SEED)
    assert b"".join(stream.bytes(size) for size in sizes) == whole


def test_stream_bytes__run_across_internal_blocks() -> None:
    whole = RandomStream.from_seed(SEED).bytes(600_001)
    stream = RandomStream.from_seed(SEED)
    assert stream.bytes(300_000) + stream.bytes(300_001) == whole


def test_stream_uint64__is_little_endian() -> None:
    words = RandomStream.from_seed(SEED).uint64(5)
    expected = struct.unpack("<5Q", RandomStream.from_seed(SEED).bytes(40))
    assert words.dtype == np.uint64
    assert words.tolist() == list(expected)


def test_stream_labels__separate_domains() -> None:
    heads = {RandomStream.from_seed(SEED, label).bytes(32) for label in ("", "a", "b", "ab")}
    heads.add(RandomStream.from_seed(bytes(32), "a").bytes(32))
    assert len(heads) == 5


def test_stream_fork__is_the_stream_of_the_next_32_bytes() -> None:
    stream = RandomStream.from_seed(SEED)
    child = stream.fork("noise")
    seed = RandomStream.from_seed(SEED).bytes(32)
    assert child.bytes(64) == RandomStream.from_seed(seed, "noise").bytes(64)


def test_stream_from_os__differs_each_time() -> None:
    assert RandomStream.from_os().bytes(32) != RandomStream.from_os().bytes(32)


@pytest.mark.parametrize("forked", [False, True])
def test_stream_from_os__reseeds_in_a_forked_process(
    forked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: SEED[:count])
    stream = RandomStream.from_os()
    if forked:
        pid = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        monkeypatch.setattr(os, "urandom", bytes)
    expected = RandomStream.from_seed(bytes(32) if forked else SEED, "os").bytes(64)
    assert stream.bytes(32) + stream.bytes(32) == expected


def test_stream__cannot_be_copied_or_pickled() -> None:
    stream = RandomStream.from_seed(SEED)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="repeat"):
            duplicate(stream)


def test_stream__draws_are_atomic_between_threads() -> None:
    stream = RandomStream.from_seed(SEED)
    draws: list[bytes] = []

    def draw() -> None:
        draws.extend(stream.bytes(16) for _ in range(500))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = RandomStream.from_seed(SEED).bytes(16 * 2000)
    assert sorted(draws) == sorted(whole[i : i + 16] for i in range(0, len(whole), 16))


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), "0" * 32, 7])
def test_stream_from_seed__refuses_other_seeds(seed: object) -> None:
    with pytest.raises(ParameterError, match="32 bytes"):
        RandomStream.from_seed(seed)  # type: ignore[arg-type]


def test_stream_draws__refuse_negative_counts() -> None:
    stream = RandomStream.from_seed(SEED)
    for draw in (stream.bytes, stream.uint64, stream.uint8):
        with pytest.raises(ParameterError, match="negative"):
            draw(-1)


# uniform_residues


def test_uniform_residues__equal_pure_python_twin() -> None:
    residues = uniform_residues(RandomStream.from_seed(SEED), TINY_TO_LARGE, 64)
    seed = take(twin_octets(SEED, ""), 32)
    assert residues.dtype == np.uint64
    assert residues.flags.c_contiguous
    assert residues.tolist() == [twin_uniform_row(seed, q, 64) for q in TINY_TO_LARGE]


@pytest.mark.parametrize("q", range(2, 70))
def test_keep_below__accepts_every_residue_once(q: int) -> None:
    """Over all 2^b words of b bits each residue is met exactly once: no bias."""
    words = np.arange(1 << q.bit_length(), dtype=np.uint64)
    out = np.full(len(words), 99, dtype=np.uint64)
    count = keep_below(words, np.uint64(len(words) - 1), np.uint64(q), out, 0)
    assert out[:count].tolist() == list(range(q))


def test_keep_below__passes_over_words_behind_the_last() -> None:
    out = np.zeros(4, dtype=np.uint64)
    assert keep_below(np.arange(8, dtype=np.uint64), np.uint64(7), np.uint64(7), out[:3], 1) == 3
    assert out.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("q", TINY_TO_LARGE)
def test_keep_below__decides_right_at_the_modulus(q: int) -> None:
    mask = (1 << q.bit_length()) - 1
    words = np.array([q - 1, q, q - 2, mask + 1 + q - 1], dtype=np.uint64)
    out = np.zeros(5, dtype=np.uint64)
    count = keep_below(words, np.uint64(mask), np.uint64(q), out, 1)
    # q itself is kept only where masking turned it into a smaller number, which never happens.
    assert out[1:count].tolist() == [q - 1, q - 2, q - 1]


@pytest.mark.parametrize("q", TINY_TO_LARGE)
def test_uniform_residues__fill_sixteen_equal_bins(q: int) -> None:
    residues = uniform_residues(RandomStream.from_seed(SEED), (q,), 1 << 15)[0]
    assert int(residues.max()) < q
    bins = min(q, 16)
    # Bin i holds [ceil(i q / bins), ceil((i + 1) q / bins)): its exact share is known.
    edges = [-(-i * q // bins) for i in range(bins + 1)]
    shares = np.array([(high - low) / q for low, high in pairwise(edges)])
    found = np.searchsorted(np.array(edges[1:-1], dtype=np.uint64), residues, side="right")
    counts = np.bincount(found, minlength=bins)
    assert chi_square(counts, shares) < chi_square_bound(bins - 1)


def test_uniform_residues__row_depends_on_its_modulus_alone() -> None:
    both = uniform_residues(RandomStream.from_seed(SEED), (97, 65537), 32)
    swapped = uniform_residues(RandomStream.from_seed(SEED), (65537, 97), 32)
    alone = uniform_residues(RandomStream.from_seed(SEED), (65537,), 32)
    assert np.array_equal(both, swapped[::-1])
    assert np.array_equal(both[1:], alone)


def test_uniform_residues__successive_polynomials_differ() -> None:
    stream = RandomStream.from_seed(SEED)
    first, second = (uniform_residues(stream, (65537,), 32) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("moduli", [(1,), (0,), (-7,), (1 << 63,), (97, 97)])
def test_uniform_residues__refuse_bad_moduli(moduli: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError):
        uniform_residues(RandomStream.from_seed(SEED), moduli, 8)


def test_samplers__refuse_empty_length() -> None:
    stream = RandomStream.from_seed(SEED)
    for sample in (
        lambda: uniform_residues(stream, (97,), 0),
        lambda: ternary(stream, 0),
        lambda: gaussian(stream, 0),
    ):
        with pytest.raises(ParameterError, match="at least 1"):
            sample()


# ternary


def test_ternary__equals_pure_python_twin() -> None:
    octets = twin_octets(SEED, "")
    expected: list[int] = []
    while len(expected) < 2000:
        octet = next(octets)
        if octet < 255:
            expected.append(octet % 3 - 1)
    samples = ternary(RandomStream.from_seed(SEED), 2000)
    assert samples.dtype == np.int64
    assert samples.tolist() == expected


def test_keep_ternary__maps_85_octets_to_each_value() -> None:
    out = np.zeros(256, dtype=np.int64)
    count = keep_ternary(np.arange(256, dtype=np.uint8), out, 0)
    assert count == 255
    assert np.bincount(out[:count] + 1).tolist() == [85, 85, 85]


def test_ternary__is_uniform() -> None:
    samples = ternary(RandomStream.from_seed(SEED), 1 << 16)
    counts = np.bincount(samples + 1, minlength=3)
    assert counts.shape == (3,)
    assert chi_square(counts, np.full(3, 1 / 3)) < chi_square_bound(2)


# gaussian


@pytest.mark.parametrize("sigma", ["0.5", "1.0", "3.19", "3.2", "19.2", "64.0"])
def test_half_normal_thresholds__are_the_nearest_63_bit_probabilities(sigma: str) -> None:
    thresholds = half_normal_thresholds(float(sigma)).tolist()
    exact = half_normal_cumulative(Fraction(sigma))
    # The twin's series is good to 2^-180, so 2^-100 of slack only covers that error.
    slack = Fraction(1, 1 << 100)
    for threshold, probability in zip(thresholds, exact, strict=False):
        assert abs(threshold - probability * 2**63) <= Fraction(1, 2) + slack
    bound = len(thresholds)
    assert 1 - exact[bound] <= Fraction(1, 1 << 64) + slack
    assert 1 - exact[bound - 1] > Fraction(1, 1 << 64) - slack


def test_gaussian__cuts_beyond_nine_sigma() -> None:
    assert len(half_normal_thresholds(3.2)) > 9 * 3.2


def test_gaussian__equals_pure_python_twin() -> None:
    cumulative = half_normal_cumulative(Fraction("3.2"))
    thresholds = [round(probability * 2**63) for probability in cumulative]
    octets = twin_octets(SEED, "")
    expected = []
    for _ in range(500):
        word = int.from_bytes(take(octets, 8), "little")
        magnitude = sum(word >> 1 >= threshold for threshold in thresholds)
        expected.append(-magnitude if word & 1 else magnitude)
    samples = gaussian(RandomStream.from_seed(SEED), 500)
    assert samples.dtype == np.int64
    assert samples.tolist() == expected


def test_invert_half_normal__at_the_edges_of_the_table() -> None:
    thresholds = half_normal_thresholds(3.2)
    first, last = int(thresholds[0]), int(thresholds[-1])
    bound = len(thresholds)
    filled = _filled_thresholds(3.2)
    assert len(filled) % AT_ONCE == 0
    assert filled[bound:].tolist() == [2**63] * (len(filled) - bound)
    cases = {
        0: 0,
        1: 0,
        2 * (first - 1): 0,
        2 * first: 1,
        2 * first + 1: -1,
        2 * (last - 1): bound - 1,
        2 * last: bound,
        2**64 - 1: -bound,
    }
    out = np.empty(len(cases), dtype=np.int64)
    invert_half_normal(np.array(list(cases), dtype=np.uint64), filled, out)
    assert out.tolist() == list(cases.values())


def test_gaussian__of_many_words_counts_the_thresholds_of_each() -> None:
    count = 2600  # more than two runs of the kernel's columns, and no multiple of them
    words = RandomStream.from_seed(SEED).uint64(count)
    # How many thresholds are at most the top 63 bits.
    magnitudes = np.searchsorted(half_normal_thresholds(3.2), words >> np.uint64(1), side="right")
    expected = np.where(words & np.uint64(1), -magnitudes, magnitudes)
    assert (gaussian(RandomStream.from_seed(SEED), count) == expected).all()


def test_gaussian__fits_the_distribution() -> None:
    sigma, count = 3.2, 1 << 18
    samples = gaussian(RandomStream.from_seed(SEED), count, sigma)
    # Values from -12 to 12 each expect more than 25 samples; the rest share one bin.
    weights = np.exp(-np.arange(-60, 61) ** 2 / (2 * sigma**2))
    shares = weights / weights.sum()
    inner = shares[60 - 12 : 60 + 13]
    kept = samples[np.abs(samples) <= 12]
    counts = np.append(np.bincount(kept + 12, minlength=25), count - len(kept))
    assert chi_square(counts, np.append(inner, 1 - inner.sum())) < chi_square_bound(25)
    # Five standard errors (two-sided 6e-7); the variance of the square is 2 sigma^4.
    assert abs(samples.mean()) < 5 * sigma / math.sqrt(count)
    assert abs(samples.var() - sigma**2) < 5 * math.sqrt(2 / count) * sigma**2


@pytest.mark.parametrize("sigma", [0.0, 0.49, 64.1, math.nan, math.inf, -3.2])
def test_gaussian__refuses_sigma_out_of_range(sigma: float) -> None:
    with pytest.raises(ParameterError, match="sigma"):
        gaussian(RandomStream.from_seed(SEED), 8, sigma)


# Known answers: bytes already written must stay readable.


def digest(values: np.ndarray) -> str:
    little = values.astype(values.dtype.newbyteorder("<"))
    return hashlib.blake2b(little.tobytes(), digest_size=16).hexdigest()


def test_known_answers__never_change() -> None:
    stream = RandomStream.from_seed(SEED, "vector")
    assert stream.bytes(16).hex() == "d1501fa310695426fdde17dbcb0e9d5a"
    residues = uniform_residues(RandomStream.from_seed(SEED), TINY_TO_LARGE, 1024)
    assert digest(residues) == "35c75503e009570725f4f0313130efc1"
    signs = ternary(RandomStream.from_seed(SEED), 1024)
    assert digest(signs) == "6c95ce62d6edb516d83129eecaa5a038"
    errors = gaussian(RandomStream.from_seed(SEED), 1024)
    assert digest(errors) == "74bc13497fc0c875a42a3174282a7420"

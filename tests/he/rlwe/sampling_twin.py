"""The slow twin of he.rlwe.sampling in pure Python, and a bound on chi-square statistics."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np


def chacha20_block(key: bytes, counter: int) -> bytes:
    """The block function of RFC 8439."""
    state = [
        *struct.unpack("<4I", b"expand 32-byte k"),
        *struct.unpack("<8I", key),
        *(counter & 0xFFFFFFFF, counter >> 32, 0, 0),
    ]
    x = list(state)

    def quarter_round(a: int, b: int, c: int, d: int) -> None:
        for i, j, k, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[i] = (x[i] + x[j]) & 0xFFFFFFFF
            mixed = x[k] ^ x[i]
            x[k] = (mixed << shift | mixed >> (32 - shift)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter_round(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter_round(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state, strict=True)))


def twin_octets(seed: bytes, label: str) -> Iterator[int]:
    key = hashlib.blake2b(
        label.encode(), key=seed, digest_size=32, person=b"he-accel stream1"
    ).digest()
    counter = 0
    while True:
        yield from chacha20_block(key, counter)
        counter += 1


def take(octets: Iterator[int], count: int) -> bytes:
    return bytes(next(octets) for _ in range(count))


def twin_uniform_row(seed: bytes, q: int, N: int) -> list[int]:
    octets = twin_octets(seed, f"limb {q}")
    row: list[int] = []
    while len(row) < N:
        candidate = int.from_bytes(take(octets, 8), "little") % (1 << q.bit_length())
        if candidate < q:
            row.append(candidate)
    return row


def exp_of_minus(x: Fraction) -> Fraction:
    """exp(-x) to within 2^-200, by its Taylor series on x / 2^10, squared ten times."""
    one = 1 << 256
    small = x / 1024
    term, total, n = one, one, 0
    while term:
        n += 1
        term = term * small.numerator // (small.denominator * n)
        total += -term if n % 2 else term
    for _ in range(10):
        total = total * total >> 256
    return Fraction(total, one)


def half_normal_cumulative(sigma: Fraction) -> list[Fraction]:
    """Pr[|x| <= k] for k = 0, 1, ..., up to 16 sigma, where nothing of weight 2^-180 is left."""
    weights = [exp_of_minus(k * k / (2 * sigma**2)) for k in range(math.ceil(16 * sigma) + 1)]
    weights = [weights[0]] + [2 * weight for weight in weights[1:]]
    total = sum(weights)
    cumulative, running = [], Fraction(0)
    for weight in weights:
        running += weight
        cumulative.append(running / total)
    return cumulative


def chi_square(counts: np.ndarray, probabilities: np.ndarray) -> float:
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())


def chi_square_bound(degrees: int) -> float:
    """Exceeded with probability below e^-14 = 8.3e-7 (Laurent and Massart 2000, lemma 1)."""
    return degrees + 2 * math.sqrt(14 * degrees) + 2 * 14

"""Centred values beside the Chinese remainder theorem in Python's integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.encoding import embedding, lifting
from he.ckks.encoding.encoder import Encoder
from he.ckks.encoding.encoder_kernels import all_equal
from he.ckks.encoding.lifting import CentredCoefficients
from he.ckks.params import CKKSParameters
from he.rlwe.rns import RNSContext, context
from ntt.workspace import _arrays

SETS = {
    "default": CKKSParameters.build(5, N=128, scale_bits=40, insecure_reason="unit test"),
    "wide": CKKSParameters.build(
        2, N=128, scale_bits=54, prime_bits=61, dnum=3, insecure_reason="unit test"
    ),
    "below eight lanes": CKKSParameters.build(2, N=8, scale_bits=36, insecure_reason="unit test"),
}


def check(rns: RNSContext, level: int, values: list[int]) -> None:
    ops = rns.q(level)
    residues = np.array([[v % q for v in values] for q in ops.moduli], dtype=np.uint64)
    data = ops.forward(residues)
    kept = data.copy()
    found = CentredCoefficients(rns)(data, level)
    assert (data == kept).all()
    limit = (level + 2) * 2.0**-52
    assert all(abs(int(f) - v) <= limit * abs(v) for f, v in zip(found, values, strict=True))


def edges(moduli: tuple[int, ...]) -> list[int]:
    """Both ends of (-Q/2, Q/2), and of what one or two primes hold."""
    found = [0, 1, -1]
    for count in range(1, len(moduli) + 1):
        half = math.prod(moduli[:count]) // 2
        found += [s * (half + d) for s in (1, -1) for d in (-1, 0, 1)]
        found += [math.prod(moduli[:count]), -math.prod(moduli[:count])]
    if len(moduli) > 1:
        q0, q1 = moduli[:2]
        found += [s * q0 * (q1 // 2) + d for s in (1, -1) for d in (-1, 0, 1, q0 - 1, -q0 + 1)]
    Q = math.prod(moduli)
    return [v for v in found if 2 * abs(v) < Q]


def spread_out(values: list[int], N: int, at: int) -> list[int]:
    """The values somewhere among zeros."""
    out = [0] * N
    for i, v in enumerate(values):
        out[(at + i) % N] = v
    return out


@given(st.sampled_from(sorted(SETS)), st.integers(0, 2**32 - 1), st.data())
def test_lift__is_the_chinese_remainder_theorem(name: str, seed: int, data: st.DataObject) -> None:
    rns = context(SETS[name])
    level = data.draw(st.integers(0, rns.params.max_level))
    Q = math.prod(rns.q(level).moduli)
    bits = data.draw(st.integers(1, Q.bit_length() - 1))
    rng = np.random.default_rng(seed)
    # From a single bit to the whole range: one limb, two limbs, all of them.
    values = [
        (int.from_bytes(rng.bytes(48), "little") % (1 << bits)) - (1 << bits - 1)
        for _ in range(rns.params.N)
    ]
    check(rns, level, values)


@pytest.mark.parametrize("level", range(6))
def test_lift__at_the_edges(backend: str, level: int) -> None:
    rns = RNSContext(SETS["default"])
    for at, edge in enumerate(edges(rns.q(level).moduli)):
        check(rns, level, spread_out([edge], rns.params.N, at))


@pytest.mark.parametrize("level", range(3))
@pytest.mark.parametrize("name", ["wide", "below eight lanes"])
def test_lift__at_the_edges_of_other_parameters(name: str, level: int) -> None:
    rns = context(SETS[name])
    for at, edge in enumerate(edges(rns.q(level).moduli)):
        check(rns, level, spread_out([edge], rns.params.N, at))


@pytest.mark.parametrize("limb", [2, 3, 4, 5])
def test_lift__notices_one_wrong_residue_in_any_limb(
    limb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that agree with a small one in all limbs but one are large, and come out so."""
    monkeypatch.setattr(lifting, "_WORDS", 2 * 128)  # limbs are compared in parts
    rns = RNSContext(SETS["default"])
    moduli = rns.q(5).moduli
    Q = math.prod(moduli)
    rest = Q // moduli[limb]
    change = rest * pow(rest, -1, moduli[limb])
    value = (12345 + change) % Q
    value = value - Q if 2 * value > Q else value
    assert abs(value) > moduli[0] * moduli[1]
    check(rns, 5, spread_out([value], 128, 99))


@given(st.integers(0, 2), st.integers(0, 8), st.integers(0, 63))
def test_all_equal__sees_every_bit(row, column, bit):
    a = np.arange(27, dtype=np.uint64).reshape(3, 9)
    b = a.copy()
    assert all_equal(a, b)
    b[row, column] ^= np.uint64(1 << bit)
    assert not all_equal(a, b)


@pytest.mark.parametrize("limbs", [1, 2, 4])
def test_decode__keeps_nothing_in_scratch_memory(limbs):
    params = CKKSParameters.build(4, N=256, scale_bits=36, insecure_reason="unit test")
    encoder = Encoder(params)
    assert np.allclose(encoder.decode_real(encoder.encode(0.5, limbs - 1)), 0.5)
    kept = [_arrays.__dict__[name] for name in (lifting.SCRATCH, embedding.SCRATCH)]
    assert not any(memory.any() for memory in kept)

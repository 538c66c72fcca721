"""The transforms of narrow and of wide moduli at the edges of their stated ranges."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.limbs import LimbOps

RUNS_HERE = [name for name in ntt.available_backends() if name == "ifma"]
pytestmark = pytest.mark.skipif(not RUNS_HERE, reason="this CPU has no AVX-512 IFMA")

NARROW_BITS = 46
DEGREES = (1 << 7, 1 << 8, 1 << 13, 1 << 16, 1 << 17)


def test_narrow_moduli__sums_stay_inside_words() -> None:
    """The recurrences of docs/bounds.md, in multiples of q."""
    word, stages = 1 << (52 - NARROW_BITS), 17
    assert 4 + 2 * stages < word
    inside_registers = [2, 4, 8, 16]
    assert max(inside_registers) < word
    of_a_pass = 4  # a reduced sum, or a sum of two products
    assert max(2 * 2, 4 * of_a_pass, 2 * of_a_pass + 8) <= 16 < word


@pytest.mark.parametrize("N", DEGREES)
@pytest.mark.parametrize("bits", [20, 30, NARROW_BITS, NARROW_BITS + 1, 50])
def test_forward__inputs_up_to_4q(N: int, bits: int) -> None:
    from ntt.backends.ifma import transform

    tables = ntt.NTTTables(N, ntt.find_primes(bits, N, 1))
    (q,) = tables.moduli
    edges = np.array([0, 1, q - 1, q, 2 * q, 4 * q - 1], dtype=np.uint64)
    drawn = np.random.default_rng(0).choice(edges, N)
    for x in (drawn, np.full(N, 4 * q - 1, dtype=np.uint64)):
        expected = _scalar(tables).forward((x % q)[None])[0]
        found = x.copy()
        transform.forward_row(found, tables.for_word(52)[0])
        assert (found == expected).all()


@pytest.mark.parametrize("N", DEGREES)
@pytest.mark.parametrize("bits", [20, 30, NARROW_BITS, NARROW_BITS + 1, 50])
def test_inverse__inputs_up_to_2q(N: int, bits: int) -> None:
    from ntt.backends.ifma import inverse_transform

    tables = ntt.NTTTables(N, ntt.find_primes(bits, N, 1))
    (q,) = tables.moduli
    edges = np.array([0, 1, q - 1, q, 2 * q - 1], dtype=np.uint64)
    drawn = np.random.default_rng(0).choice(edges, N)
    for x in (drawn, np.full(N, 2 * q - 1, dtype=np.uint64)):
        expected = _scalar(tables).inverse((x % q)[None])[0]
        found = x.copy()
        inverse_transform.inverse_row(found, tables.for_word(52)[0])
        assert (found == expected).all()


def _scalar(tables: ntt.NTTTables) -> LimbOps:
    return LimbOps(tables, tables.all_rows, select.backend_module("scalar"))

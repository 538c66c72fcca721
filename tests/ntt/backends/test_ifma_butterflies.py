"""The transforms of each kind of moduli at the edges of their stated ranges."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.limbs import LimbOps

RUNS_HERE = [name for name in ntt.available_backends() if name == "ifma"]
pytestmark = pytest.mark.skipif(not RUNS_HERE, reason="this CPU has no AVX-512 IFMA")

WORD_BITS, NARROW_FORWARD_BITS, NARROW_INVERSE_BITS, MIDDLE_BITS = 52, 46, 48, 49
BITS = [20, 30, 46, 47, 48, 49, 50]
DEGREES = (1 << 7, 1 << 8, 1 << 9, 1 << 13, 1 << 16, 1 << 17)


def test_kinds_of_moduli__are_those_of_the_proof() -> None:
    from ntt.backends.ifma import butterflies

    assert butterflies.NARROW_FORWARD == 1 << NARROW_FORWARD_BITS
    assert butterflies.NARROW_INVERSE == 1 << NARROW_INVERSE_BITS
    assert butterflies.MIDDLE == 1 << MIDDLE_BITS


def test_forward__sums_stay_inside_words() -> None:
    """The recurrences of docs/bounds.md, in multiples of q."""
    stages = 17
    assert 4 + 2 * stages < 1 << (WORD_BITS - NARROW_FORWARD_BITS)
    reduced, of_a_pass = 2, 3
    assert reduced + 2 * of_a_pass <= 1 << (WORD_BITS - MIDDLE_BITS)


@pytest.mark.parametrize(
    ("bits", "multiple", "again"), [(NARROW_INVERSE_BITS, 8, False), (MIDDLE_BITS, 4, True)]
)
def test_inverse__sums_stay_inside_words(bits: int, multiple: int, again: bool) -> None:
    """The recurrences of docs/bounds.md: bounds of sums and of differences, in multiples of q."""
    room, product = 1 << (WORD_BITS - bits), 2
    largest: list[int] = []

    def stage(values: int) -> int:
        """The bound of a stage's sums, from that of its inputs."""
        assert values <= multiple  # so that no difference falls below 0
        largest.extend((2 * values, values + multiple))
        return 2 * values

    # Inside registers: sums and products mix, and are reduced before the last of three stages.
    inside = stage(stage(product))
    inside = stage(product if again else inside)
    assert inside >= product
    # A pass on reduced sums and on what the pass before left: products, and sums of two products.
    inputs = product if again else 2 * product
    sums = stage(inputs)
    stage(max(sums, product))
    assert 2 * product <= (2 * product if again else inputs)
    assert max(largest) <= room


@pytest.mark.parametrize("N", DEGREES)
@pytest.mark.parametrize("bits", BITS)
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
@pytest.mark.parametrize("bits", BITS)
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

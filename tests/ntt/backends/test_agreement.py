"""Every backend gives the bits of `scalar`, at every N and prime size that it takes."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.backends.contract import Backend
from ntt.constants import Scalars
from ntt.limbs import LimbOps

DEGREES = [1 << k for k in range(3, 18)]


def edge_rows(q: int, N: int, seed: int) -> np.ndarray:
    """Rows (4, N): random, all q - 1, edges alternating, random among the edges."""
    generator = np.random.default_rng(seed)
    rows = np.full((4, N), q - 1, dtype=np.uint64)
    rows[0] = generator.integers(0, q, N, dtype=np.uint64)
    rows[2, ::2] = 0
    rows[3] = generator.choice(np.array([0, 1, q // 2, q // 2 + 1, q - 1], np.uint64), N)
    return rows


@pytest.mark.parametrize("N", DEGREES)
def test_transforms__same_bits_at_every_degree(backend: Backend, N: int) -> None:
    if N < backend.MIN_RING_DEGREE:
        with pytest.raises(ntt.BackendError, match=f"N = {N}"):
            select.backend_for(N, 20)
        return
    scalar = select.backend_module("scalar")
    smallest = max(20, (2 * N).bit_length() + 1)
    for bits in sorted({smallest, 31, 45, 49, backend.MAX_MODULUS_BITS}):
        tables = ntt.NTTTables(N, ntt.find_primes(bits, N, 1))
        rows = np.zeros(4, dtype=np.int64)
        x = edge_rows(tables.moduli[0], N, seed=N + bits)
        for name in ("forward", "inverse"):
            ours, reference = x.copy(), x.copy()
            getattr(backend, name)(ours, rows, tables.for_word(backend.WORD_BITS), 0, 4)
            getattr(scalar, name)(reference, rows, tables.for_word(64), 0, 4)
            assert (ours == reference).all(), (name, bits)


@pytest.mark.parametrize("N", DEGREES)
def test_inverse_affine__same_bits_at_every_degree(backend: Backend, N: int) -> None:
    if N < backend.MIN_RING_DEGREE:
        return
    scalar = select.backend_module("scalar")
    for bits in (max(20, (2 * N).bit_length() + 1), 45, backend.MAX_MODULUS_BITS):
        (q,) = ntt.find_primes(bits, N, 1)
        ops = [LimbOps(ntt.NTTTables(N, [q]), np.zeros(4, int), b) for b in (backend, scalar)]
        x = edge_rows(q, N, seed=N + bits)
        addends = np.array([0, 1, q // 2, q - 1], dtype=np.uint64)
        for factors in (None, Scalars([1, 2, q // 3, q - 1], (q,) * 4)):
            ours, reference = (o.inverse_affine(0 * x, x, factors, addends) for o in ops)
            assert (ours == reference).all(), bits


@pytest.mark.parametrize("N", [1 << 10, 1 << 13, 1 << 16, 1 << 17])
def test_transforms__inverse_undoes_forward_at_large_degrees(backend: Backend, N: int) -> None:
    moduli = ntt.find_primes(backend.MAX_MODULUS_BITS, N, 2)
    ops = LimbOps(ntt.NTTTables(N, moduli), np.arange(2))
    x = np.stack([edge_rows(q, N, seed=N) for q in moduli], axis=1)
    assert (ops.inverse(ops.forward(x.copy())) == x).all()


@pytest.mark.parametrize("lazy", [1, 2, 4])
def test_forward__takes_the_stated_lazy_range(backend: Backend, lazy: int) -> None:
    # The integer backends take values below 4q (after a base conversion), `fma` residues only.
    if backend.WORD_BITS == 53 and lazy > 1:
        lazy = 1
    N = 1 << 10
    for bits in (20, backend.MAX_MODULUS_BITS):
        q = ntt.find_primes(bits, N, 1)[0]
        tables = ntt.NTTTables(N, [q])
        x = np.random.default_rng(bits).integers(0, lazy * q, (2, N), dtype=np.uint64)
        x[1] = lazy * q - 1
        x[1, ::3] = 0
        rows = np.zeros(2, dtype=np.int64)
        reduced = x % np.uint64(q)
        table = tables.for_word(backend.WORD_BITS)
        backend.forward(x, rows, table, 0, 2)
        backend.forward(reduced, rows, table, 0, 2)
        assert (x == reduced).all()


@pytest.mark.parametrize("lazy", [1, 2])
def test_inverse__takes_the_stated_lazy_range(backend: Backend, lazy: int) -> None:
    if backend.WORD_BITS == 53 and lazy > 1:
        lazy = 1
    N = 1 << 10
    for bits in (20, backend.MAX_MODULUS_BITS):
        q = ntt.find_primes(bits, N, 1)[0]
        x = np.random.default_rng(bits).integers(0, lazy * q, (2, N), dtype=np.uint64)
        x[1] = lazy * q - 1
        x[1, ::3] = 0
        rows = np.zeros(2, dtype=np.int64)
        reduced = x % np.uint64(q)
        table = ntt.NTTTables(N, [q]).for_word(backend.WORD_BITS)
        backend.inverse(x, rows, table, 0, 2)
        backend.inverse(reduced, rows, table, 0, 2)
        assert (x == reduced).all()


def test_kernels__touch_only_their_rows(backend: Backend) -> None:
    N = 1 << 8
    tables = ntt.NTTTables(N, ntt.find_primes(45, N, 3))
    x = np.ones((3, N), dtype=np.uint64)
    backend.forward(x, np.arange(3), tables.for_word(backend.WORD_BITS), 1, 2)
    assert (x[[0, 2]] == 1).all()
    assert (x[1] != 1).any()

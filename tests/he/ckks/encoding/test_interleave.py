"""Transforms to weights: both kernels against NumPy's transposition."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.circuits import diagonal_encoding
from ntt.cpu import cpu_features

ROWS, LIMBS = 16, 3


def aligned(*shape: int, words: int = 0) -> np.ndarray:
    """Zeros that begin so many words behind a multiple of 64 bytes."""
    memory = np.zeros(np.prod(shape) + 16, dtype=np.uint64)
    first = -memory.ctypes.data % 64 // 8 + words
    return memory[first : first + np.prod(shape)].reshape(shape)


def written(out: np.ndarray, x: np.ndarray, limb: int, term: int) -> np.ndarray:
    """The slow twin."""
    count, limbs, _ = x.shape
    rows, lanes = out.shape[1], out.shape[3]
    wanted = out.copy()
    moved = x.reshape(count, limbs, rows, lanes).transpose(1, 2, 0, 3)
    wanted[limb : limb + limbs, :, term : term + count] = moved
    return wanted


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("terms", "count", "term"), [(16, 8, 8), (12, 4, 4), (7, 3, 2), (20, 4, 0)]
)
def test_interleave__writes_these_terms_and_no_others(lanes, terms, count, term) -> None:
    rng = np.random.default_rng(lanes)
    out = aligned(LIMBS + 1, ROWS, terms, lanes)
    out[:] = rng.integers(0, 1 << 60, out.shape)
    x = rng.integers(0, 1 << 60, (count, LIMBS, ROWS * lanes)).astype(np.uint64)
    wanted = written(out, x, 1, term)
    diagonal_encoding._interleave(out, x, 1, term)
    assert (out == wanted).all()


def test_interleave__whole_lines_go_past_the_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they can: the places and counts are multiples of a line, and the CPU has the stores."""
    out = aligned(1, ROWS, 16, 4)
    assert diagonal_encoding._writes_lines(out, 8, 8) == ("avx512f" in cpu_features())
    assert not diagonal_encoding._writes_lines(out, 7, 8)
    assert not diagonal_encoding._writes_lines(out, 8, 1)
    assert not diagonal_encoding._writes_lines(aligned(1, ROWS, 16, 4, words=4), 8, 8)
    monkeypatch.setattr(diagonal_encoding, "cpu_features", lambda: frozenset({"fma"}))
    assert not diagonal_encoding._writes_lines(out, 8, 8)

"""Copies of blocks of rows. Arrays in; nothing raised or allocated."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def gather(out, source, rows, start):
    """out[i] = source[rows[i], start : start + width] for out (len(rows), width)."""
    width = out.shape[1]
    for i in range(rows.size):
        row, block = source[rows[i], start : start + width], out[i]
        for j in range(width):
            block[j] = row[j]


@njit(cache=True, nogil=True)
def scatter(target, rows, start, block):
    """target[rows[i], start : start + width] = block[i] for block (len(rows), width)."""
    width = block.shape[1]
    for i in range(rows.size):
        row, source = target[rows[i], start : start + width], block[i]
        for j in range(width):
            row[j] = source[j]

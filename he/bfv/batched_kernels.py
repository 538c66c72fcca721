"""Copies of blocks of rows. Arrays in; nothing raised or allocated."""

from __future__ import annotations

from ntt.jit import kernel


@kernel
def gather(out, source, rows):
    """out[b, i] = block b of source[rows[i]], for out (blocks, len(rows), width).

    Each row is read once, in order.
    """
    width = out.shape[2]
    for i in range(rows.size):
        row = source[rows[i]]
        for b in range(out.shape[0]):
            block = out[b, i]
            for j in range(width):
                block[j] = row[b * width + j]


@kernel
def scatter(target, rows, start, block):
    """target[rows[i], start : start + width] = block[i] for block (len(rows), width)."""
    width = block.shape[1]
    for i in range(rows.size):
        row, source = target[rows[i], start : start + width], block[i]
        for j in range(width):
            row[j] = source[j]

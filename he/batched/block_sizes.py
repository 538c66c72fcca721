"""The sizes of blocks and of sums, which kernels and their callers share."""

from __future__ import annotations

WIDTH = 16
"""Neighbouring words of a limb in a block: two vectors."""

OUTPUTS = 8
"""Sums that are made side by side: their weights lie together."""

SUMS = OUTPUTS * WIDTH
"""Words of scratch memory of `he.batched.kernels.weighted_sums`."""

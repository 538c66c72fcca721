"""Blocks of limbs: every limb once, in order, in sizes that are alike."""

from __future__ import annotations

import pytest

from he.rlwe.limb_blocks import even_blocks, fewest_blocks


@pytest.mark.parametrize("limbs", [1, 2, 7, 20])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_even_blocks__cover_the_limbs_once(limbs: int, count: int) -> None:
    blocks = even_blocks(limbs, count)
    assert [limb for block in blocks for limb in block] == list(range(limbs))
    assert len(blocks) == min(count, limbs)
    sizes = {len(block) for block in blocks}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("limb_bytes", "blocks"), [(1, 1), (1 << 22, 3), (1 << 23, 6), (1 << 24, 12), (1 << 30, 12)]
)
def test_fewest_blocks__each_fits_sixteen_mebibytes(limb_bytes: int, blocks: int) -> None:
    assert fewest_blocks(12, limb_bytes) == blocks

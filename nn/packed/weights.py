"""The encoded weights of linear stages: their bytes, and where a server keeps them."""

from __future__ import annotations

from he.ckks.circuits.diagonal_encoding import common_period, weight_bytes
from he.ckks.params import CKKSParameters
from nn.packed.packing import PackedAffine


def affine_weight_bytes(params: CKKSParameters, affine: PackedAffine, level: int) -> int:
    """The size of the encoded diagonals of a linear stage at `level`."""
    return sum(
        weight_bytes(params, level, len(block), common_period(params.N, block.values()))
        for block in affine.blocks.values()
    )

"""Pairs of polynomials whose uniform half is the expansion of a public seed.

What a seed expands to is part of the byte format: behind a seed, bytes leave the uniform half out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from he.errors import CorruptBytesError, ParameterError
from he.format.container import Contents
from he.format.residue_packing import check_length, pack_residues, unpack_residues
from he.rlwe import sampling
from he.rlwe.sampling import SEED_BYTES, RandomStream
from ntt.limbs import LimbOps
from ntt.memory import large_array

CIPHERTEXT = "ciphertext"
"""Label of c_1 of a symmetric encryption."""

PUBLIC_KEY = "public key"
"""Label of the uniform half of a public key."""


def digit_label(digit: int) -> str:
    """Label of the uniform half of one digit of a switching key."""
    return f"digit {digit}"


def uniform_from_seed(
    seed: bytes, label: str, ops: LimbOps, out: np.ndarray | None = None
) -> np.ndarray:
    """The uniform polynomial (limbs, N), transformed, that (seed, label) stands for.

    The row of a modulus depends on the seed, the label and that modulus alone. out: its memory,
    default new.
    """
    stream = RandomStream.from_seed(seed, label)
    return sampling.uniform_residues(stream, ops.moduli, ops.tables.N, out)


def checked_seed(stored: bytes) -> bytes | None:
    """A seed that was read, or None for no bytes: then nothing is left out.

    Raises `CorruptBytesError` for another length.
    """
    if len(stored) not in (0, SEED_BYTES):
        raise CorruptBytesError(f"a seed of {len(stored)} bytes: {SEED_BYTES} or none are needed")
    return stored or None


def check_seeded(
    data: np.ndarray, seed: bytes | None, ops: LimbOps, labels: Sequence[str], what: str
) -> None:
    """Raise `ParameterError` unless a seed is 32 bytes that expand to the uniform halves of data.

    data (.., 2, limbs, N); labels: of each pair. Bytes leave the uniform halves out: with another
    seed they would hold another object.
    """
    if seed is None:
        return
    if not isinstance(seed, bytes) or len(seed) != SEED_BYTES:
        raise ParameterError(f"the seed of {what} is no bytes object of {SEED_BYTES} bytes")
    *_, parts, limbs, N = data.shape
    pairs = data.reshape(-1, parts, limbs, N)
    expands = parts == 2 and all(
        np.array_equal(pair[1], uniform_from_seed(seed, label, ops))
        for pair, label in zip(pairs, labels, strict=True)
    )
    if not expands:
        raise ParameterError(f"the second half of {what} is not what its seed expands to")


def pack_pairs(data: np.ndarray, seed: bytes | None, moduli: Sequence[int]) -> bytes:
    """Polynomials (.., parts, limbs, N), packed; behind a seed only part 0 of each pair."""
    return pack_residues(data if seed is None else data[..., 0, :, :], moduli)


def read_pairs(
    contents: Contents,
    section: str,
    ops: LimbOps,
    shape: tuple[int, ...],
    seed: bytes | None,
    labels: Sequence[str],
) -> np.ndarray:
    """What `pack_pairs` wrote: `shape` = (.., parts, limbs, N), uint64, every residue checked.

    labels: of the uniform half of each pair. Raises `CorruptBytesError`.
    """
    if seed is None:
        return contents.residues(section, ops.moduli, shape)
    *_, limbs, N = shape
    packed, halves = contents.octets(section), (len(labels), limbs, N)
    check_length(packed, ops.moduli, halves)
    data = large_array(shape)
    pairs = data.reshape(-1, 2, limbs, N)
    unpack_residues(packed, ops.moduli, halves, out=pairs[:, 0])
    for pair, label in zip(pairs, labels, strict=True):
        uniform_from_seed(seed, label, ops, pair[1])
    return data

"""What a seed in SEAL's bytes stands for: its two generators and their uniform polynomials.

SEAL, native/src/seal/randomgen.cpp and util/rlwe.cpp (sample_poly_uniform and its 3.4 and 3.5
forms).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import IntEnum

import numpy as np

from he.interop.seal.blake2xb import blake2xb
from he.interop.seal.envelope import Format, Version, envelope
from he.interop.seal.errors import UnknownGeneratorError
from he.interop.seal.reader import Reader
from ntt.memory import large_array

SEED_BYTES = 64
_BLOCK_BYTES = 4096
_BLOCKS_AT_ONCE = 64


class Generator(IntEnum):
    """SEAL's prng_type."""

    BLAKE2XB = 1
    SHAKE256 = 2


def read_seed(reader: Reader, version: Version) -> tuple[Generator, bytes]:
    """The generator and seed that follow the first half of a seeded ciphertext."""
    if not version.has_generator_header:
        return Generator.BLAKE2XB, bytes(reader.take(SEED_BYTES))
    info = reader.nested()
    kind, seed = info.u8(), bytes(info.take(SEED_BYTES))
    info.end()
    if kind not in Generator._value2member_map_:
        raise UnknownGeneratorError(
            f"the seed belongs to SEAL's generator {kind}; 1 (Blake2xb) and 2 (SHAKE256) are "
            f"known: expand the object in the program that wrote it, and save it in full"
        )
    return Generator(kind), seed


def generator_of(version: Version) -> Generator:
    """The generator of seeds that are written: SHAKE256, or the only one that the version knows."""
    return Generator.SHAKE256 if version.has_generator_header else Generator.BLAKE2XB


def write_seed(seed: bytes, version: Version) -> bytes:
    """A seed of `generator_of(version)`, as `read_seed` reads it."""
    if not version.has_generator_header:
        return seed
    return envelope(bytes([generator_of(version)]) + seed, Format(version=version))


def uniform_polynomial(
    generator: Generator, seed: bytes, moduli: Sequence[int], N: int, version: Version
) -> np.ndarray:
    """The uniform residues (limbs, N) uint64 that (generator, seed) stand for in that release.

    Words w >= m - (m mod q) - 1 with m the largest word are rejected, the others reduced mod q.
    Since 3.6 all words are drawn first, and a rejected one is replaced from the words after them.
    Before, the next word takes its place; a word is two of 32 bits, the high one first, and in 3.4
    without its lowest bit.
    """
    stream = _Stream(generator, seed)
    out = large_array((len(moduli), N))
    if version.has_generator_header:
        out[:] = stream.words(out.size).reshape(out.shape)
        for row, q in zip(out, moduli, strict=True):
            bound = _bound(64, q)
            for i in np.flatnonzero(row >= bound):
                while row[i] >= bound:
                    row[i] = stream.words(1)[0]
            row %= np.uint64(q)
        return out
    bits = 63 if version == (3, 4) else 64
    for row, q in zip(out, moduli, strict=True):
        filled = 0
        while filled < N:
            words = stream.words(N - filled)
            words = (words << np.uint64(32) | words >> np.uint64(32)) >> np.uint64(64 - bits)
            kept = words[words < _bound(bits, q)]
            row[filled : filled + kept.size] = kept % np.uint64(q)
            filled += kept.size
    return out


def _bound(bits: int, q: int) -> np.uint64:
    largest = (1 << bits) - 1
    return np.uint64(largest - largest % q - 1)


class _Stream:
    """The generator's bytes as little-endian 64-bit words: block i of 4096 bytes is f(seed, i)."""

    def __init__(self, generator: Generator, seed: bytes) -> None:
        self._blocks = _blocks(generator, seed)
        self._left = large_array((0,))

    def words(self, count: int) -> np.ndarray:
        """The next `count` words."""
        parts = [self._left]
        have = self._left.size
        while have < count:
            parts.append(np.frombuffer(next(self._blocks), dtype="<u8").astype(np.uint64))
            have += parts[-1].size
        everything = np.concatenate(parts, out=large_array((have,)))
        self._left = everything[count:]
        return everything[:count]


def _blocks(generator: Generator, seed: bytes) -> Iterator[bytes]:
    counter = 0
    while True:
        inputs = [i.to_bytes(8, "little") for i in range(counter, counter + _BLOCKS_AT_ONCE)]
        if generator is Generator.BLAKE2XB:
            yield blake2xb(inputs, seed, _BLOCK_BYTES)
        else:
            yield b"".join(hashlib.shake_256(seed + i).digest(_BLOCK_BYTES) for i in inputs)
        counter += _BLOCKS_AT_ONCE

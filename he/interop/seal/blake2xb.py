"""BLAKE2Xb, the extendable-output form of BLAKE2b.

Aumasson, Neves, Wilcox-O'Hearn, Winnerlein, "BLAKE2X" (2016), on RFC 7693. The standard library
has the root node; the expansion nodes have a tree depth of 0, which it refuses, so they are
computed here, all of them side by side.
"""

from __future__ import annotations

import hashlib

import numpy as np

_HASH_BYTES = 64
_ROUNDS = 12
_IV = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)
_SIGMA = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def blake2xb(inputs: list[bytes], key: bytes, length: int) -> bytes:
    """The outputs of BLAKE2Xb(input, key), `length` bytes each, one after the other.

    length: a multiple of 64, so that every node is a full one; key: up to 64 bytes.
    """
    nodes = length // _HASH_BYTES
    roots = [
        hashlib.blake2b(item, digest_size=_HASH_BYTES, key=key, node_offset=length << 32).digest()
        for item in inputs
    ]
    messages = np.frombuffer(b"".join(roots), dtype="<u8").reshape(-1, 8).astype(np.uint64)
    offsets = np.tile(np.arange(nodes, dtype=np.uint64), len(roots))
    state = _expansion_state(offsets, length)
    compressed = _compress_last(state, np.repeat(messages, nodes, axis=0).T)
    return compressed.T.astype("<u8").tobytes()


def _expansion_state(offsets: np.ndarray, length: int) -> np.ndarray:
    """The initial state (8, nodes): IV xor parameters.

    Digest length 64, no key, fanout and depth 0, leaf length 64, the node's offset, the XOF length,
    node depth 0, inner length 64.
    """
    state = np.repeat(_IV[:, None], offsets.size, axis=1)
    state[0] ^= np.uint64(_HASH_BYTES | _HASH_BYTES << 32)
    state[1] ^= offsets | np.uint64(length << 32)
    state[2] ^= np.uint64(_HASH_BYTES << 8)
    return state


def _compress_last(state: np.ndarray, message: np.ndarray) -> np.ndarray:
    """BLAKE2b's F on one last block of 64 bytes: state (8, lanes), message (8, lanes)."""
    m = [*message, *np.zeros_like(message)]
    v = [*state.copy(), *np.repeat(_IV[:, None], state.shape[1], axis=1)]
    v[12] = v[12] ^ np.uint64(_HASH_BYTES)
    v[14] = ~v[14]
    for r in range(_ROUNDS):
        s = _SIGMA[r % len(_SIGMA)]
        for i, rows in enumerate(_COLUMNS + _DIAGONALS):
            _mix(v, rows, m[s[2 * i]], m[s[2 * i + 1]])
    return np.array([h ^ v[i] ^ v[i + 8] for i, h in enumerate(state)])


def _mix(
    v: list[np.ndarray], rows: tuple[int, int, int, int], x: np.ndarray, y: np.ndarray
) -> None:
    """BLAKE2b's G (RFC 7693, section 3.1) in every lane."""
    a, b, c, d = rows
    v[a] = v[a] + v[b] + x
    v[d] = _rotate_right(v[d] ^ v[a], 32)
    v[c] = v[c] + v[d]
    v[b] = _rotate_right(v[b] ^ v[c], 24)
    v[a] = v[a] + v[b] + y
    v[d] = _rotate_right(v[d] ^ v[a], 16)
    v[c] = v[c] + v[d]
    v[b] = _rotate_right(v[b] ^ v[c], 63)


def _rotate_right(x: np.ndarray, bits: int) -> np.ndarray:
    rotated: np.ndarray = (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))
    return rotated

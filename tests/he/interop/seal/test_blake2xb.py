"""BLAKE2Xb against a slow twin in Python integers, which is itself held to the standard library."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.interop.seal import blake2xb as fast

MASK = (1 << 64) - 1
IV = [int(word) for word in fast._IV]


def compress(h, message, final_bytes):
    """BLAKE2b's F on the last block (RFC 7693, section 3.2), word by word."""
    m = list(struct.unpack("<16Q", message.ljust(128, b"\0")))
    v = h + IV
    v[12] ^= final_bytes
    v[14] ^= MASK

    def mix(a, b, c, d, x, y):
        for shift_d, shift_b, word in ((32, 24, x), (16, 63, y)):
            v[a] = (v[a] + v[b] + word) & MASK
            v[d] = rotate(v[d] ^ v[a], shift_d)
            v[c] = (v[c] + v[d]) & MASK
            v[b] = rotate(v[b] ^ v[c], shift_b)

    for r in range(12):
        s = fast._SIGMA[r % 10]
        for i in range(4):
            mix(i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]])
        for i in range(4):
            mix(
                i,
                (i + 1) % 4 + 4,
                (i + 2) % 4 + 8,
                (i + 3) % 4 + 12,
                m[s[2 * i + 8]],
                m[s[2 * i + 9]],
            )
    return struct.pack("<8Q", *(h[i] ^ v[i] ^ v[i + 8] for i in range(8)))


def rotate(x, bits):
    return (x >> bits | x << (64 - bits)) & MASK


def parameter_block(digest, fanout, depth, leaf, offset, xof, node_depth, inner):
    """The 64 bytes of BLAKE2X's parameters, without key, salt and personalisation."""
    head = struct.pack("<BBBBIIIBB", digest, 0, fanout, depth, leaf, offset, xof, node_depth, inner)
    return head.ljust(64, b"\0")


def node(parameters, message):
    h = [a ^ b for a, b in zip(IV, struct.unpack("<8Q", parameters), strict=True)]
    return compress(h, message, len(message))


def slow_blake2xb(message, key, length):
    """BLAKE2X, section 2: a root with the XOF length, then one node for each 64 bytes."""
    root = hashlib.blake2b(message, key=key, node_offset=length << 32).digest()
    return b"".join(
        node(parameter_block(64, 0, 0, 64, i, length, 0, 64), root) for i in range(length // 64)
    )


@pytest.mark.parametrize("offset", [0, 1, 77])
@pytest.mark.parametrize("xof", [0, 4096])
def test_slow_twin__equals_hashlib_where_that_allows_the_parameters(offset, xof):
    message = bytes(range(64))
    ours = node(parameter_block(64, 2, 3, 64, offset, xof, 1, 64), message)
    theirs = hashlib.blake2b(
        message,
        fanout=2,
        depth=3,
        leaf_size=64,
        node_offset=offset | xof << 32,
        node_depth=1,
        inner_size=64,
    )
    assert ours == theirs.digest()


@given(
    messages=st.lists(st.binary(max_size=40), min_size=1, max_size=4),
    key=st.binary(max_size=64),
    length=st.sampled_from([64, 128, 320]),
)
def test_blake2xb__equals_the_slow_twin(messages, key, length):
    expected = b"".join(slow_blake2xb(message, key, length) for message in messages)
    assert fast.blake2xb(messages, key, length) == expected


def test_blake2xb__wraps_additions_silently():
    """Sums of 64-bit words wrap by definition; NumPy must not warn."""
    with np.errstate(all="raise"):
        assert len(fast.blake2xb([b"x"], b"", 64)) == 64

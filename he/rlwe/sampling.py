"""Cryptographic randomness: a stream cipher's key stream and the distributions drawn from it.

What a seed expands to is part of the byte format (seeded ciphertexts and keys store the seed in
place of the polynomial), so the algorithms below are fixed: they depend on the seed, the label and
the arguments alone, not on the platform, the block size or the number of threads.

Stream(seed, label):
    key = BLAKE2b-256(label in UTF-8, keyed with seed, personalised "he-accel stream1")
    bytes = ChaCha20(key, 64-bit block counter from 0, 64-bit nonce 0)
uniform_residues(stream, moduli, N):
    s = next 32 bytes; limb q = the first N little-endian 64-bit words w of
    Stream(s, "limb " + decimal q) with w mod 2^b < q, each reduced mod 2^b; b = bit length of q
ternary(stream, N):
    the first N bytes below 255, each mod 3, less 1
gaussian(stream, N, sigma):
    N little-endian 64-bit words; magnitude by the top 63 bits, sign by the lowest
"""

from __future__ import annotations

import builtins
import hashlib
import math
import os
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from he.errors import ParameterError
from he.rlwe.threshold_columns import AT_ONCE
from ntt.kernels import KernelModule
from ntt.memory import large_array, secret_array, wipe_bytes
from ntt.workspace import workspace

_kernels = KernelModule("he.rlwe.sampling_kernels")

SEED_BYTES = 32
BYTES_PER_CIPHER = 1 << 38
"""OpenSSL counts 2^32 blocks of 64 bytes: after so many, a stream starts its cipher anew."""
RENEWALS_PER_KEY = 1 << 16
"""So many random nonces of 96 bits repeat with probability 2^-65 under one key."""

STANDARD_SIGMA = 3.2
_PERSON = b"he-accel stream1"
_ZEROS = memoryview(bytes(1 << 18))


class _Forks:
    """How often this process has been forked off from another, since it imported this module."""

    generation = 0
    lock = threading.Lock()

    @classmethod
    def count(cls) -> None:
        """Called in a forked child, whose process id may equal its parent's."""
        cls.generation += 1
        cls.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forks.count)


def _process() -> tuple[int, int]:
    """What differs between a process and its fork: the id, or else the count of forks."""
    return os.getpid(), _Forks.generation


class RandomStream:
    """A stream of pseudorandom bytes: the ChaCha20 key stream of a key derived from a seed.

    Safe to share between threads (each draw is atomic). A stream from `from_os` reseeds itself in
    a forked process, whatever its process id, and after `BYTES_PER_CIPHER` bytes. No stream can be
    copied or pickled, since a repeated stream repeats secrets.
    """

    def __init__(self, seed: builtins.bytes, label: str, *, from_os: bool = False) -> None:
        if not isinstance(seed, builtins.bytes) or len(seed) != SEED_BYTES:
            got = f"{len(seed)} bytes" if isinstance(seed, builtins.bytes) else type(seed).__name__
            raise ParameterError(f"a seed is a bytes object of {SEED_BYTES} bytes, got {got}")
        self._label = label
        self._from_os = from_os
        self._lock = threading.Lock()
        self._process = _process()
        self._start(seed)

    @classmethod
    def from_os(cls) -> RandomStream:
        """A fresh stream, seeded by the operating system (`os.urandom`). Use it for secrets.

        What it draws becomes zeros when nobody looks at it any more; its seed is not kept.
        """
        seed = os.urandom(SEED_BYTES)
        stream = cls(seed, "os", from_os=True)
        wipe_bytes(seed)
        return stream

    @classmethod
    def from_seed(cls, seed: builtins.bytes, label: str = "") -> RandomStream:
        """The stream of (seed, label), always the same.

        For the expansion of public seeds (the uniform halves of ciphertexts and keys) and for
        tests. Streams of one seed under different labels are independent (domain separation).

        seed: 32 bytes. For secrets it must be uniform and never used twice with one label;
        `from_os` sees to both. label: what the bytes are for. Raises `ParameterError` for a seed
        that is not 32 bytes.
        """
        return cls(seed, label)

    def fork(self, label: str) -> RandomStream:
        """An independent stream for `label`, seeded by the next 32 bytes of this one."""
        seed = self.bytes(SEED_BYTES)
        stream = RandomStream(seed, label, from_os=self._from_os)
        wipe_bytes(seed)
        return stream

    def renew(self, count: int = 0) -> builtins.bytes:
        """Go on with fresh randomness of the operating system, and return `count` bytes of it.

        Whatever a process, its fork or its restored copy drew before, what they draw next differs,
        as far as the operating system's randomness does. Both come of one draw, so that no copy of
        the process is made between them. A stream from a seed goes on, and returns its own bytes.
        """
        if self._process != _process():
            self._renew_after_fork()
        with self._lock:
            if self._key is None:
                return self._renewed(count)
        return self.bytes(count)

    def _renewed(self, count: int) -> builtins.bytes:
        drawn = os.urandom(SEED_BYTES + count)
        with memoryview(drawn) as view:
            self._renewals += 1
            if self._renewals == RENEWALS_PER_KEY:
                self._start(view[:SEED_BYTES])
            else:
                nonce = bytes(4) + view[:12]
                self._cipher.reset_nonce(nonce)
                self._left = BYTES_PER_CIPHER
                wipe_bytes(nonce)
            public = view[SEED_BYTES:].tobytes()
        wipe_bytes(drawn)
        return public

    def forget(self) -> None:
        """Keep nothing that gives back what was drawn. The next draw is of a fresh seed.

        A stream from a seed stays as it is.
        """
        with self._lock:
            if self._key is None:
                self._cipher.reset_nonce(bytes(16))
                self._left = 0

    def bytes(self, count: int) -> builtins.bytes:
        """The next `count` bytes."""
        return self._new(count).tobytes()

    def uint64(self, count: int) -> NDArray[np.uint64]:
        """The next 8 * count bytes as little-endian words: (count,) uint64, uniform."""
        return _native(self._new(8 * count).view(np.uint64))

    def uint8(self, count: int) -> NDArray[np.uint8]:
        """The next `count` bytes as (count,) uint8, uniform."""
        return self._new(count)

    def fill(self, out: NDArray[np.uint8]) -> None:
        """out (count,) = the next `count` bytes, of which nothing keeps a copy."""
        if self._process != _process():
            self._renew_after_fork()
        count, view = out.size, out.data
        with self._lock:
            if count <= len(_ZEROS) and count <= self._left:  # nearly always, by the shortest way
                self._cipher.update_into(_ZEROS[:count], view)
                self._left -= count
                return
            start = 0
            while start < count:
                if not self._left:
                    self._continue()
                end = min(count, start + len(_ZEROS), start + self._left)
                self._cipher.update_into(_ZEROS[: end - start], view[start:end])
                self._left -= end - start
                start = end

    def _start(self, seed: builtins.bytes | memoryview) -> None:
        key = hashlib.blake2b(
            self._label.encode(), key=seed, digest_size=32, person=_PERSON
        ).digest()
        self._key = None if self._from_os else key
        self._renewals = 0
        # The key is never used twice, so block counter and nonce start at zero.
        self._start_cipher(key, 0)
        if self._from_os:
            wipe_bytes(key)

    def _restart(self) -> None:
        """Go on with the stream of a fresh seed."""
        seed = os.urandom(SEED_BYTES)
        self._start(seed)
        wipe_bytes(seed)

    def _start_cipher(self, key: builtins.bytes, position: int) -> None:
        """Go on behind the first `position` bytes of the key stream."""
        block, inside = divmod(position, 64)
        nonce = block.to_bytes(16, "little")
        if self._from_os:
            # The cipher refers to its key, of which OpenSSL has a copy, which it overwrites at its
            # end.
            given = bytearray(key)
            self._cipher = Cipher(ChaCha20(given, nonce), mode=None).encryptor()
            given[:] = bytes(len(given))
        else:
            self._cipher = Cipher(ChaCha20(key, nonce), mode=None).encryptor()
        if inside:
            self._cipher.update(bytes(inside))
        self._left = BYTES_PER_CIPHER - position % BYTES_PER_CIPHER
        self._end = position + self._left

    def _new(self, count: int) -> NDArray[np.uint8]:
        """The next `count` bytes in memory of their own, which starts as words do."""
        if count < 0:
            raise ParameterError(f"count = {count} must not be negative")
        words = (secret_array if self._from_os else large_array)((-(-count // 8),))
        drawn = words.view(np.uint8)[:count]
        self.fill(drawn)
        return drawn

    def _continue(self) -> None:
        """More bytes than one cipher has: of a fresh seed, or of the same at the next block."""
        if self._key is None:
            self._restart()
        else:
            self._start_cipher(self._key, self._end - self._left)

    def _renew_after_fork(self) -> None:
        """A lock and a cipher of this process's own: the parent's may have been in use."""
        with _Forks.lock:
            if self._process != _process():
                self._lock = threading.Lock()
                self._continue()
                self._process = _process()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a RandomStream cannot be copied or pickled: it would repeat its bytes")


def _native(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The same words, read as little-endian ones, in place."""
    return words if sys.byteorder == "little" else words.byteswap(inplace=True)


def uniform_residues(
    stream: RandomStream,
    moduli: Sequence[int],
    N: int,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """A uniform polynomial in residue form: row i is uniform on [0, moduli[i])^N, exactly.

    Rejection of masked 64-bit words, so unbiased; at most two words a residue are expected.
    The row of q depends on the stream and q alone, not on the other moduli or their order.
    Takes 32 bytes from the stream.

    moduli: distinct integers, 2 <= q < 2^63. N: number of columns, at least 1. The result is
    (len(moduli), N) uint64, C-contiguous: `out`, or a new array. Raises `ParameterError` for a
    modulus or an N out of range, and for a repeated modulus.
    """
    _check_length(N)
    moduli = tuple(int(q) for q in moduli)
    for q in moduli:
        if not 2 <= q < 1 << 63:
            raise ParameterError(f"modulus {q} must be in [2, 2^63)")
    if len(set(moduli)) != len(moduli):
        raise ParameterError(f"moduli {moduli} must be distinct")
    seed = stream.bytes(SEED_BYTES)
    residues = large_array((len(moduli), N)) if out is None else out
    words = workspace("uniform words", (N,))
    for row, q in zip(residues, moduli, strict=True):
        limb_stream = RandomStream.from_seed(seed, f"limb {q}")
        masks = 1 << q.bit_length()
        filled = 0
        while filled < N:
            # What is missing, or a little more: few words are drawn in vain, and few times.
            missing = N - filled
            drawn = words[: missing * masks // q + 8 * math.isqrt(missing) + 1]
            limb_stream.fill(drawn.view(np.uint8))
            filled = int(
                _kernels.keep_below(_native(drawn), np.uint64(masks - 1), np.uint64(q), row, filled)
            )
    return residues


def ternary(
    stream: RandomStream, N: int, memory: NDArray[np.uint64] | None = None
) -> NDArray[np.int64]:
    """N independent samples, uniform on {-1, 0, 1}, exactly (rejection): (N,) int64.

    Variance 2/3. memory: uint64 (2, N) for what is drawn and for the samples, the last row, both of
    them secrets; default a `ntt.memory.secret_array`. Raises `ParameterError` if N < 1.
    """
    _check_length(N)
    words, samples = _in_memory(N, memory)
    octets = words.view(np.uint8)
    filled = 0
    while filled < N:
        drawn = octets[: N - filled]
        stream.fill(drawn)
        filled = int(_kernels.keep_ternary(drawn, samples, filled))
    return samples


def gaussian(
    stream: RandomStream,
    N: int,
    sigma: float = STANDARD_SIGMA,
    memory: NDArray[np.uint64] | None = None,
) -> NDArray[np.int64]:
    """N independent samples of the discrete Gaussian on the integers: (N,) int64.

    Pr[x] proportional to exp(-x^2 / (2 sigma^2)). Inversion of a table of Pr[|x| <= k] with 63
    bits, computed in exact decimal arithmetic and rounded to nearest. |x| <= B, where B is the
    first k with Pr[|x| > k] <= 2^-64 (30 at sigma = 3.2, more than 9 sigma). Each of the B + 1
    cumulative probabilities is off by at most 2^-64, so the statistical distance to the ideal
    distribution is at most (B + 1) 2^-64 a sample. The time does not depend on the samples.

    memory: as in `ternary`. Raises `ParameterError` for N < 1, and unless 0.5 <= sigma <= 64.
    """
    _check_length(N)
    words, samples = _in_memory(N, memory)
    stream.fill(words.view(np.uint8))
    _kernels.invert_half_normal(_native(words), _filled_thresholds(float(sigma)), samples)
    return samples


def _in_memory(
    N: int, memory: NDArray[np.uint64] | None
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Words and samples (N,)."""
    if memory is None:
        memory = secret_array((2, N))
    return memory[0], memory[1].view(np.int64)


@lru_cache(maxsize=8)
def half_normal_thresholds(sigma: float) -> NDArray[np.uint64]:
    """Table T_k = round(2^63 Pr[|x| <= k]), k = 0, 1, ..., as long as T_k < 2^63: (B,) uint64.

    Read-only. Raises `ParameterError` unless 0.5 <= sigma <= 64.
    """
    if not 0.5 <= sigma <= 64:
        raise ParameterError(f"sigma = {sigma} must be in [0.5, 64]")
    with localcontext() as context:
        context.prec = 60
        scale = -1 / (2 * Decimal(repr(sigma)) ** 2)
        # Beyond 16 sigma the terms are below e^-128, far under the 2^-64 that can matter.
        weights = [(k * k * scale).exp() for k in range(int(16 * sigma) + 2)]
        weights = [weights[0]] + [2 * weight for weight in weights[1:]]
        total = sum(weights)
        thresholds = []
        cumulative = Decimal(0)
        for weight in weights:
            cumulative += weight
            threshold = int((cumulative / total * 2**63).to_integral_value())
            if threshold >= 2**63:
                break
            thresholds.append(threshold)
    table = np.array(thresholds, dtype=np.uint64)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=8)
def _filled_thresholds(sigma: float) -> NDArray[np.uint64]:
    """The table, filled up as the kernel takes it."""
    table = half_normal_thresholds(sigma)
    missing = -table.size % AT_ONCE
    return np.concatenate((table, np.full(missing, 1 << 63, dtype=np.uint64)))


def _check_length(N: int) -> None:
    if N < 1:
        raise ParameterError(f"N = {N} must be at least 1")

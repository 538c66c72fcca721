"""No randomness repeats: not in forked processes of any process id, nor where a cipher ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

import he
from he.rlwe import sampling
from he.rlwe.sampling import RandomStream

SEED = bytes(range(32))


def in_a_fork(answer: Callable[[], bytes]) -> bytes:
    """What `answer` gives in a forked child. A child that hangs fails the test."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            os.write(writer, answer())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        got = file.read()
    assert os.waitpid(child, 0)[1] == 0, "the child hung"
    return got


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.mark.parametrize("same_pid", [False, True])
def test_stream_from_os__a_fork_draws_other_bytes(
    same_pid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Process ids repeat: in a container's namespace, and over time."""
    if same_pid:
        monkeypatch.setattr(os, "getpid", lambda: 1)
    stream = RandomStream.from_os()
    assert in_a_fork(lambda: stream.bytes(32)) != stream.bytes(32)


def test_encryption_and_keys__a_fork_of_the_same_pid_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two ciphertexts with one error under two uniform halves give the secret away."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    params = he.CKKSParameters.build(depth=1, precision_bits=10)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    encoder = he.Encoder(params)
    decryptor = he.Decryptor(params, secret)
    zero = encoder.encode(np.zeros(params.slots))
    for key in (secret, generator.public_key(secret)):
        encryptor = he.Encryptor(params, key)

        def error(encryptor: he.Encryptor = encryptor) -> bytes:
            noise = decryptor.decrypt(encryptor.encrypt(zero)).data[0, :512]
            return noise.tobytes()

        assert in_a_fork(error) != error()
    made = in_a_fork(lambda: generator.secret_key().coefficients[:512].tobytes())
    assert made != generator.secret_key().coefficients[:512].tobytes()


def test_fork__while_another_thread_draws_leaves_no_lock_taken() -> None:
    streams = [RandomStream.from_os(), RandomStream.from_seed(SEED)]
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            for stream in streams:
                stream.bytes(1 << 20)

    drawing = threading.Thread(target=draw)
    drawing.start()
    try:
        for _ in range(20):
            for stream in streams:
                assert len(in_a_fork(lambda stream=stream: stream.bytes(64))) == 64  # type: ignore[misc]
            time.sleep(0.001)
    finally:
        ended.set()
        drawing.join()


def test_stream__goes_on_where_a_cipher_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one seed, the bytes are those of one long key stream; the counter has 64 bits."""
    expected = RandomStream.from_seed(SEED).bytes(1000)
    monkeypatch.setattr(sampling, "BYTES_PER_CIPHER", 128)
    stream = RandomStream.from_seed(SEED)
    assert stream.bytes(100) + stream.bytes(28) + stream.bytes(872) == expected


def test_stream_from_os__takes_a_new_seed_where_a_cipher_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = [bytes([number]) * 32 for number in range(3)]
    monkeypatch.setattr(sampling, "BYTES_PER_CIPHER", 128)
    monkeypatch.setattr(os, "urandom", lambda _: seeds.pop(0))
    drawn = RandomStream.from_os().bytes(300)
    monkeypatch.undo()
    parts = [RandomStream.from_seed(bytes([n]) * 32, "os").bytes(128) for n in range(3)]
    assert drawn == b"".join(parts)[:300]


def test_renew__takes_randomness_of_the_system_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies of one process state draw different bytes once they renew."""
    monkeypatch.setattr(sampling, "RENEWALS_PER_KEY", 3)
    drawn = []
    for first in (1, 101):
        numbers = iter(range(first, first + 100))
        state = [bytes(32)]
        monkeypatch.setattr(
            os, "urandom", lambda n, s=state, m=numbers: s.pop() if s else bytes([next(m)]) * n
        )
        stream = RandomStream.from_os()
        drawn.append(stream.bytes(16))
        for _ in range(7):
            stream.renew()
            drawn.append(stream.bytes(16))
    assert drawn[0] == drawn[8]
    assert len(set(drawn)) == 15


def test_forget__gives_nothing_back_and_goes_on_with_a_fresh_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = RandomStream.from_os()
    stream.renew()
    drawn = stream.bytes(4096)
    stream.forget()
    # The cipher as it stands, which knew the nonce before.
    left = stream._cipher.update(bytes(8192))
    assert not any(drawn[start : start + 16] in left for start in range(0, 4096, 16))
    monkeypatch.setattr(os, "urandom", bytes)
    assert stream.bytes(64) == RandomStream.from_seed(bytes(32), "os").bytes(64)


def test_forget__leaves_a_seeded_stream_as_it_is() -> None:
    stream = RandomStream.from_seed(SEED)
    first = stream.bytes(64)
    stream.forget()
    assert first + stream.bytes(64) == RandomStream.from_seed(SEED).bytes(128)


def test_renew__leaves_a_seeded_stream_as_it_is() -> None:
    stream = RandomStream.from_seed(SEED)
    stream.renew()
    assert stream.renew(20) + stream.bytes(44) == RandomStream.from_seed(SEED).bytes(64)


def test_encryption__draws_error_and_uniform_half_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two draws a virtual machine could be copied: one error under two halves."""
    params = he.CKKSParameters.build(depth=1, precision_bits=10)
    secret = he.KeyGenerator(params).secret_key()
    encryptor = he.Encryptor(params, secret)
    zero = he.Encoder(params).encode(np.zeros(params.slots))
    drawn = []
    monkeypatch.setattr(os, "urandom", lambda n: drawn.append(n) or bytes(n))  # type: ignore[func-returns-value]
    encryptor.encrypt(zero)
    assert len(drawn) == 1


def test_stream__goes_on_behind_the_last_block_of_a_cipher() -> None:
    """At the real constant: a cipher refuses more, the stream goes on as a second one does."""
    ends = []
    for before in (64, 0):
        stream = RandomStream.from_seed(SEED)
        assert stream._key is not None
        stream._start_cipher(stream._key, sampling.BYTES_PER_CIPHER - before)
        ends.append(stream.bytes(before + 64)[before:])
    assert ends[0] == ends[1]
    cipher = RandomStream.from_seed(SEED)
    assert cipher._key is not None
    cipher._start_cipher(cipher._key, sampling.BYTES_PER_CIPHER - 64)
    with pytest.raises(ValueError, match="counter"):
        cipher._cipher.update(bytes(129))


def test_stream__a_fork_of_a_seeded_one_goes_on_where_it_was() -> None:
    stream = RandomStream.from_seed(SEED)
    stream.bytes(100)
    assert in_a_fork(lambda: stream.bytes(200)) == stream.bytes(200)

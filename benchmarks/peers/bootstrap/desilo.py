"""desilofhe, which chooses its parameters itself."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.peers.bootstrap.measurement import (
    NotMeasuredError,
    Subject,
    need_memory,
    timed_keys,
)

FULL = 1 << 16


def set_up(threads: int, N: int = FULL) -> Subject:
    """Its engine for bootstraps, which chooses the ring itself.

    Raises `ImportError` where the package is not installed, `NotMeasuredError` for another ring and
    where memory is short.
    """
    if N != FULL:
        raise NotMeasuredError(f"desilofhe has no bootstrap at N = {N}: leave its --peer-ring out")
    from desilofhe import Engine

    need_memory("desilofhe", 18e9)
    # The mode "cpu" computes on one thread, whatever its thread_count.
    mode = "cpu" if threads == 1 else "parallel"
    engine: Any = Engine(bootstrap=True, mode=mode, thread_count=threads)
    secret = engine.create_secret_key()
    public = engine.create_public_key(secret)
    random = np.random.default_rng(2026)

    def make_keys() -> tuple[Any, ...]:
        return (
            engine.create_relinearization_key(secret),
            engine.create_conjugation_key(secret),
            engine.create_bootstrap_key(secret),
        )

    made: Any
    made, keys_s, key_memory = timed_keys(make_keys)
    slots = engine.slot_count

    def prepare() -> object:
        values = random.uniform(-1, 1, slots)
        return engine.encrypt(values, public, level=0)

    def reveal(ciphertext: object) -> np.ndarray:
        return np.asarray(engine.decrypt(ciphertext, secret)).real

    refreshed = engine.bootstrap(prepare(), *made)
    return Subject(
        library="desilofhe",
        version=metadata.version("desilofhe"),
        N=2 * slots,
        slots=slots,
        levels=refreshed.level,
        scale_bits=0.0,
        parameters={"bootstrap_key": "medium", "values": "real", "mode": mode},
        keys_s=keys_s,
        key_memory_bytes=key_memory,
        prepare=prepare,
        refresh=lambda x: engine.bootstrap(x, *made),
        reveal=reveal,
    )

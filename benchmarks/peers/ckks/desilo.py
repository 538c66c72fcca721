"""CKKS of desilofhe, which chooses its parameters for a depth itself."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from desilofhe import Engine

from benchmarks.peers.ckks.task import ROTATIONS
from benchmarks.peers.library import Case, Library, UnsupportedCase


def set_up(case: Case) -> Library:
    """An engine of at least the case's depth.

    Raises `UnsupportedCase` where its ring degree is not the case's.
    """
    engine = Engine(max_level=case.depth, mode="cpu", thread_count=1)
    if engine.slot_count != case.N // 2:
        raise UnsupportedCase(
            f"depth {case.depth} makes it choose N = {2 * engine.slot_count}, not {case.N}"
        )
    secret = engine.create_secret_key()
    public = engine.create_public_key(secret)
    relin = engine.create_relinearization_key(secret)
    fixed = {k: engine.create_fixed_rotation_key(secret, k) for k in ROTATIONS}
    first, second = case.values
    plaintext = engine.encode(first)
    a, b = engine.encrypt(first, public), engine.encrypt(second, public)

    def reveal(ciphertext: object) -> np.ndarray:
        return np.asarray(engine.decrypt(ciphertext, secret)).real

    return Library(
        name="desilofhe",
        version=metadata.version("desilofhe"),
        parameters={"max_level": engine.max_level},
        operations={
            "encode": lambda: engine.encode(first),
            "encrypt": lambda: engine.encrypt(plaintext, public),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: engine.multiply(a, b, relin),
            "rotate": lambda: engine.rotate(a, fixed[1]),
            "rotate16": lambda: [engine.rotate(a, fixed[k]) for k in ROTATIONS][-1],
        },
        reveal=reveal,
    )

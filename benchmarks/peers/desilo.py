"""desilofhe, as the benchmark calls it. Its parameters are its own choice for a depth."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from desilofhe import Engine

from benchmarks.peers import ROTATIONS, Case, UnsupportedCase


def set_up(case: Case) -> Desilo:
    """An engine of at least the case's depth whose ring degree is the case's."""
    return Desilo(case)


class Desilo:
    """desilofhe for one case."""

    name = "desilofhe"

    def __init__(self, case: Case) -> None:
        self.version = metadata.version("desilofhe")
        engine = Engine(max_level=case.depth, mode="cpu", thread_count=1)
        if engine.slot_count != case.N // 2:
            raise UnsupportedCase(
                f"depth {case.depth} makes it choose N = {2 * engine.slot_count}, not {case.N}"
            )
        self.parameters: dict[str, object] = {"max_level": engine.max_level}
        secret = engine.create_secret_key()
        public = engine.create_public_key(secret)
        relin = engine.create_relinearization_key(secret)
        fixed = {k: engine.create_fixed_rotation_key(secret, k) for k in ROTATIONS}
        first, second = case.values
        plaintext = engine.encode(first)
        a, b = engine.encrypt(first, public), engine.encrypt(second, public)

        def reveal(ciphertext: object) -> np.ndarray:
            return np.asarray(engine.decrypt(ciphertext, secret)).real

        self._reveal = reveal
        self.operations = {
            "encode": lambda: engine.encode(first),
            "encrypt": lambda: engine.encrypt(plaintext, public),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: engine.multiply(a, b, relin),
            "rotate": lambda: engine.rotate(a, fixed[1]),
            "rotate16": lambda: [engine.rotate(a, fixed[k]) for k in ROTATIONS][-1],
        }

    def reveal(self, result: object) -> np.ndarray:
        return self._reveal(result)

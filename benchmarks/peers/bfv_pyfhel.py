"""Pyfhel's BFV (SEAL 4.1), as the benchmark calls it."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from Pyfhel import Pyfhel

from benchmarks.peers import Case
from benchmarks.peers.bfv_task import PLAIN_MODULUS, budgets, seal_parameters, seal_sizes


def set_up(case: Case) -> PyfhelBFV:
    """BFV with the case's depth."""
    return PyfhelBFV(case)


class PyfhelBFV:
    """Pyfhel's BFV for one case."""

    name = "Pyfhel"

    def __init__(self, case: Case) -> None:
        self.version = metadata.version("pyfhel")
        sizes = seal_sizes(case)
        he = Pyfhel()
        # With sec=128 it takes SEAL's default chain, the longest one, whatever the sizes.
        he.contextGen(scheme="BFV", n=case.N, t=PLAIN_MODULUS, qi_sizes=sizes, sec=0)
        he.keyGen()
        he.relinKeyGen()
        he.rotateKeyGen(rot_steps=[1])
        self._he = he
        first, second = case.values
        plaintext = he.encodeInt(first)
        a, b = he.encryptInt(first), he.encryptInt(second)

        def multiply() -> object:
            product = he.multiply(a, b, in_new_ctxt=True)
            he.relinearize(product)
            return product

        def square(ciphertext: object) -> object:
            product = he.square(ciphertext, in_new_ctxt=True)
            he.relinearize(product)
            return product

        self.parameters: dict[str, object] = seal_parameters(sizes) | budgets(
            case.depth, a, square, he.noise_level
        )
        self.operations = {
            "encode": lambda: he.encodeInt(first),
            "encrypt": lambda: he.encryptPtxt(plaintext),
            "decrypt": lambda: he.decryptInt(a),
            "multiply": multiply,
            "rotate": lambda: he.rotate(a, 1, in_new_ctxt=True),
        }

    def reveal(self, result: object) -> np.ndarray:
        return np.asarray(self._he.decryptInt(result))

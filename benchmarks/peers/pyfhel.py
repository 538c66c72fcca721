"""Pyfhel (SEAL 4.1), as the benchmark calls it."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from Pyfhel import Pyfhel

from benchmarks.peers import ROTATIONS, Case
from benchmarks.peers.seal_chain import seal_chain


def set_up(case: Case) -> PyfhelLibrary:
    """CKKS with the case's depth."""
    return PyfhelLibrary(case)


class PyfhelLibrary:
    """Pyfhel for one case."""

    name = "Pyfhel"

    def __init__(self, case: Case) -> None:
        self.version = metadata.version("pyfhel")
        sizes, scale_bits = seal_chain(case)
        self.parameters: dict[str, object] = {
            "q_bits": sizes[:-1],
            "p_bits": sizes[-1:],
            "dnum": len(sizes) - 1,
            "scale_bits": scale_bits,
            "log_qp": sum(sizes),
            "security_bits": 128,
        }
        he = Pyfhel()
        he.contextGen(scheme="CKKS", n=case.N, scale=2**scale_bits, qi_sizes=sizes, sec=128)
        he.keyGen()
        he.relinKeyGen()
        he.rotateKeyGen(rot_steps=list(ROTATIONS))
        self._he = he
        first, second = case.values
        plaintext = he.encodeFrac(first)
        a, b = he.encryptFrac(first), he.encryptFrac(second)

        def multiply() -> object:
            product = he.multiply(a, b, in_new_ctxt=True)
            he.relinearize(product)
            he.rescale_to_next(product)
            return product

        def rotate16() -> object:
            return [he.rotate(a, k, in_new_ctxt=True) for k in ROTATIONS][-1]

        self.operations = {
            "encode": lambda: he.encodeFrac(first),
            "encrypt": lambda: he.encryptPtxt(plaintext),
            "decrypt": lambda: he.decryptFrac(a),
            "multiply": multiply,
            "rotate": lambda: he.rotate(a, 1, in_new_ctxt=True),
            "rotate16": rotate16,
        }

    def reveal(self, result: object) -> np.ndarray:
        return np.asarray(self._he.decryptFrac(result))

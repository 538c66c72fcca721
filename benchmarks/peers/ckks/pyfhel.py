"""CKKS of Pyfhel (SEAL 4.1)."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from Pyfhel import Pyfhel

from benchmarks.peers.ckks.task import ROTATIONS
from benchmarks.peers.library import Case, Library
from benchmarks.peers.seal_chain import chain_parameters, seal_chain


def set_up(case: Case) -> Library:
    """A context with the case's depth. Raises `UnsupportedCase`."""
    sizes, scale_bits = seal_chain(case)
    he = Pyfhel()
    he.contextGen(scheme="CKKS", n=case.N, scale=2**scale_bits, qi_sizes=sizes, sec=128)
    he.keyGen()
    he.relinKeyGen()
    he.rotateKeyGen(rot_steps=list(ROTATIONS))
    first, second = case.values
    plaintext = he.encodeFrac(first)
    a, b = he.encryptFrac(first), he.encryptFrac(second)

    def multiply() -> object:
        product = he.multiply(a, b, in_new_ctxt=True)
        he.relinearize(product)
        he.rescale_to_next(product)
        return product

    return Library(
        name="Pyfhel",
        version=metadata.version("pyfhel"),
        parameters={**chain_parameters(sizes), "scale_bits": scale_bits},
        operations={
            "encode": lambda: he.encodeFrac(first),
            "encrypt": lambda: he.encryptPtxt(plaintext),
            "decrypt": lambda: he.decryptFrac(a),
            "multiply": multiply,
            "rotate": lambda: he.rotate(a, 1, in_new_ctxt=True),
            "rotate16": lambda: [he.rotate(a, k, in_new_ctxt=True) for k in ROTATIONS][-1],
        },
        reveal=lambda ciphertext: np.asarray(he.decryptFrac(ciphertext)),
    )

"""BFV of Pyfhel (SEAL 4.1)."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from Pyfhel import Pyfhel

from benchmarks.peers.bfv.task import PLAIN_MODULUS, budgets, seal_parameters, seal_sizes
from benchmarks.peers.library import Case, Library


def set_up(case: Case) -> Library:
    """A context with the case's depth. Raises `UnsupportedCase`."""
    sizes = seal_sizes(case)
    he = Pyfhel()
    # With sec=128 Pyfhel takes SEAL's default chain, the longest one, whatever the sizes are.
    he.contextGen(scheme="BFV", n=case.N, t=PLAIN_MODULUS, qi_sizes=sizes, sec=0)
    he.keyGen()
    he.relinKeyGen()
    he.rotateKeyGen(rot_steps=[1])
    first, second = case.values
    plaintext = he.encodeInt(first)
    a, b = he.encryptInt(first), he.encryptInt(second)

    def relinearized(product: object) -> object:
        he.relinearize(product)
        return product

    def square(ciphertext: object) -> object:
        return relinearized(he.square(ciphertext, in_new_ctxt=True))

    return Library(
        name="Pyfhel",
        version=metadata.version("pyfhel"),
        parameters={**seal_parameters(sizes), **budgets(case.depth, a, square, he.noise_level)},
        operations={
            "encode": lambda: he.encodeInt(first),
            "encrypt": lambda: he.encryptPtxt(plaintext),
            "decrypt": lambda: he.decryptInt(a),
            "multiply": lambda: relinearized(he.multiply(a, b, in_new_ctxt=True)),
            "rotate": lambda: he.rotate(a, 1, in_new_ctxt=True),
        },
        reveal=lambda ciphertext: np.asarray(he.decryptInt(ciphertext)),
    )

"""BFV of seal-python (SEAL 4)."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import seal

from benchmarks.peers.bfv.task import PLAIN_MODULUS, budgets, seal_parameters, seal_sizes
from benchmarks.peers.library import Case, Library


def set_up(case: Case) -> Library:
    """A context with the case's depth. Raises `UnsupportedCase`."""
    sizes = seal_sizes(case)
    chosen = seal.EncryptionParameters(seal.scheme_type.bfv)
    chosen.set_poly_modulus_degree(case.N)
    chosen.set_coeff_modulus(seal.CoeffModulus.Create(case.N, sizes))
    chosen.set_plain_modulus(PLAIN_MODULUS)
    context = seal.SEALContext(chosen)
    generator = seal.KeyGenerator(context)
    relin = generator.create_relin_keys()
    galois = seal.GaloisKeys()
    generator.create_galois_keys([1], galois)
    encoder, evaluator = seal.BatchEncoder(context), seal.Evaluator(context)
    encryptor = seal.Encryptor(context, generator.create_public_key())
    decryptor = seal.Decryptor(context, generator.secret_key())
    first, second = case.values
    plaintext = encoder.encode(first)
    a, b = (encryptor.encrypt(encoder.encode(values)) for values in (first, second))

    def square(ciphertext: object) -> object:
        return evaluator.relinearize(evaluator.square(ciphertext), relin)

    def reveal(ciphertext: object) -> np.ndarray:
        return np.asarray(encoder.decode(decryptor.decrypt(ciphertext)))

    measured = budgets(case.depth, a, square, decryptor.invariant_noise_budget)
    return Library(
        name="seal-python",
        version=metadata.version("seal-python"),
        parameters={**seal_parameters(sizes), **measured},
        operations={
            "encode": lambda: encoder.encode(first),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: evaluator.relinearize(evaluator.multiply(a, b), relin),
            "rotate": lambda: evaluator.rotate_rows(a, 1, galois),
        },
        reveal=reveal,
    )

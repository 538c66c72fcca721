"""CKKS of seal-python (SEAL 4)."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import seal

from benchmarks.peers.ckks.task import ROTATIONS
from benchmarks.peers.library import Case, Library
from benchmarks.peers.seal_chain import chain_parameters, seal_chain


def set_up(case: Case) -> Library:
    """A context with the case's depth. Raises `UnsupportedCase`."""
    sizes, scale_bits = seal_chain(case)
    chosen = seal.EncryptionParameters(seal.scheme_type.ckks)
    chosen.set_poly_modulus_degree(case.N)
    chosen.set_coeff_modulus(seal.CoeffModulus.Create(case.N, sizes))
    context = seal.SEALContext(chosen)
    generator = seal.KeyGenerator(context)
    relin = generator.create_relin_keys()
    galois = seal.GaloisKeys()
    generator.create_galois_keys(list(ROTATIONS), galois)
    encoder, evaluator = seal.CKKSEncoder(context), seal.Evaluator(context)
    encryptor = seal.Encryptor(context, generator.create_public_key())
    decryptor = seal.Decryptor(context, generator.secret_key())
    first, second = case.values
    scale = 2.0**scale_bits
    plaintext = encoder.encode(first, scale)
    a, b = (encryptor.encrypt(encoder.encode(values, scale)) for values in (first, second))

    def multiply() -> object:
        product = evaluator.relinearize(evaluator.multiply(a, b), relin)
        return evaluator.rescale_to_next(product)

    def reveal(ciphertext: object) -> np.ndarray:
        return np.asarray(encoder.decode(decryptor.decrypt(ciphertext)))

    return Library(
        name="seal-python",
        version=metadata.version("seal-python"),
        parameters={**chain_parameters(sizes), "scale_bits": scale_bits},
        operations={
            "encode": lambda: encoder.encode(first, scale),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": multiply,
            "rotate": lambda: evaluator.rotate_vector(a, 1, galois),
            "rotate16": lambda: [evaluator.rotate_vector(a, k, galois) for k in ROTATIONS][-1],
        },
        reveal=reveal,
    )

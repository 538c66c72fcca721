"""CKKS of this library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import he
from benchmarks.peers.ckks.task import ROTATIONS
from benchmarks.peers.library import Case, Library, UnsupportedCase, own_version

_SCALES = (40.0, 39.0, 38.0, 37.0, 36.0)
_INTEGER_BITS = 5


@dataclass(frozen=True, eq=False)
class OwnLibrary(Library):
    """This library, with its parameters, its keys and the two ciphertexts that it computes on."""

    params: he.CKKSParameters
    keys: he.EvaluationKeys
    inputs: tuple[he.Ciphertext, he.Ciphertext]


def parameters_for(case: Case) -> he.CKKSParameters:
    """The fastest set of 128 bits with a scale of 2^36 or more: the fewest digits that fit.

    Raises `UnsupportedCase`.
    """
    scales = _SCALES if case.scale_bits is None else (case.scale_bits,)
    for dnum in range(1, case.depth + 2):
        for scale_bits in scales:
            try:
                return he.CKKSParameters.build(
                    case.depth,
                    N=case.N,
                    scale_bits=scale_bits,
                    integer_bits=_INTEGER_BITS,
                    dnum=dnum,
                )
            except ValueError:
                continue
    raise UnsupportedCase(f"N = {case.N} is too small for depth {case.depth}")


def set_up(case: Case) -> OwnLibrary:
    """Keys, two ciphertexts and the operations on them. Raises `UnsupportedCase`."""
    return library_of(case, parameters_for(case), "he-accel")


def library_of(case: Case, params: he.CKKSParameters, name: str) -> OwnLibrary:
    """The operations of a case under a parameter set."""
    level = params.max_level
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    rotations = {he.element_of_rotation(k, case.N): level for k in ROTATIONS}
    keys = generator.evaluation_keys(secret, he.KeyNeeds(level, rotations))
    encoder, evaluator = he.Encoder(params), he.Evaluator(params, keys)
    encryptor = he.Encryptor(params, generator.public_key(secret))
    decryptor = he.Decryptor(params, secret)
    first, second = case.values
    plaintext = encoder.encode(first)
    a, b = (encryptor.encrypt(encoder.encode(values)) for values in (first, second))

    def reveal(ciphertext: object) -> np.ndarray:
        assert isinstance(ciphertext, he.Ciphertext)
        return encoder.decode_real(decryptor.decrypt(ciphertext))

    return OwnLibrary(
        name=name,
        version=own_version(),
        parameters={
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "dnum": params.dnum,
            "scale_bits": round(float(np.log2(params.scales[-1])), 2),
            "log_qp": round(params.log_qp, 1),
            "security_bits": params.security_estimate,
        },
        operations={
            "encode": lambda: encoder.encode(first),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: evaluator.multiply(a, b),
            "rotate": lambda: evaluator.rotate(a, 1),
            "rotate16": lambda: evaluator.rotations(a, ROTATIONS)[-1],
        },
        reveal=reveal,
        params=params,
        keys=keys,
        inputs=(a, b),
    )

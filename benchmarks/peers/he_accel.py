"""This library, as the benchmark calls it."""

from __future__ import annotations

from importlib import metadata

import numpy as np

from benchmarks.peers import ROTATIONS, Case
from he.ckks.ciphertext import Ciphertext
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.galois import element_of_rotation
from he.rlwe.keygen import KeyGenerator
from he.rlwe.keys import KeyNeeds


def own_version() -> str:
    """The installed version, or "source" where the checkout runs uninstalled."""
    try:
        return metadata.version("he-accel")
    except metadata.PackageNotFoundError:
        return "source"


SCALES = (40.0, 39.0, 38.0, 37.0, 36.0)


def set_up(case: Case) -> HEAccel:
    """The fastest set of 128 bits with a scale of 2^36 or more: the fewest digits that fit."""
    for dnum in range(1, case.depth + 2):
        for scale_bits in SCALES:
            try:
                params = CKKSParameters.build(
                    case.depth, N=case.N, scale_bits=scale_bits, dnum=dnum
                )
            except ValueError:
                continue
            return HEAccel(case, params)
    raise ValueError(f"no parameters for {case}")


class HEAccel:
    """he-accel for one case."""

    name = "he-accel"

    def __init__(self, case: Case, params: CKKSParameters) -> None:
        self.version = own_version()
        self.parameters: dict[str, object] = {
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "dnum": params.dnum,
            "scale_bits": round(float(np.log2(params.scales[-1])), 2),
            "log_qp": round(params.log_qp, 1),
            "security_bits": params.security_estimate,
        }
        level = params.max_level
        generator = KeyGenerator(params)
        secret = generator.secret_key()
        rotations = {element_of_rotation(k, case.N): level for k in ROTATIONS}
        keys = generator.evaluation_keys(secret, KeyNeeds(level, rotations))
        encoder, evaluator = Encoder(params), Evaluator(params, keys)
        encryptor = Encryptor(params, generator.public_key(secret))
        decryptor = Decryptor(params, secret)
        first, second = case.values
        plaintext = encoder.encode(first)
        a, b = (encryptor.encrypt(encoder.encode(values)) for values in (first, second))

        def reveal(ciphertext: Ciphertext) -> np.ndarray:
            return encoder.decode_real(decryptor.decrypt(ciphertext))

        self.params, self.keys, self.inputs = params, keys, (a, b)
        self._reveal = reveal
        self.operations = {
            "encode": lambda: encoder.encode(first),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: evaluator.multiply(a, b),
            "rotate": lambda: evaluator.rotate(a, 1),
            "rotate16": lambda: evaluator.rotations(a, ROTATIONS)[-1],
        }

    def reveal(self, result: object) -> np.ndarray:
        assert isinstance(result, Ciphertext)
        return self._reveal(result)

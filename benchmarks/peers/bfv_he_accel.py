"""This library's BFV, as the benchmark calls it."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import Case
from benchmarks.peers.bfv_task import budgets, own_parameters
from benchmarks.peers.he_accel import own_version
from he import KeyGenerator, KeyNeeds, bfv, element_of_rotation


def set_up(case: Case) -> HEAccelBFV:
    """BFV with the case's depth."""
    return HEAccelBFV(case)


class HEAccelBFV:
    """he-accel's BFV for one case."""

    name = "he-accel"

    def __init__(self, case: Case) -> None:
        self.version = own_version()
        params = own_parameters(case)
        generator = KeyGenerator(params)
        secret = generator.secret_key()
        top = params.max_level
        needs = KeyNeeds(top, {element_of_rotation(1, case.N): top})
        # Whether the noise stays within its budget is measured below, not predicted.
        evaluator = bfv.Evaluator(
            params, generator.evaluation_keys(secret, needs), refuse_exhausted=False
        )
        encoder = bfv.BatchEncoder(params)
        encryptor = bfv.Encryptor(params, generator.public_key(secret))
        decryptor = bfv.Decryptor(params, secret)
        first, second = case.values
        plaintext = encoder.encode(first)
        a, b = (encryptor.encrypt(encoder.encode(values)) for values in (first, second))
        self.parameters: dict[str, object] = {
            "t": params.t,
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "dnum": params.dnum,
            "log_q": round(params.log_q(top), 1),
            "log_qp": round(params.log_qp, 1),
            "security_bits": params.security_estimate,
            **budgets(case.depth, a, evaluator.square, decryptor.noise_budget),
        }

        def reveal(ciphertext: bfv.Ciphertext) -> np.ndarray:
            return encoder.decode(decryptor.decrypt(ciphertext))

        self._reveal = reveal
        self.operations = {
            "encode": lambda: encoder.encode(first),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: evaluator.multiply(a, b),
            "rotate": lambda: evaluator.rotate_rows(a, 1),
        }

    def reveal(self, result: object) -> np.ndarray:
        assert isinstance(result, bfv.Ciphertext)
        return self._reveal(result)

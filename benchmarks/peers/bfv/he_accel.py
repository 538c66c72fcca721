"""BFV of this library."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.bfv.task import budgets, own_parameters
from benchmarks.peers.library import Case, Library, own_version
from he import KeyGenerator, KeyNeeds, bfv, element_of_rotation


def set_up(case: Case) -> Library:
    """Keys, two ciphertexts and the operations on them."""
    params = own_parameters(case)
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    top = params.max_level
    needs = KeyNeeds(top, {element_of_rotation(1, case.N): top})
    # The noise budgets are measured below, so no prediction refuses an operation.
    evaluator = bfv.Evaluator(
        params, generator.evaluation_keys(secret, needs), refuse_exhausted=False
    )
    encoder = bfv.BatchEncoder(params)
    encryptor = bfv.Encryptor(params, generator.public_key(secret))
    decryptor = bfv.Decryptor(params, secret)
    first, second = case.values
    plaintext = encoder.encode(first)
    a, b = (encryptor.encrypt(encoder.encode(values)) for values in (first, second))

    def reveal(ciphertext: object) -> np.ndarray:
        assert isinstance(ciphertext, bfv.Ciphertext)
        return encoder.decode(decryptor.decrypt(ciphertext))

    return Library(
        name="he-accel",
        version=own_version(),
        parameters={
            "t": params.t,
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "dnum": params.dnum,
            "log_q": round(params.log_q(top), 1),
            "log_qp": round(params.log_qp, 1),
            "security_bits": params.security_estimate,
            **budgets(case.depth, a, evaluator.square, decryptor.noise_budget),
        },
        operations={
            "encode": lambda: encoder.encode(first),
            "encrypt": lambda: encryptor.encrypt(plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: evaluator.multiply(a, b),
            "rotate": lambda: evaluator.rotate_rows(a, 1),
        },
        reveal=reveal,
    )

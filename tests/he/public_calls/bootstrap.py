"""The public calls of bootstrapping."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import he
from he.trace import TO_SPARSE
from tests.he.public_calls.call import NUMBERS, REASON, Call

NONE = {"None"}


def bootstrapping() -> Iterator[Call]:
    wanted = {
        "slots": None, "precision_bits": 8.0, "largest": 1.0, "real": False, "slots_first": True,
        "failure_bits": 64, "levels": None, "key_bytes": None, "small_keys": None,
        "iterations": None,
    }  # fmt: skip
    yield Call(
        "Bootstrapping",
        he.Bootstrapping,
        wanted,
        {
            "slots": NONE, "iterations": {"None", "whole number"},
            "key_bytes": {"None", "whole number", "huge number"}, "failure_bits": {"whole number"},
            "largest": {"number"}, "levels": {"None", "numbers"},
            "small_keys": {"None", "bool"}, "real": {"bool"}, "slots_first": {"bool"},
        },
    )  # fmt: skip
    params = he.CKKSParameters.build(
        1, scale_bits=36, N=64, bootstrap=he.Bootstrapping(precision_bits=8),
        insecure_reason=REASON,
    )  # fmt: skip
    yield Call("Bootstrapper", he.Bootstrapper, {"params": params})
    bootstrapper = he.Bootstrapper(params)
    for name in ("prepare", "predicted_seconds", "report"):
        yield Call(f"Bootstrapper.{name}", getattr(bootstrapper, name), {})
    yield Call("Bootstrapper.check_values", bootstrapper.check_values,
               {"values": [1, 0.5]}, {"values": NUMBERS})  # fmt: skip
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, bootstrapper.needs)
    yield Call("EvaluationKeys.for_change_of_secret", keys.for_change_of_secret,
               {"element": TO_SPARSE, "level": 0})  # fmt: skip
    evaluator = he.Evaluator(params, keys)
    plain = evaluator.encoder.encode(np.ones(32), bootstrapper.input_level)
    x = he.Encryptor(params, secret).encrypt(plain)
    yield Call("Bootstrapper.apply_pair", bootstrapper.apply_pair,
               {"evaluator": evaluator, "x": x, "y": x})  # fmt: skip
    for name in ("apply", "steps"):
        function = getattr(bootstrapper, name)
        yield Call(f"Bootstrapper.{name}", function, {"evaluator": evaluator, "x": x})

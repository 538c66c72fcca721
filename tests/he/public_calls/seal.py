"""The public calls of `he.interop.seal`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

import he
from he import bfv
from he.interop import seal
from tests.he.public_calls.call import REASON, Call

N, T = 64, 257
PRIMES = seal.coeff_modulus(N, (40, 30, 30, 41))
NONE = {"None"}


def parameters() -> Iterator[Call]:
    made = seal.EncryptionParameters(seal.Scheme.CKKS, N, PRIMES)
    fields = {"scheme": seal.Scheme.CKKS, "N": N, "coeff_modulus": PRIMES, "plain_modulus": 0}
    yield Call("EncryptionParameters", seal.EncryptionParameters, fields)
    yield Call("EncryptionParameters.parms_id", made.parms_id, {"limbs": 1})
    yield Call("EncryptionParameters.limbs", made.limbs, {"parms_id": made.parms_id(1)})
    yield Call("EncryptionParameters.to_bytes", made.to_bytes, {"format": seal.DEFAULT_FORMAT})
    yield Call("EncryptionParameters.from_bytes", seal.EncryptionParameters.from_bytes,
               {"data": made.to_bytes()})  # fmt: skip
    yield Call("coeff_modulus", seal.coeff_modulus, {"N": N, "bits": (30, 30)})
    context = struct.pack("<iQid", 128, 1, 30, 2.0**20) + made.to_bytes()
    yield Call("read_pyfhel_context", seal.read_pyfhel_context, {"data": context})


def converters() -> Iterator[Call]:
    ckks = seal.EncryptionParameters(seal.Scheme.CKKS, N, PRIMES)
    exact = seal.EncryptionParameters(seal.Scheme.BFV, N, PRIMES, T)
    words = {"insecure_reason": {"text"}}
    yield Call("CKKSConverter", seal.CKKSConverter,
               {"parameters": ckks, "scale": 2.0**30, "insecure_reason": REASON},
               {**words, "scale": {"number"}})  # fmt: skip
    yield Call("BFVConverter", seal.BFVConverter,
               {"parameters": exact, "insecure_reason": REASON}, words)  # fmt: skip
    reals = seal.CKKSConverter(ckks, 2.0**30, insecure_reason=REASON)
    integers = seal.BFVConverter(exact, insecure_reason=REASON)
    yield from methods(reals, he.Encoder(reals.params), he.Encryptor)
    yield from methods(integers, bfv.CoefficientEncoder(integers.params), bfv.Encryptor)


def methods(converter: Any, encoder: Any, encryptor: Any) -> Iterator[Call]:
    name, params = type(converter).__name__, converter.params
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    top = params.max_level
    keys = generator.evaluation_keys(secret, he.KeyNeeds(top, {3: top}))
    public = generator.public_key(secret)
    plaintext = encoder.encode([1, 2])
    ciphertext = encryptor(params, secret).encrypt(plaintext)
    objects = {
        "secret_key": secret, "public_key": public, "relin_keys": keys, "galois_keys": keys,
        "plaintext": plaintext, "ciphertext": ciphertext,
    }  # fmt: skip
    for what, value in objects.items():
        argument = {"secret_key": "key", "public_key": "key", "relin_keys": "keys",
                    "galois_keys": "keys"}.get(what, what)  # fmt: skip
        save, load = getattr(converter, f"save_{what}"), getattr(converter, f"load_{what}")
        yield Call(f"{name}.save_{what}", save, {argument: value, "format": seal.DEFAULT_FORMAT})
        arguments = {"data": save(value)}
        if what == "ciphertext" and hasattr(value, "noise"):
            arguments["noise"] = value.noise
        yield Call(f"{name}.load_{what}", load, arguments, {"noise": NONE})
    yield Call(f"{name}.save_parameters", converter.save_parameters,
               {"format": seal.DEFAULT_FORMAT})  # fmt: skip
    yield Call(f"{name}.load_evaluation_keys", converter.load_evaluation_keys,
               {"relin_keys": converter.save_relin_keys(keys),
                "galois_keys": converter.save_galois_keys(keys)},
               {"relin_keys": NONE, "galois_keys": NONE})  # fmt: skip
    for what in ("public_key", "relin_keys"):
        yield Call(f"{name}.create_{what}", getattr(converter, f"create_{what}"),
                   {"secret": secret, "format": seal.DEFAULT_FORMAT})  # fmt: skip
    yield Call(f"{name}.create_galois_keys", converter.create_galois_keys,
               {"secret": secret, "elements": [3], "format": seal.DEFAULT_FORMAT},
               {"elements": {"numbers"}})  # fmt: skip
    arguments = {"plaintext": plaintext, "secret": secret, "format": seal.DEFAULT_FORMAT}
    yield Call(f"{name}.encrypt_seeded", converter.encrypt_seeded, arguments)


def evaluators() -> Iterator[Call]:
    """What these evaluators do otherwise than their parents."""
    ckks = seal.EncryptionParameters(seal.Scheme.CKKS, N, PRIMES)
    exact = seal.EncryptionParameters(seal.Scheme.BFV, N, PRIMES, T)
    reals = seal.CKKSConverter(ckks, 2.0**30, insecure_reason=REASON).params
    integers = seal.BFVConverter(exact, insecure_reason=REASON).params
    for kind, params in ((seal.SEALEvaluator, reals), (seal.SEALBFVEvaluator, integers)):
        generator = he.KeyGenerator(params)
        secret = generator.secret_key()
        keys = generator.evaluation_keys(secret, he.KeyNeeds(params.max_level))
        arguments: dict[str, Any] = {"params": params, "keys": keys}
        suits = {}
        if kind is seal.SEALBFVEvaluator:
            arguments["refuse_exhausted"] = True
            suits = {"params": {"bfv parameters"}, "refuse_exhausted": {"bool"}}
        yield Call(kind.__name__, kind, arguments, {"keys": NONE, **suits})
        evaluator = kind(params, keys)
        yield Call(f"{kind.__name__}.switcher", evaluator.switcher, {"level": 1})
    encoder = he.Encoder(reals)
    secret = he.KeyGenerator(reals).secret_key()
    fresh = he.Encryptor(reals, secret).encrypt(encoder.encode(np.ones(2)))
    keys = he.KeyGenerator(reals).evaluation_keys(secret, he.KeyNeeds(reals.max_level))
    evaluator = seal.SEALEvaluator(reals, keys)
    yield Call("SEALEvaluator.relinearize_rescale", evaluator.relinearize_rescale,
               {"a": evaluator.tensor(fresh, fresh)})  # fmt: skip


def calls() -> list[Call]:
    """All of them."""
    return [call for group in (parameters(), converters(), evaluators()) for call in group]

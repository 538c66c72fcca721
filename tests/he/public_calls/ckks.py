"""The public calls of `he`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import he
from he import serialization
from he.trace import Tracer
from tests.he.public_calls.bootstrap import bootstrapping
from tests.he.public_calls.call import NUMBERS, REASON, Call, ckks, exact

SETS = {"ckks parameters", "bfv parameters"}
NONE = {"None"}
ALIKE = {"ckks parameters"}  # of other primes, and the same shapes


def parameters() -> Iterator[Call]:
    s = ckks().params
    fields = {
        "N": s.N, "q": s.q, "p": s.p, "digit_limbs": s.digit_limbs, "scales": s.scales,
        "security_bits": 128, "insecure_reason": REASON, "sigma": 3.2, "own_levels": s.levels,
        "bootstrap": None,
    }  # fmt: skip
    words = {"insecure_reason": {"text"}}
    kinds = {**words, "sigma": {"number"}, "bootstrap": NONE}
    yield Call("CKKSParameters", he.CKKSParameters, fields, kinds)
    yield Call(
        "CKKSParameters.build",
        he.CKKSParameters.build,
        {
            "depth": 1, "precision_bits": None, "scale_bits": 30.0, "N": 64, "integer_bits": 5,
            "security_bits": 128, "dnum": 1, "special_bits": 60, "word_bits": None,
            "prime_bits": 50, "bootstrap": None, "divisor_bits": None, "key_levels": (),
            "insecure_reason": REASON,
        },
        {
            **words, "bootstrap": NONE, "precision_bits": NONE, "scale_bits": {"None"}, "N": NONE,
            "integer_bits": NONE, "dnum": NONE, "special_bits": NONE, "word_bits": NONE,
            "divisor_bits": NONE,
        },
    )  # fmt: skip
    yield Call(
        "CKKSParameters.from_bytes",
        he.CKKSParameters.from_bytes,
        {"data": s.to_bytes(), "insecure_reason": REASON},
        words,
    )
    yield Call("CKKSParameters.value_limit", s.value_limit, {"level": 0})
    yield Call("CKKSParameters.digits", s.digits, {"level": 0})
    yield Call("CKKSParameters.digit_rows", s.digit_rows, {"level": 0})
    for name in ("at", "primes", "special_primes", "modulus", "special_modulus"):
        yield Call(f"CKKSParameters.{name}", getattr(s, name), {"level": 0})
    yield Call("CKKSParameters.report", s.report, {})
    yield Call("CKKSParameters.factor_scale", s.factor_scale, {"level": 1, "power": 1})
    yield Call(
        "CKKSParameters.last_factor", s.last_factor, {"scale": 2.0**30, "level": 1, "lower": 0},
        {"scale": {"number", "whole number"}},
    )  # fmt: skip
    for name in ("quotient", "dropped"):
        yield Call(f"CKKSParameters.{name}", getattr(s, name), {"level": 1, "lower": 0})
    for name in ("element_of_rotation", "element_of_conjugation"):
        arguments = {"N": 64} if "conj" in name else {"steps": 1, "N": 64}
        yield Call(name, getattr(he, name), arguments, {"steps": {"whole number", "huge number"}})
    yield Call("NoiseModel", he.NoiseModel, {"params": s}, {"params": SETS})
    for name in ("switching", "key_switch", "product_rescale"):
        yield Call(f"NoiseModel.{name}", getattr(s.noise_model, name), {"level": 1})


def keys() -> Iterator[Call]:
    s = ckks()
    generator, secret = s.generator, s.secret
    key = s.keys.galois[3]
    yield Call("KeyGenerator", he.KeyGenerator, {"params": s.params, "seed": bytes(32)},
               {"params": SETS, "seed": NONE})  # fmt: skip
    yield Call("KeyGenerator.secret_key", generator.secret_key, {})
    yield Call("KeyGenerator.public_key", generator.public_key, {"secret": secret})
    level = {"level": NONE}
    yield Call("KeyGenerator.relinearization_key", generator.relinearization_key,
               {"secret": secret, "level": 1}, level)  # fmt: skip
    yield Call("KeyGenerator.galois_key", generator.galois_key,
               {"secret": secret, "element": 3, "level": 1}, level)  # fmt: skip
    yield Call("KeyGenerator.evaluation_keys", generator.evaluation_keys,
               {"secret": secret, "needs": he.KeyNeeds(1)})  # fmt: skip
    path = str(Path(tempfile.gettempdir()) / f"he-accel-keys-{os.getpid()}")
    yield Call("KeyGenerator.write_evaluation_keys", generator.write_evaluation_keys,
               {"secret": secret, "needs": he.KeyNeeds(1), "path": path},
               {"path": {"text"}})  # fmt: skip
    generator.write_evaluation_keys(secret, he.KeyNeeds(1), path)
    yield Call("StoredKeys", he.StoredKeys,
               {"path": path, "params": s.params, "most_bytes": None},
               {"path": {"text"}, "most_bytes": {"None", "huge number"}})  # fmt: skip
    yield Call("StoredKeys.of", he.StoredKeys.of, {"params": s.params, "keys": [key]})
    yield Call("StoredKeys.to_bytes", he.StoredKeys(path, s.params).to_bytes, {})
    yield Call("EvaluationKeys.check", s.keys.check, {"needs": he.KeyNeeds(1)})
    yield Call("SecretKey", he.SecretKey,
               {"params": s.params, "coefficients": secret.coefficients},
               {"params": {"bfv parameters", "ckks parameters"}})  # fmt: skip
    yield Call("SecretKey.wipe", generator.secret_key().wipe, {})
    yield Call("PublicKey", he.PublicKey,
               {"params": s.params, "data": s.public.data, "seed": None},
               {"seed": NONE, "params": ALIKE})  # fmt: skip
    yield Call("KeySwitchingKey", he.KeySwitchingKey,
               {"params": s.params, "level": key.level, "element": 3, "data": key.data,
                "seed": None}, {"seed": NONE, "params": ALIKE})  # fmt: skip
    yield Call("KeySwitchingKey.rows", key.rows, {"level": 1})
    yield Call("EvaluationKeys", he.EvaluationKeys,
               {"params": s.params, "relinearization": s.keys.relinearization,
                "galois": {3: key}, "lower": ()}, {"relinearization": NONE})  # fmt: skip
    yield Call("EvaluationKeys.of", he.EvaluationKeys.of, {"params": s.params, "keys": [key]})
    yield Call("EvaluationKeys.serialized_bytes", he.EvaluationKeys.serialized_bytes,
               {"params": s.params, "needs": he.KeyNeeds(1)}, {"params": SETS})  # fmt: skip
    yield Call("EvaluationKeys.for_relinearization", s.keys.for_relinearization, {"level": 1},
               {"level": {"whole number"}})  # fmt: skip
    yield Call("EvaluationKeys.for_element", s.keys.for_element, {"element": 3, "level": 1},
               {"level": {"whole number"}})  # fmt: skip
    yield Call("KeyNeeds", he.KeyNeeds, {"relinearization": 1, "galois": {3: 1}, "lower": ()},
               {"relinearization": {"None", "whole number", "huge number"}})  # fmt: skip
    yield Call("KeyNeeds.union", he.KeyNeeds.union, {"needs": [he.KeyNeeds(1)]})
    yield Call("KeyNeeds.check", he.KeyNeeds(1).check, {"params": s.params}, {"params": SETS})
    yield Call("KeyNeeds.levels", he.KeyNeeds(1).levels, {})
    yield Call("KeyNeeds.of", he.KeyNeeds.of, {"used": [(3, 1)]})
    for name in ("made", "without_served"):
        yield Call(f"KeyNeeds.{name}", getattr(he.KeyNeeds(1), name), {"params": s.params},
                   {"params": SETS})  # fmt: skip


def stored() -> Iterator[Call]:
    """Bytes of every kind, and the functions of `he.serialization`."""
    s = ckks()
    key = s.keys.galois[3]
    objects = [s.secret, s.public, key, s.keys, s.needs, s.plaintext, s.ciphertext]
    for value in objects:
        kind = type(value)
        params = {"params": NONE} if kind is he.KeyNeeds else {}
        if kind is he.KeyNeeds:
            params = {"params": {"None", *SETS}}
        yield Call(f"{kind.__name__}.from_bytes", kind.from_bytes,
                   {"data": value.to_bytes(), "params": s.params}, params)  # fmt: skip
        yield Call(f"{kind.__name__}.to_bytes", value.to_bytes, {})
    readable = {"ckks parameters", "ckks plaintext", "ckks ciphertext", "secret key", "public key",
                "switching key", "evaluation keys", "bfv parameters", "bfv plaintext",
                "bfv ciphertext", "bfv secret key", "bfv evaluation keys"}  # fmt: skip
    yield Call("to_bytes", he.to_bytes, {"obj": s.secret}, {"obj": readable})
    arguments = {"data": s.secret.to_bytes(), "expected_type": he.SecretKey, "params": s.params}
    yield Call("from_bytes", he.from_bytes, arguments)
    yield Call("ciphertexts_to_bytes", he.ciphertexts_to_bytes, {"batch": [s.ciphertext]})
    batch = serialization.ciphertexts_to_bytes([s.ciphertext])
    yield Call("ciphertexts_from_bytes", he.ciphertexts_from_bytes,
               {"data": batch, "params": s.params})  # fmt: skip
    yield Call("serialized_bytes", he.serialized_bytes,
               {"params": s.params, "needs": he.KeyNeeds(1)}, {"params": SETS})  # fmt: skip


def values() -> Iterator[Call]:
    """Encoding, encryption, ciphertexts and their operators."""
    s = ckks()
    params, encoder, plain, ct = s.params, s.encoder, s.plaintext, s.ciphertext
    level = {"level": NONE, "scale": NONE}
    yield Call("Encoder", he.Encoder, {"params": params}, {"params": {"ckks parameters"}})
    yield Call("Encoder.encode", encoder.encode, {"values": [1, 2], "level": 1, "scale": 2.0**30},
               {**level, "values": NUMBERS, "scale": {"None", "number"}})  # fmt: skip
    yield Call("Encoder.coefficients", encoder.coefficients, {"values": [1, 2], "scale": 2.0**30},
               {"values": NUMBERS, "scale": {"number"}})  # fmt: skip
    ops = s.evaluator.context.q(1)
    yield Call("Encoder.residues", encoder.residues,
               {"coefficients": np.zeros(params.N), "level": 1, "ops": ops, "out": None},
               {"out": NONE})  # fmt: skip
    yield Call("Encoder.checked_largest", encoder.checked_largest,
               {"coefficients": np.zeros((2, params.N)), "level": 1},
               {"coefficients": {"array"}})  # fmt: skip
    for name in ("decode", "decode_real"):
        yield Call(f"Encoder.{name}", getattr(encoder, name), {"plaintext": plain})
    yield Call("Encryptor", he.Encryptor, {"params": params, "key": s.secret, "seed": bytes(32)},
               {"seed": NONE})  # fmt: skip
    yield Call("Encryptor.encrypt", s.encryptor.encrypt, {"plaintext": plain})
    yield Call("Decryptor", he.Decryptor, {"params": params, "secret": s.secret})
    yield Call("Decryptor.decrypt", s.decryptor.decrypt, {"ciphertext": ct})
    yield Call("Plaintext", he.Plaintext, {"params": params, "data": plain.data, "scale": 2.0**30,
                "level": plain.level},
               {"scale": {"number"}, "params": ALIKE, "level": {"whole number"}})  # fmt: skip
    yield Call("Ciphertext", he.Ciphertext,
               {"params": params, "data": ct.data, "scale": 2.0**30, "seed": None,
                "level": ct.level},
               {"scale": {"number"}, "seed": NONE, "params": ALIKE,
                "level": {"whole number"}})  # fmt: skip
    yield Call("Ciphertext.copy", ct.copy, {})
    yield Call("Ciphertext.rotate", ct.rotate, {"steps": 1}, {"steps": {"huge number"}})
    yield Call("Ciphertext.conjugate", ct.conjugate, {})


def evaluation() -> Iterator[Call]:
    s = ckks()
    ev, ct, plain = s.evaluator, s.ciphertext, s.plaintext
    three = ev.tensor(ct, ct)
    yield Call("Evaluator", he.Evaluator,
               {"params": s.params, "keys": s.keys, "tracer": Tracer(s.params)},
               {"keys": NONE, "tracer": NONE})  # fmt: skip
    for name in ("add", "subtract", "multiply"):
        yield Call(f"Evaluator.{name}", getattr(ev, name), {"a": ct, "b": plain}, {"b": NUMBERS})
    for name in ("negate", "square", "rescale", "attach", "conjugate"):
        yield Call(f"Evaluator.{name}", getattr(ev, name), {"a": ct})
    for name in ("relinearize", "relinearize_rescale"):
        yield Call(f"Evaluator.{name}", getattr(ev, name), {"a": three})
    yield Call("Evaluator.tensor", ev.tensor, {"a": ct, "b": ct})
    yield Call("Evaluator.multiply_plain", ev.multiply_plain,
               {"a": ct, "b": plain, "rescale": True}, {"rescale": {"bool"}})  # fmt: skip
    yield Call("Evaluator.multiply_scalar", ev.multiply_scalar, {"a": ct, "b": 2.5},
               {"b": {"number", "whole number", "bool"}})  # fmt: skip
    yield Call("Evaluator.multiply_integer", ev.multiply_integer, {"a": ct, "b": 2},
               {"b": {"whole number"}})  # fmt: skip
    yield Call("Evaluator.power", ev.power, {"a": ct, "exponent": 2})
    yield Call("Evaluator.drop_to", ev.drop_to, {"a": ct, "level": 1})
    yield Call("Evaluator.to_canonical", ev.to_canonical, {"a": ct, "level": 1})
    yield Call("Evaluator.drop_limbs", ev.drop_limbs, {"a": ct, "level": 1})
    yield Call("Evaluator.rotate", ev.rotate, {"a": ct, "steps": 1},
               {"steps": {"huge number"}})  # fmt: skip
    yield Call("Evaluator.rotations", ev.rotations, {"a": ct, "steps": [0, 1]})
    yield Call("Evaluator.automorphism", ev.automorphism, {"a": ct, "element": 3})
    yield Call("Evaluator.automorphisms", ev.automorphisms, {"a": ct, "elements": [1, 3]},
               {"elements": {"numbers"}})  # fmt: skip
    yield Call("Evaluator.inner_sum", ev.inner_sum, {"a": ct, "count": 2, "stride": 1},
               {"stride": {"huge number"}})  # fmt: skip
    yield Call("Evaluator.switcher", ev.switcher, {"level": 1})
    yield Call("Evaluator.result", ev.result, {"data": ct.data.copy(), "scale": 2.0**30,
                                                   "level": None},
               {"scale": {"number"}, "level": NONE})  # fmt: skip


def circuits() -> Iterator[Call]:
    s = ckks()
    encoder, ev = s.encoder, s.evaluator
    transform = he.LinearTransform.encode(encoder, {1: np.ones(32)}, s.params.max_level)
    fields = {
        name: getattr(transform, name)
        for name in (
            "params", "level", "babies", "giants", "starts", "baby_of", "weights", "factor",
            "mirrored", "divided",
        )
    }  # fmt: skip
    numbers = {"None", "number", "whole number"}
    yield Call("LinearTransform", he.LinearTransform, fields,
               {"params": ALIKE, "babies": {"numbers"}, "factor": numbers})  # fmt: skip
    yield Call("LinearTransform.encode", he.LinearTransform.encode,
               {"encoder": encoder, "diagonals": {1: np.ones(32)}, "level": 1, "plan": None,
                "divided": False},
               {"encoder": {"encoder"}, "plan": NONE, "divided": {"bool"}})  # fmt: skip
    yield Call("LinearTransform.element", transform.element, {"step": 1},
               {"step": {"whole number", "huge number"}})  # fmt: skip
    yield Call("LinearTransform.apply", transform.apply, {"evaluator": ev, "x": s.ciphertext})
    yield Call("Polynomial", he.Polynomial,
               {"coefficients": [0, 1, 2.5], "basis": "chebyshev", "interval": (-1.0, 1.0)},
               {"coefficients": {"array", "numbers"}, "interval": {"numbers"}})  # fmt: skip
    yield Call("Polynomial.interpolate", he.Polynomial.interpolate,
               {"function": np.sin, "degree": 3, "interval": (-1.0, 1.0)},
               {"function": {"function"}, "interval": {"numbers"}})  # fmt: skip
    polynomial = he.Polynomial([0, 1, 2.5])
    yield Call("Polynomial.__call__", polynomial.__call__, {"x": 1.0},
               {"x": {*NUMBERS, "not a number"}})  # fmt: skip
    yield Call("EncodedPolynomial", he.EncodedPolynomial,
               {"encoder": encoder, "polynomial": polynomial, "level": 3},
               {"encoder": {"encoder"}})  # fmt: skip
    encoded = he.EncodedPolynomial(encoder, polynomial, 3)
    yield Call("EncodedPolynomial.apply", encoded.apply, {"evaluator": ev, "x": s.ciphertext})
    yield Call("evaluate_polynomial", he.evaluate_polynomial,
               {"evaluator": ev, "x": s.ciphertext, "polynomial": polynomial})  # fmt: skip


def publication() -> Iterator[Call]:
    yield Call("Flooding", he.Flooding, {"error_bound": 0.5, "count": 2, "security_bits": 30},
               {"error_bound": {"number"}})  # fmt: skip
    flooding = he.Flooding(1e-9, 1, 20)
    yield Call("Flooding.publish", flooding.publish,
               {"values": np.ones(2), "size": 1.0, "precision_bits": 1.0},
               {"values": {*NUMBERS}, "size": {"number"},
                "precision_bits": {"number", "whole number"}})  # fmt: skip
    yield Call("Flooding.bits_left", flooding.bits_left, {"size": 1.0}, {"size": {"number"}})


def calls() -> list[Call]:
    """All of them."""
    exact()
    groups = (parameters(), keys(), stored(), values(), evaluation(), circuits(),
              publication(), bootstrapping())  # fmt: skip
    return [call for group in groups for call in group]

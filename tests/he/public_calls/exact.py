"""The public calls of `he.bfv`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from he import bfv
from tests.he.public_calls.call import REASON, Call, exact

INTEGERS = {"numbers", "whole number", "bool"}
NONE = {"None"}


def parameters() -> Iterator[Call]:
    s = exact().params
    fields = {
        "N": s.N, "q": s.q, "p": s.p, "digit_limbs": s.digit_limbs, "t": s.t,
        "security_bits": 128, "insecure_reason": REASON, "sigma": 3.2, "own_levels": (),
    }  # fmt: skip
    words = {"insecure_reason": {"text"}}
    yield Call("BFVParameters", bfv.BFVParameters, fields, {**words, "sigma": {"number"}})
    build = {
        "depth": 1, "plain_bits": 17, "plain_modulus": None, "N": 64, "spare_bits": 0,
        "log_q": None, "security_bits": 128, "dnum": 1, "insecure_reason": REASON,
    }  # fmt: skip
    yield Call(
        "BFVParameters.build",
        bfv.BFVParameters.build,
        build,
        {
            **words, "N": NONE, "plain_bits": NONE, "plain_modulus": NONE, "spare_bits": {"number"},
            "log_q": {"None", "number"}, "dnum": NONE,
        },
    )  # fmt: skip
    yield Call("BFVParameters.from_bytes", bfv.BFVParameters.from_bytes,
               {"data": s.to_bytes(), "insecure_reason": REASON}, words)  # fmt: skip
    yield Call("BFVParameters.log_q", s.log_q, {"level": 1})
    for name in ("at", "primes", "special_primes", "modulus", "special_modulus"):
        yield Call(f"BFVParameters.{name}", getattr(s, name), {"level": 0})


def noise() -> Iterator[Call]:
    model = exact().params.noise_model
    yield Call("Noise", bfv.Noise, {"bits": -3.0, "degree": 1},
               {"bits": {"number", "whole number"}, "degree": {"huge number"}})  # fmt: skip
    fields = {
        "N": 64, "t": 257, "q_bits": [40.0, 40.0], "p_bits": 40.0, "digit_limbs": 1, "sigma": 3.2
    }
    accepts = {
        "q_bits": {"numbers", "array"}, "p_bits": {"number"}, "sigma": {"number"},
        "t": {"huge number"}, "digit_limbs": {"huge number"},
    }  # fmt: skip
    yield Call("NoiseModel", bfv.NoiseModel, fields, accepts)
    a = model.fresh_symmetric(1)
    for name in ("fresh_symmetric", "fresh_public"):
        yield Call(f"NoiseModel.{name}", getattr(model, name), {"level": 1})
    yield Call("NoiseModel.add", model.add, {"a": a, "b": a})
    yield Call("NoiseModel.multiply_plain", model.multiply_plain, {"a": a, "norm_bits": 1.0},
               {"norm_bits": {"number", "whole number"}})  # fmt: skip
    yield Call("NoiseModel.multiply", model.multiply, {"a": a, "b": a, "level": 1})
    for name in ("add_plain", "key_switch"):
        yield Call(f"NoiseModel.{name}", getattr(model, name), {"a": a, "level": 1})
    yield Call("NoiseModel.mod_switch", model.mod_switch, {"a": a, "level": 1, "parts": 2})


def values() -> Iterator[Call]:
    s = exact()
    params, encoder, plain, ct = s.params, s.encoder, s.plaintext, s.ciphertext
    for kind in (bfv.BatchEncoder, bfv.CoefficientEncoder):
        name, made = kind.__name__, kind(params)
        yield Call(name, kind, {"params": params}, {"params": {"bfv parameters"}})
        yield Call(f"{name}.encode", made.encode, {"values": [1, 2]}, {"values": INTEGERS})
        yield Call(f"{name}.decode", made.decode, {"plaintext": plain},
                   {"plaintext": {"bfv plaintext"}})  # fmt: skip
    yield Call("BatchEncoder.decode_residues", encoder.decode_residues, {"plaintext": plain},
               {"plaintext": {"bfv plaintext"}})  # fmt: skip
    yield Call("Encryptor", bfv.Encryptor,
               {"params": params, "key": s.secret, "seed": bytes(32)},
               {"params": {"bfv parameters"}, "key": {"bfv secret key"}, "seed": NONE})  # fmt: skip
    yield Call("Encryptor.encrypt", s.encryptor.encrypt, {"plaintext": plain, "level": 1},
               {"plaintext": {"bfv plaintext"}, "level": NONE})  # fmt: skip
    yield Call("Decryptor", bfv.Decryptor, {"params": params, "secret": s.secret},
               {"params": {"bfv parameters"}, "secret": {"bfv secret key"}})  # fmt: skip
    for name in ("decrypt", "noise_budget"):
        yield Call(f"Decryptor.{name}", getattr(s.decryptor, name), {"ciphertext": ct},
                   {"ciphertext": {"bfv ciphertext"}})  # fmt: skip
    own = {"params": {"bfv parameters"}}
    yield Call("Plaintext", bfv.Plaintext, {"params": params, "data": plain.data}, own)
    yield Call("Ciphertext", bfv.Ciphertext,
               {"params": params, "data": ct.data, "noise": ct.noise, "seed": None},
               {**own, "seed": NONE})  # fmt: skip
    factor = s.evaluator.factor(plain)
    yield Call("PlainFactor", bfv.PlainFactor,
               {"params": params, "data": factor.data, "norm_bits": 1.0},
               {**own, "norm_bits": {"number"}})  # fmt: skip
    for value in (plain, ct):
        kind = type(value)
        yield Call(f"{kind.__name__}.from_bytes", kind.from_bytes,
                   {"data": value.to_bytes(), "params": params}, own)  # fmt: skip
        yield Call(f"{kind.__name__}.to_bytes", value.to_bytes, {})
    yield Call("Ciphertext.copy", ct.copy, {})
    yield Call("Ciphertext.rotate_rows", ct.rotate_rows, {"steps": 1}, {"steps": {"huge number"}})
    yield Call("Ciphertext.rotate_columns", ct.rotate_columns, {})


def evaluation() -> Iterator[Call]:
    s = exact()
    ev, ct, plain = s.evaluator, s.ciphertext, s.plaintext
    own, plains = {"a": {"bfv ciphertext"}}, {"bfv plaintext"}
    yield Call("Evaluator", bfv.Evaluator,
               {"params": s.params, "keys": s.keys, "refuse_exhausted": True},
               {"params": {"bfv parameters"}, "keys": {"None", "bfv evaluation keys"},
                "refuse_exhausted": {"bool"}})  # fmt: skip
    for name in ("add", "subtract", "multiply"):
        yield Call(f"Evaluator.{name}", getattr(ev, name), {"a": ct, "b": plain},
                   {**own, "b": {*INTEGERS, *plains, "bfv ciphertext", "huge number"}})  # fmt: skip
    for name in ("negate", "square", "attach", "rotate_columns", "mod_switch"):
        yield Call(f"Evaluator.{name}", getattr(ev, name), {"a": ct}, own)
    yield Call("Evaluator.relinearize", ev.relinearize, {"a": ev.tensor(ct, ct)}, own)
    yield Call("Evaluator.tensor", ev.tensor, {"a": ct, "b": ct}, {**own, "b": {"bfv ciphertext"}})
    yield Call("Evaluator.multiply_plain", ev.multiply_plain, {"a": ct, "b": plain},
               {**own, "b": plains})  # fmt: skip
    yield Call("Evaluator.multiply_scalar", ev.multiply_scalar, {"a": ct, "b": 3},
               {**own, "b": {"whole number", "huge number"}})  # fmt: skip
    yield Call("Evaluator.factor", ev.factor, {"plaintext": plain, "level": 1},
               {"plaintext": plains, "level": NONE})  # fmt: skip
    yield Call("Evaluator.power", ev.power, {"a": ct, "exponent": 2}, own)
    yield Call("Evaluator.mod_switch_to", ev.mod_switch_to, {"a": ct, "level": 0}, own)
    yield Call("Evaluator.rotate_rows", ev.rotate_rows, {"a": ct, "steps": 1},
               {**own, "steps": {"huge number"}})  # fmt: skip
    yield Call("Evaluator.rotations", ev.rotations, {"a": ct, "steps": [0, 1]}, own)
    yield Call("Evaluator.automorphism", ev.automorphism, {"a": ct, "element": 3}, own)
    yield Call("Evaluator.automorphisms", ev.automorphisms, {"a": ct, "elements": [1, 3]},
               {**own, "elements": {"numbers"}})  # fmt: skip
    yield Call("Evaluator.switcher", ev.switcher, {"level": 1})
    yield Call("Evaluator.result", ev.result,
               {"data": np.array(ct.data), "noise": ct.noise})  # fmt: skip


def calls() -> list[Call]:
    """All of them."""
    groups = (parameters(), noise(), values(), evaluation())
    return [replace(call, name=f"bfv.{call.name}") for group in groups for call in group]

"""What a public call is tried with: arguments that suit it, and objects that do not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import he
import nn
from he import bfv

NUMBERS = {"number", "array", "numbers", "bool", "whole number"}
REASON = "unit test"


@dataclass(frozen=True)
class Call:
    """A public function with arguments that suit it.

    accepts: {argument: names of `wrong_objects` that suit it, or do no harm}.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    accepts: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def outcomes(self) -> Iterator[tuple[str, str, BaseException | None]]:
        """(argument, wrong object, what the call raises) for every argument and wrong object."""
        for argument in self.arguments:
            for name, wrong in wrong_objects().items():
                error = None
                try:
                    self.function(**{**self.arguments, argument: wrong})
                except Exception as raised:  # whatever it is, the test looks at it
                    error = raised
                yield argument, name, error


class Scheme:
    """A small parameter set with one object of each kind."""

    def __init__(self, params: Any, module: Any, encoder: Any) -> None:
        self.params, top = params, params.max_level
        self.generator = he.KeyGenerator(params)
        self.secret = self.generator.secret_key()
        self.public = self.generator.public_key(self.secret)
        self.needs = he.KeyNeeds(top, {3: top, 2 * params.N - 1: top})
        self.keys = self.generator.evaluation_keys(self.secret, self.needs)
        self.evaluator = module.Evaluator(params, self.keys)
        self.encoder = encoder(params)
        self.encryptor = module.Encryptor(params, self.secret)
        self.decryptor = module.Decryptor(params, self.secret)
        self.plaintext = self.encoder.encode([1, 2, 3])
        self.ciphertext = self.evaluator.attach(self.encryptor.encrypt(self.plaintext))


def _ckks(scale_bits: int) -> Scheme:
    params = he.CKKSParameters.build(
        3, N=64, scale_bits=scale_bits, dnum=2, insecure_reason=REASON
    )
    return Scheme(params, he, he.Encoder)


@functools.cache
def ckks() -> Scheme:
    """The CKKS scheme of the calls."""
    return _ckks(30)


@functools.cache
def exact() -> Scheme:
    """The BFV scheme of the calls."""
    params = bfv.BFVParameters.build(3, N=64, plain_bits=17, insecure_reason=REASON)
    return Scheme(params, bfv, bfv.BatchEncoder)


@functools.cache
def wrong_objects() -> Mapping[str, Any]:
    """Objects by name: plain ones, those of another parameter set or scheme, a plan."""
    network = nn.Network(
        "small", (2,), (nn.Node("fc", nn.Linear(np.eye(2), np.zeros(2)), ("input",)),)
    )
    other, foreign = _ckks(31), exact()
    named = {
        "None": None,
        "text": "text",
        "bytes": b"bytes",
        "list": ["a", 1],
        "numbers": [1, 3],
        "dict": {"a": 1},
        "object": object(),
        "class": str,
        "function": abs,
        "number": 2.5,
        "not a number": math.nan,
        "whole number": -1,
        "huge number": 10**400,
        "bool": True,
        "array": np.ones(3),
        "plan": nn.compile(network, N=256, precision_bits=0, insecure_reason=REASON),
        "ckks parameters": other.params,
        "ckks plaintext": other.plaintext,
        "ckks ciphertext": other.ciphertext,
        "secret key": other.secret,
        "public key": other.public,
        "switching key": other.keys.relinearization,
        "evaluation keys": other.keys,
        "encoder": other.encoder,
        "evaluator": other.evaluator,
        "bfv parameters": foreign.params,
        "bfv plaintext": foreign.plaintext,
        "bfv ciphertext": foreign.ciphertext,
        "bfv secret key": foreign.secret,
        "bfv evaluation keys": foreign.keys,
        "bfv encoder": foreign.encoder,
        "bfv evaluator": foreign.evaluator,
    }
    return {**named, "container": named["ckks plaintext"].to_bytes()}

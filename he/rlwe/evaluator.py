"""What the evaluators of every scheme have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from he.errors import ParametersMismatchError
from he.rlwe import galois
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keyswitch import KeySwitcher
from he.rlwe.operand_checks import Owned, check_owner
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.validation import instance, items_of, whole_number

MAX_EXPONENT = 1 << 64
"""No parameter set has the levels, or a plain modulus, for more."""

Params = TypeVar("Params", bound=RLWEParameters)
Encrypted = TypeVar("Encrypted")


class SharedEvaluator(ABC, Generic[Params, Encrypted]):
    """Parameters, keys, and what follows from `multiply` and `automorphisms`.

    Raises `ParametersMismatchError` for keys of other parameters, `WrongObjectError` for other
    objects.
    """

    _kind_of_parameters: ClassVar[type[Any]]
    _kind_of_ciphertexts: ClassVar[type[Any]]

    def __init__(self, params: Params, keys: EvaluationKeys | None) -> None:
        instance(params, self._kind_of_parameters, "the parameter set of an evaluator")
        if keys is not None and instance(keys, EvaluationKeys, "the keys").params != params:
            raise ParametersMismatchError(f"the keys belong to {keys.params}, not to {params}")
        self.params = params
        self.keys = keys if keys is not None else EvaluationKeys(params)
        self.context = context(params)
        self._switchers: dict[int, KeySwitcher] = {}

    @abstractmethod
    def multiply(self, a: Encrypted, b: Any) -> Encrypted:
        """The product."""

    @abstractmethod
    def automorphisms(self, a: Encrypted, elements: Sequence[int]) -> list[Encrypted]:
        """Many automorphisms of one ciphertext, with one decomposition."""

    def power(self, a: Encrypted, exponent: int) -> Encrypted:
        """a^exponent, exponent from 1 to 2^64: ceil(log2(exponent)) deep, each power made once."""
        check_owner(self.params, cast(Owned, a), self._kind_of_ciphertexts)
        exponent = whole_number(exponent, "the exponent", 1, MAX_EXPONENT)
        powers = {1: a}

        def power(e: int) -> Encrypted:
            if e not in powers:
                half = 1 << (e - 1).bit_length() - 1
                powers[e] = self.multiply(power(half), power(e - half))
            return powers[e]

        return power(exponent)

    def automorphism(self, a: Encrypted, element: int) -> Encrypted:
        """The Galois automorphism x -> x^element of a."""
        return self.automorphisms(a, [element])[0]

    def rotations(self, a: Encrypted, steps: Sequence[int]) -> list[Encrypted]:
        """Many rotations of one ciphertext, with one decomposition (hoisting)."""
        N = self.params.N
        elements = [galois.element_of_rotation(k, N) for k in items_of(steps, "the steps")]
        return self.automorphisms(a, elements)

    def switcher(self, level: int) -> KeySwitcher:
        """The key-switching steps at `level`."""
        level = whole_number(level, "the level", 0, self.params.max_level)
        if level not in self._switchers:
            self._switchers[level] = KeySwitcher(self.context, level)
        return self._switchers[level]

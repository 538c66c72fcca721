"""What the evaluators of every scheme have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from he.errors import ParameterError, ParametersMismatchError
from he.rlwe import galois
from he.rlwe.keys import EvaluationKeys
from he.rlwe.keyswitch import KeySwitcher
from he.rlwe.operand_checks import Owned, check_owner
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.validation import instance, items_of, whole_number

Params = TypeVar("Params", bound=RLWEParameters)
Encrypted = TypeVar("Encrypted")


class SharedEvaluator(ABC, Generic[Params, Encrypted]):
    """Parameters, keys, and what follows from `multiply` and `automorphisms`.

    Raises `ParametersMismatchError` for keys of other parameters, `WrongObjectError` for other
    objects.
    """

    kind_of_parameters: ClassVar[type[Any]]
    kind_of_ciphertexts: ClassVar[type[Any]]

    def __init__(self, params: Params, keys: EvaluationKeys | None) -> None:
        instance(params, self.kind_of_parameters, "the parameter set of an evaluator")
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
        """a^exponent for exponent >= 1: ceil(log2(exponent)) deep, each power computed once."""
        check_owner(self.params, cast(Owned, a), self.kind_of_ciphertexts)
        exponent = whole_number(exponent, "the exponent")
        if exponent < 1:
            raise ParameterError(f"the exponent is {exponent}: at least 1 is needed")
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

"""The key types. They are made in `he.rlwe.keygen` only, and hold no way to make others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from he.errors import (
    MissingGaloisKeyError,
    MissingRelinearizationKeyError,
    ParameterError,
    ParametersMismatchError,
)
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.serializable import Serializable

RELINEARIZATION = 0
"""What stands for the relinearization key where others are named by their Galois element."""


class SecretKey(Serializable):
    """The secret: a uniform ternary polynomial. It exists on the client's side only.

    coefficients: int64 (N,) in {-1, 0, 1}.
    """

    def __init__(self, params: RLWEParameters, coefficients: np.ndarray) -> None:
        coefficients = np.ascontiguousarray(coefficients, dtype=np.int64)
        if coefficients.shape != (params.N,) or np.abs(coefficients).max(initial=0) > 1:
            raise ParameterError(
                f"a secret key is {params.N} coefficients in {{-1, 0, 1}}, "
                f"not an array of shape {coefficients.shape}"
            )
        self.params = params
        self.coefficients = coefficients
        moduli = np.array(params.q + params.p, dtype=np.int64)
        ops = context(params).qp(params.max_level)
        residues = np.mod(coefficients[None, :], moduli[:, None]).astype(np.uint64)
        self.transformed = ops.forward(residues)

    def __repr__(self) -> str:
        return f"SecretKey(N={self.params.N}, <hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret key is not pickled by accident: use to_bytes() and keep it safe")


@dataclass(frozen=True, eq=False)
class PublicKey(Serializable):
    """An encryption of zero in QP at the top level: data (2, limbs_QP, N), transformed."""

    params: RLWEParameters
    data: np.ndarray = field(repr=False)
    seed: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.data.setflags(write=False)


@dataclass(frozen=True, eq=False)
class KeySwitchingKey(Serializable):
    """Gadget encryptions that carry a ciphertext part from one secret to another.

    data (dnum, 2, limbs_QP, N) transformed, for use at `level` and below. `element` is the Galois
    element, or 0 for the relinearization key (s^2 to s). A Galois key of element g switches from s
    to the preimage of s under g; the automorphism is applied to the result, so that one
    decomposition serves many rotations.
    """

    params: RLWEParameters
    level: int
    element: int
    data: np.ndarray = field(repr=False)
    seed: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.data.setflags(write=False)

    def rows(self, level: int) -> np.ndarray:
        """The limb of `data` that belongs to each limb of QP at `level` <= self.level."""
        special = np.arange(self.level + 1, self.data.shape[2])
        return np.concatenate((np.arange(level + 1), special)).astype(np.int64)


@dataclass(frozen=True)
class KeyNeeds(Serializable):
    """The keys that a circuit needs, and the highest level at which it uses each."""

    relinearization: int | None = None
    galois: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def union(needs: Iterable[KeyNeeds]) -> KeyNeeds:
        """Every key that any of `needs` names, at the highest level named."""
        relinearization: int | None = None
        galois: dict[int, int] = {}
        for need in needs:
            if need.relinearization is not None:
                relinearization = max(need.relinearization, relinearization or 0)
            for element, level in need.galois.items():
                galois[element] = max(level, galois.get(element, 0))
        return KeyNeeds(relinearization, dict(sorted(galois.items())))

    def check(self, params: RLWEParameters) -> None:
        """Raise `ParameterError` unless every level and Galois element exists in `params`."""
        levels = list(self.galois.values())
        if self.relinearization is not None:
            levels.append(self.relinearization)
        for level in levels:
            if not 0 <= level <= params.max_level:
                raise ParameterError(f"key level {level}: it must be from 0 to {params.max_level}")
        for element in self.galois:
            if element % 2 == 0 or not 0 < element < 2 * params.N:
                raise ParameterError(
                    f"Galois element {element}: it must be odd and in (0, {2 * params.N})"
                )


@dataclass(frozen=True, eq=False)
class EvaluationKeys(Serializable):
    """What an evaluator is given: public keys for relinearization and for Galois elements."""

    params: RLWEParameters
    relinearization: KeySwitchingKey | None = None
    galois: Mapping[int, KeySwitchingKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = dict(self.galois)
        if self.relinearization is not None:
            named[RELINEARIZATION] = self.relinearization
        for element, key in named.items():
            if key.params != self.params:
                raise ParametersMismatchError(
                    f"the key of element {element} belongs to {key.params}, not to {self.params}"
                )
            if key.element != element:
                raise ParameterError(
                    f"the key of element {key.element} stands in the place of {element}"
                )

    @property
    def memory_bytes(self) -> int:
        """Bytes of the expanded keys in memory."""
        keys = list(self.galois.values())
        if self.relinearization is not None:
            keys.append(self.relinearization)
        return sum(key.data.nbytes for key in keys)

    def for_relinearization(self, level: int) -> KeySwitchingKey:
        """The relinearization key for `level`; raises `MissingRelinearizationKeyError`."""
        key = self.relinearization
        if key is None or key.level < level:
            have = "there is none" if key is None else f"the one given serves level {key.level}"
            raise MissingRelinearizationKeyError(
                f"a relinearization key for level {level} is needed, {have}: "
                f"make it with KeyNeeds(relinearization={level})"
            )
        return key

    def for_element(self, element: int, level: int) -> KeySwitchingKey:
        """The key of a Galois element for `level`; raises `MissingGaloisKeyError`."""
        key = self.galois.get(element)
        if key is None or key.level < level:
            have = "it is missing" if key is None else f"the one given serves level {key.level}"
            raise MissingGaloisKeyError(
                f"the key of Galois element {element} for level {level} is needed, {have}: "
                f"make it with KeyNeeds(galois={{{element}: {level}}}); the rotation by k is "
                f"element 3^k mod 2N"
            )
        return key

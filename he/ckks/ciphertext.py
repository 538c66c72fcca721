"""Plaintext and Ciphertext: residues in the transformed domain, with their level and scale."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from he.ckks.params import CKKSParameters
from he.ckks.scales import check_scale, checked_scale
from he.errors import (
    CorruptBytesError,
    ParameterError,
    ParametersMismatchError,
    ScaleOverflowError,
)
from he.format.container import Contents, checked_values
from he.format.residue_packing import pack_residues
from he.rlwe.array_checks import check_below, check_polynomials
from he.rlwe.encrypted_value import EncryptedValue, Operations, read_parts
from he.rlwe.operand_checks import reciprocal
from he.rlwe.owned_object import OwnedObject, checked_level
from he.rlwe.parallel import map_threads
from he.rlwe.seeded import checked_seed
from he.rlwe.serializable import Encoded
from he.validation import instance, items_of, whole_number

OF_LIMBS = -1
"""The level of an object made by hand that its number of limbs tells."""


@dataclass(frozen=True, eq=False)
class Plaintext(OwnedObject):
    """An encoded vector: residues (limbs, N) uint64, transformed, read-only, at `scale`.

    level: by default the only level of so many limbs. Raises `ParameterError` for another array or
    residues beyond their moduli, `ScaleOverflowError` for a scale that the modulus of the level
    does not hold.
    """

    kind = "plaintext"

    params: CKKSParameters
    data: np.ndarray
    scale: float
    level: int = OF_LIMBS

    def __post_init__(self) -> None:
        params = instance(self.params, CKKSParameters, "the parameter set of a plaintext")
        level = check_polynomials(params, self.data, (), "a plaintext", given_level(self.level))
        object.__setattr__(self, "level", level)
        check_below(self.data, params.primes(level), "a plaintext")
        object.__setattr__(self, "scale", checked_scale(params, self.level, self.scale))
        self.data.setflags(write=False)

    def __repr__(self) -> str:
        return f"Plaintext(N={self.params.N}, level={self.level}, scale={self.scale:.6g})"

    def _encoded(self) -> Encoded:
        packed = pack_residues(self.data, self.params.primes(self.level))
        return {"item": [self.level, float(self.scale)]}, {"0": packed}

    @classmethod
    def _decoded(cls, contents: Contents, params: CKKSParameters) -> Self:
        contents.check_sections(["0"])
        level, scale = checked_values(contents.header.get("item"), "a plaintext", int, float)
        read_scale(params, checked_level(level, params), scale)
        primes = params.primes(level)
        residues = contents.residues("0", primes, (len(primes), params.N))
        return cls.unchecked(params=params, data=residues, scale=scale, level=level)


class SlotOperations(Operations["Ciphertext"], Protocol):
    """What a ciphertext asks of the evaluator that is attached to it."""

    def rotate(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Slots rotated left by `steps`."""

    def conjugate(self, a: Ciphertext) -> Ciphertext:
        """Every slot conjugated."""


@dataclass(frozen=True, eq=False)
class Ciphertext(EncryptedValue[SlotOperations]):
    """An encryption: data (parts, limbs, N) uint64, transformed, read-only, at `scale`.

    Ciphertexts are values: their data is never changed in place. seed: the 32 bytes that c_1 is the
    expansion of, for fresh symmetric encryptions, and None otherwise.

    It decrypts to c_0 + c_1 s (+ c_2 s^2 for the three parts of an unrelinearized product), which
    is scale times the encoded slots plus noise.

    With an evaluator attached (`Evaluator.attach`, or any result of an evaluator) the operators
    read like NumPy: ``a + b``, ``a - 1``, ``2 * a``, ``a / 3``, ``a * b`` (relinearized and
    rescaled), ``-a``, ``a**2``; operands are ciphertexts, plaintexts, scalars, or arrays of slots.

    level: by default the only level of so many limbs. Made by hand it raises `ParameterError` for
    another array, residues beyond their moduli or a seed that does not expand to c_1,
    `ScaleOverflowError` for a scale that the modulus of the level does not hold.
    """

    kind = "ciphertext"

    params: CKKSParameters
    data: np.ndarray
    scale: float
    seed: bytes | None = None
    level: int = OF_LIMBS
    _evaluator: SlotOperations | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        level = self._check(CKKSParameters, given_level(self.level))
        object.__setattr__(self, "level", level)
        scale = checked_scale(self.params, self.level, self.scale)
        object.__setattr__(self, "scale", scale)

    def __truediv__(self, other: Any) -> Self:
        """a / b for a number or a vector of slots without zeros: a times 1 / b, one level."""
        return self.__mul__(reciprocal(other))

    def __repr__(self) -> str:
        return (
            f"Ciphertext(N={self.params.N}, parts={self.parts}, level={self.level}, "
            f"scale={self.scale:.6g})"
        )

    def copy(self) -> Ciphertext:
        """An independent copy, with the same evaluator."""
        return copy.deepcopy(self)

    def rotate(self, steps: int) -> Ciphertext:
        """Slots rotated left by `steps` (see `Evaluator.rotate`)."""
        return self.evaluator.rotate(self, steps)

    def conjugate(self) -> Ciphertext:
        """Every slot conjugated (see `Evaluator.conjugate`)."""
        return self.evaluator.conjugate(self)

    def _encoded(self) -> Encoded:
        return CiphertextBatch(self.params, [self])._encoded()

    @classmethod
    def _decoded(cls, contents: Contents, params: CKKSParameters) -> Self:
        items = contents.field("items", list)
        if len(items) != 1:
            raise CorruptBytesError(f"one ciphertext is needed, {len(items)} are there")
        contents.check_sections(["0"])
        return cls._read(contents, "0", items[0], params)

    @property
    def _item(self) -> list[object]:
        """[level, parts, scale, seed]: what a header says of this ciphertext."""
        return [self.level, self.parts, float(self.scale), self.seed or b""]

    @classmethod
    def _read(
        cls, contents: Contents, section: str, item: object, params: CKKSParameters
    ) -> Self:
        """The ciphertext that `item` describes, from its section."""
        level, parts, scale, stored_seed = checked_values(
            item, "a ciphertext", int, int, float, bytes
        )
        read_scale(params, checked_level(level, params), scale)
        seed = checked_seed(stored_seed)
        data = read_parts(contents, section, params, level, parts, seed)
        return cls.unchecked(
            params=params, data=data, scale=scale, seed=seed, level=level, _evaluator=None
        )


@dataclass(frozen=True, eq=False)
class CiphertextBatch(OwnedObject):
    """Ciphertexts of one parameter set that travel in one container."""

    kind = "ciphertexts"

    params: CKKSParameters
    ciphertexts: Sequence[Ciphertext]

    @classmethod
    def of(cls, ciphertexts: Sequence[Ciphertext]) -> Self:
        """The batch of these ciphertexts.

        Raises `ParameterError` for none, `ParametersMismatchError` for a mixture.
        """
        ciphertexts = items_of(ciphertexts, "the ciphertexts of a batch")
        if not ciphertexts:
            raise ParameterError("an empty batch belongs to no parameter set: give a ciphertext")
        for ciphertext in ciphertexts:
            instance(ciphertext, Ciphertext, "a ciphertext of a batch")
        params = ciphertexts[0].params
        for ciphertext in ciphertexts:
            if ciphertext.params != params:
                raise ParametersMismatchError(
                    f"a batch belongs to one parameter set, not to {params} and {ciphertext.params}"
                )
        return cls(params, ciphertexts)

    def _encoded(self) -> Encoded:
        packed = map_threads(Ciphertext._packed, self.ciphertexts)
        sections = {str(index): residues for index, residues in enumerate(packed)}
        return {"items": [ciphertext._item for ciphertext in self.ciphertexts]}, sections

    @classmethod
    def _decoded(cls, contents: Contents, params: CKKSParameters) -> Self:
        items = list(enumerate(contents.field("items", list)))
        contents.check_sections(str(index) for index, _ in items)
        ciphertexts = map_threads(
            lambda item: Ciphertext._read(contents, str(item[0]), item[1], params), items
        )
        return cls(params, ciphertexts)


def given_level(level: int) -> int | None:
    """The level that a caller gave, None for `OF_LIMBS`."""
    number = whole_number(level, "level")
    return None if number == OF_LIMBS else number


def read_scale(params: CKKSParameters, level: int, scale: float) -> float:
    """A scale that was read, if the modulus of the level holds it; else `CorruptBytesError`."""
    if not math.isfinite(scale):
        raise CorruptBytesError(f"scale {scale}: it must be positive and finite")
    try:
        check_scale(params, level, scale, "what the bytes hold")
    except ScaleOverflowError as error:
        raise CorruptBytesError(str(error)) from error
    return scale

"""Plaintext and Ciphertext: residues in the transformed domain, with their level and scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np

from he.ckks.params import CKKSParameters
from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.format.container import Contents, checked_values
from he.format.residue_packing import pack_residues
from he.rlwe.encrypted_value import EncryptedValue, Operations, read_parts
from he.rlwe.owned_object import OwnedObject, checked_level
from he.rlwe.parallel import map_threads
from he.rlwe.seeded import checked_seed
from he.rlwe.serializable import Encoded
from ntt.memory import large_copy


@dataclass(frozen=True, eq=False)
class Plaintext(OwnedObject):
    """An encoded vector: residues (level + 1, N) uint64, transformed, read-only, at `scale`."""

    kind = "plaintext"

    params: CKKSParameters
    data: np.ndarray
    scale: float

    def __post_init__(self) -> None:
        self.data.setflags(write=False)

    @property
    def level(self) -> int:
        """Index of the last limb of Q."""
        return int(self.data.shape[-2]) - 1

    def __repr__(self) -> str:
        return f"Plaintext(N={self.params.N}, level={self.level}, scale={self.scale:.6g})"

    def _encoded(self) -> Encoded:
        packed = pack_residues(self.data, self.params.q[: self.level + 1])
        return {"item": [self.level, float(self.scale)]}, {"0": packed}

    @classmethod
    def _decoded(cls, contents: Contents, params: CKKSParameters) -> Self:
        contents.check_sections(["0"])
        level, scale = checked_values(contents.header.get("item"), "a plaintext", int, float)
        _check_scale(scale, checked_level(level, params), params)
        residues = contents.residues("0", params.q[: level + 1], (level + 1, params.N))
        return cls(params, residues, scale)


class SlotOperations(Operations["Ciphertext"], Protocol):
    """What a ciphertext asks of the evaluator that is attached to it."""

    def rotate(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Slots rotated left by `steps`."""

    def conjugate(self, a: Ciphertext) -> Ciphertext:
        """Every slot conjugated."""


@dataclass(frozen=True, eq=False)
class Ciphertext(EncryptedValue[SlotOperations]):
    """An encryption: data (parts, level + 1, N) uint64, transformed, read-only, at `scale`.

    Ciphertexts are values: their data is never changed in place. seed: the 32 bytes that c_1 is the
    expansion of, for fresh symmetric encryptions, and None otherwise.

    It decrypts to c_0 + c_1 s (+ c_2 s^2 for the three parts of an unrelinearized product), which
    is scale times the encoded slots plus noise.

    With an evaluator attached (`Evaluator.attach`, or any result of an evaluator) the operators
    read like NumPy: ``a + b``, ``a - 1``, ``2 * a``, ``a * b`` (relinearized and rescaled),
    ``-a``, ``a**2``; operands are ciphertexts, plaintexts, scalars, or arrays of slots.
    """

    kind = "ciphertext"

    params: CKKSParameters
    data: np.ndarray
    scale: float
    seed: bytes | None = None
    _evaluator: SlotOperations | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return (
            f"Ciphertext(N={self.params.N}, parts={self.parts}, level={self.level}, "
            f"scale={self.scale:.6g})"
        )

    def copy(self) -> Ciphertext:
        """An independent copy, with the same evaluator."""
        return replace(self, data=large_copy(self.data))

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
        _check_scale(scale, checked_level(level, params), params)
        seed = checked_seed(stored_seed)
        data = read_parts(contents, section, params, level, parts, seed)
        return cls(params, data, scale, seed)


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
        if not ciphertexts:
            raise ParameterError("an empty batch belongs to no parameter set: give a ciphertext")
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


def _check_scale(scale: float, level: int, params: CKKSParameters) -> None:
    """Raise `CorruptBytesError` unless the modulus of the level can hold a scale that was read."""
    if not (math.isfinite(scale) and scale > 0):
        raise CorruptBytesError(f"scale {scale}: it must be positive and finite")
    bits = sum(math.log2(q) for q in params.q[: level + 1])
    if math.log2(scale) >= bits:
        raise CorruptBytesError(
            f"scale 2^{math.log2(scale):.1f} is beyond the {bits:.1f} bits of level {level}"
        )

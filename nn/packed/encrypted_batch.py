"""`EncryptedBatch`: what travels between the client and the server of a packed plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Self

from he.ckks.ciphertext import Ciphertext, CiphertextBatch
from he.ckks.params import CKKSParameters
from he.errors import LevelMismatchError, ParametersMismatchError, ScaleMismatchError
from he.format.container import Contents, unpack
from he.rlwe.serializable import Buffer, Encoded
from he.validation import instance, items_of, whole_number
from nn.errors import ShapeError
from nn.inference.identity import Ids, check_ids
from nn.inference.limits import check_count
from nn.inference.roles import StageTime

_ROUNDING = 2.0**-45
"""What divisions by several primes round off a scale, relative to it."""


@dataclass(frozen=True, eq=False)
class EncryptedBatch:
    """The ciphertexts of a batch of images or answers, `per_image` for each, in order.

    `profile` is what the server measured; it stays with the server and is no part of the bytes.
    `ids` are those of the plan, the keys and the request; None for bytes of version 1.

    Raises `ShapeError` for no ciphertexts, and for a number of ciphertexts that `per_image` does
    not divide; `he.WrongObjectError` for anything but ciphertexts.
    """

    ciphertexts: tuple[Ciphertext, ...]
    per_image: int
    profile: tuple[StageTime, ...] = field(default=(), repr=False)
    ids: Ids | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        ciphertexts = tuple(items_of(self.ciphertexts, "the ciphertexts of a batch"))
        for ciphertext in ciphertexts:
            instance(ciphertext, Ciphertext, "a ciphertext of a batch")
        object.__setattr__(self, "ciphertexts", ciphertexts)
        object.__setattr__(self, "per_image", whole_number(self.per_image, "per_image"))
        check_ids(self.ids)
        if self.per_image < 1 or not ciphertexts or len(ciphertexts) % self.per_image:
            raise ShapeError(
                f"{len(ciphertexts)} ciphertexts do not make whole images of {self.per_image} "
                f"ciphertexts each: one image or more are needed"
            )

    def __len__(self) -> int:
        return len(self.ciphertexts) // self.per_image

    @property
    def images(self) -> list[list[Ciphertext]]:
        """The ciphertexts of each image."""
        step = self.per_image
        return [list(self.ciphertexts[i * step : (i + 1) * step]) for i in range(len(self))]

    def check(self, params: CKKSParameters, per_image: int, level: int, what: str) -> None:
        """Raise an error unless the ciphertexts are those of a plan.

        They have two parts, at this level and at its canonical scale, `per_image` for each image.
        what: the name of the ciphertexts in the message. Raises `ShapeError` for another number,
        `he.ParametersMismatchError`, `he.LevelMismatchError` (also for other parts) and
        `he.ScaleMismatchError`.
        """
        if self.per_image != per_image:
            raise ShapeError(
                f"a batch with {self.per_image} ciphertexts for each image: {what} of the plan "
                f"have {per_image}"
            )
        for ciphertext in self.ciphertexts:
            if ciphertext.params != params:
                raise ParametersMismatchError(
                    f"a ciphertext is encrypted under {ciphertext.params}, the plan needs {params}"
                )
            if ciphertext.level != level or ciphertext.parts != 2:
                raise LevelMismatchError(
                    f"a ciphertext is at level {ciphertext.level} in {ciphertext.parts} parts: "
                    f"{what} of the plan are at level {level} in 2 parts"
                )
            if not math.isclose(ciphertext.scale, params.scales[level], rel_tol=_ROUNDING):
                raise ScaleMismatchError(
                    f"a ciphertext is at scale {ciphertext.scale:.6g}: {what} of the plan are at "
                    f"scale {params.scales[level]:.6g}"
                )

    def to_bytes(self) -> bytes:
        """The batch as bytes: versioned, checksummed; part 1 of fresh encryptions is a seed."""
        return replace(_Stored.of(self.ciphertexts), ids=self.ids).to_bytes()

    @classmethod
    def from_bytes(
        cls, data: Buffer, params: CKKSParameters, per_image: int, *, most_images: int | None = None
    ) -> EncryptedBatch:
        """Read what `to_bytes` wrote.

        most_images: the most images that are read. Raises `he.SerializationError` for other bytes,
        `he.ParametersMismatchError` for ciphertexts of other parameters, `LimitError` for more
        images, before any ciphertext is read.
        """
        instance(params, CKKSParameters, "params")
        per_image = whole_number(per_image, "per_image", 1)
        contents = unpack(data, CiphertextBatch.kind)
        if contents.field("params", bytes) != params.id:
            raise ParametersMismatchError(
                f"the ciphertexts belong to other parameters than the plan's, {params}: read them "
                f"under their own plan"
            )
        if most_images is not None:
            check_count(len(contents.field("items", list)) // per_image, most_images)
        stored = _Stored.read(contents, params)
        return cls(tuple(stored.ciphertexts), per_image, ids=stored.ids)


@dataclass(frozen=True, eq=False)
class _Stored(CiphertextBatch):
    """The ciphertexts of a batch as bytes have them, with the ids in the header."""

    ids: Ids | None = None

    def _encoded(self) -> Encoded:
        header, sections = super()._encoded()
        return {**header, **(self.ids.header if self.ids else {})}, sections

    @classmethod
    def read(cls, contents: Contents, params: CKKSParameters) -> Self:
        """The ciphertexts and the ids in the contents of a container."""
        ids = Ids.read(contents)
        return replace(cls._decoded(contents, params), ids=ids)

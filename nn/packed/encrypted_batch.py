"""`EncryptedBatch`: what travels between the client and the server of a packed plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from he.ckks.ciphertext import Ciphertext
from he.ckks.params import CKKSParameters
from he.serialization import ciphertexts_from_bytes, ciphertexts_to_bytes
from nn.errors import ShapeError
from nn.inference.roles import StageTime


@dataclass(frozen=True, eq=False)
class EncryptedBatch:
    """The ciphertexts of a batch of images or answers, `per_image` for each, in order.

    `profile` is what the server measured; it stays with the server and is no part of the bytes.
    Raises `ShapeError` for a number of ciphertexts that `per_image` does not divide.
    """

    ciphertexts: tuple[Ciphertext, ...]
    per_image: int
    profile: tuple[StageTime, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.per_image < 1 or len(self.ciphertexts) % self.per_image:
            raise ShapeError(
                f"{len(self.ciphertexts)} ciphertexts do not make whole images of "
                f"{self.per_image} ciphertexts each"
            )

    def __len__(self) -> int:
        return len(self.ciphertexts) // self.per_image

    @property
    def images(self) -> list[list[Ciphertext]]:
        """The ciphertexts of each image."""
        step = self.per_image
        return [list(self.ciphertexts[i * step : (i + 1) * step]) for i in range(len(self))]

    def to_bytes(self) -> bytes:
        """The batch as bytes: versioned, checksummed; part 1 of fresh encryptions is a seed."""
        return ciphertexts_to_bytes(list(self.ciphertexts))

    @classmethod
    def from_bytes(cls, data: bytes, params: CKKSParameters, per_image: int) -> EncryptedBatch:
        """Read what `to_bytes` wrote.

        Raises `he.SerializationError` for other bytes, `he.ParametersMismatchError` for ciphertexts
        of other parameters.
        """
        return cls(tuple(ciphertexts_from_bytes(data, params)), per_image)

"""What travels between client and server: the ciphertexts of a batch of images."""

from __future__ import annotations

from dataclasses import dataclass, field

from he.ckks.ciphertext import Ciphertext
from he.ckks.params import CKKSParameters
from he.serialization import ciphertexts_from_bytes, ciphertexts_to_bytes
from nn.errors import ShapeError
from nn.inference.roles import StageTime


@dataclass(frozen=True, eq=False)
class EncryptedBatch:
    """Ciphertexts of `images` tensors, `per_image` each, in order.

    `profile` is what the server measured; it stays with the server and is no part of the bytes.
    """

    ciphertexts: tuple[Ciphertext, ...]
    per_image: int
    profile: tuple[StageTime, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.per_image < 1 or len(self.ciphertexts) % self.per_image:
            raise ShapeError(
                f"{len(self.ciphertexts)} ciphertexts are no whole number of images of "
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
        """The batch as bytes: versioned, checksummed; seeded halves are not stored."""
        return ciphertexts_to_bytes(list(self.ciphertexts))

    @classmethod
    def from_bytes(cls, data: bytes, params: CKKSParameters, per_image: int) -> EncryptedBatch:
        """Read `to_bytes`; raises `he.SerializationError` or `he.ParametersMismatchError`."""
        return cls(tuple(ciphertexts_from_bytes(data, params)), per_image)

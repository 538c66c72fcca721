"""What a batched run is planned to be: one image a slot, one ciphertext a tensor element."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyNeeds, SecretKey
from he.batched.blocks import Blocks, Rows
from he.format.container import Contents
from he.rlwe.keys import EvaluationKeys
from he.rlwe.params import RLWEParameters
from nn.errors import NetworkError
from nn.network.layers import FloatArray

Stream = Callable[[Iterable[Rows] | Blocks], Iterator[Rows]]
"""What an operation does to the rows of a tensor: one row for each element, in any order."""


@dataclass(frozen=True)
class Operation:
    """One operation of the server: its name in a profile, and how many elements leave it."""

    name: str
    apply: Stream
    outputs: int


@dataclass(frozen=True, eq=False)
class Circuit:
    """The server's operations. order: the element of each row that leaves the last operation."""

    operations: tuple[Operation, ...]
    order: NDArray[np.int64]


class SlotCodec(ABC):
    """Encrypts and decrypts vectors of slots under one parameter set: it holds the secret key."""

    @abstractmethod
    def encrypt(self, values: NDArray[Any]) -> tuple[Rows, bytes]:
        """The residues (2, limbs, N) of a fresh symmetric encryption, and the seed of part 1."""

    @abstractmethod
    def decrypt(self, row: Rows, count: int) -> NDArray[Any]:
        """The first `count` slots of a ciphertext's residues (2, limbs, N)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchedPlan(ABC):
    """What client and server need to know; made by `nn.compile`. It holds no weights.

    network: its name; fingerprint: which weights it was made for, empty where there is no
    `Network`; params: a parameter set for each residue of the values (one where values are whole);
    images: how many one run takes, the slots; inputs, outputs: elements of an image and an answer;
    answer_level: the level of the answer's ciphertexts.
    """

    network: str
    fingerprint: bytes
    params: tuple[RLWEParameters, ...]
    images: int
    inputs: int
    outputs: int
    answer_level: int

    @property
    def needs(self) -> KeyNeeds:
        """The keys that the server needs, the same for every parameter set."""
        return KeyNeeds(relinearization=self.params[0].max_level)

    @abstractmethod
    def to_bytes(self) -> bytes:
        """The plan as bytes, without weights: what a client needs. `nn.read_plan` reads them."""

    @classmethod
    @abstractmethod
    def from_contents(cls, contents: Contents, insecure_reason: str | None) -> Self:
        """The plan in the contents of `to_bytes`."""

    @abstractmethod
    def values(self, images: ArrayLike) -> NDArray[Any]:
        """What is encrypted of images: (B, inputs)."""

    @abstractmethod
    def codec(self, index: int, secret: SecretKey) -> SlotCodec:
        """The client's side of a parameter set."""

    @abstractmethod
    def steps(self, network: Any) -> Sequence[Any]:
        """The steps of the network that the plan was made for; raises `NetworkError` for others."""

    @abstractmethod
    def circuit(self, steps: Sequence[Any], index: int, keys: EvaluationKeys) -> Circuit:
        """The server's side of a parameter set."""

    @abstractmethod
    def logits(self, residues: Sequence[NDArray[Any]]) -> FloatArray:
        """The answers (B, outputs) from the decrypted slots under each parameter set."""

    def integers(self, residues: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The exact integers (B, outputs), where the plan is one of integers."""
        raise NetworkError(
            f"the plan for {self.network!r} computes with approximate numbers: compile with "
            f"scheme='bfv' for exact integers"
        )

"""Plans of the batched layout: one image in each slot, one ciphertext for each tensor element."""

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
from he.serialization import serialized_bytes
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
    """Encrypts and decrypts vectors of slots under one parameter set. It holds the secret key."""

    @abstractmethod
    def encrypt(self, values: NDArray[Any]) -> tuple[Rows, bytes]:
        """The residues (2, limbs, N) of a symmetric encryption, and the seed of its part 1."""

    @abstractmethod
    def decrypt(self, row: Rows, count: int) -> NDArray[Any]:
        """The first `count` slots of a ciphertext's residues (2, limbs, N)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchedPlan(ABC):
    """What the client and the server need to know. `nn.compile` makes it; it holds no weights.

    network: the name of the network. fingerprint: `Network.fingerprint` of it; empty where there is
    no `Network`. params: the parameter sets, several where values are computed modulo several plain
    moduli. images: how many images one run takes, one for each slot. inputs, outputs: elements of
    an image and of an answer. answer_level: the level of the answer's ciphertexts.
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

    @property
    def parameter_sets(self) -> tuple[RLWEParameters, ...]:
        """The parameter sets."""
        return self.params

    @property
    def ciphertexts_of_images(self) -> int:
        """The number of ciphertexts of encrypted images under each parameter set."""
        return self.inputs

    @property
    def ciphertexts_of_answers(self) -> int:
        """The number of ciphertexts of answers under each parameter set."""
        return self.outputs

    @property
    def evaluation_key_bytes(self) -> int:
        """The exact size of the evaluation keys in bytes, under all parameter sets together."""
        return sum(serialized_bytes(params, self.needs) for params in self.params)

    @abstractmethod
    def to_bytes(self) -> bytes:
        """The plan as bytes, without weights: what a client needs. `nn.read_plan` reads them."""

    @classmethod
    @abstractmethod
    def from_contents(cls, contents: Contents, insecure_reason: str | None) -> Self:
        """The plan in the contents of `to_bytes`."""

    @abstractmethod
    def values(self, images: ArrayLike) -> NDArray[Any]:
        """The numbers to encrypt for these images: (B, inputs).

        Raises `ShapeError` for another shape, `InputRangeError` for anything but real numbers and
        for pixels outside the range.
        """

    @abstractmethod
    def codec(self, index: int, secret: SecretKey) -> SlotCodec:
        """The codec of the parameter set `index`, for the client."""

    @abstractmethod
    def steps(self, network: Any) -> Sequence[Any]:
        """The steps of the plan's network; raises `NetworkError` for another network."""

    @abstractmethod
    def circuit(self, steps: Sequence[Any], index: int, keys: EvaluationKeys) -> Circuit:
        """The circuit of the parameter set `index`, for the server."""

    @abstractmethod
    def logits(self, residues: Sequence[NDArray[Any]]) -> FloatArray:
        """The answers (B, outputs) from the decrypted slots under each parameter set."""

    def integers(self, residues: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The exact integers (B, outputs); raises `NetworkError` unless the plan is of integers."""
        raise NetworkError(
            f"the plan for {self.network!r} computes with approximate numbers: compile with "
            f"scheme='bfv' for exact integers"
        )

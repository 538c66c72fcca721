"""Plans of the batched layout: one image in each slot, one ciphertext for each tensor element."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyNeeds, SecretKey
from he.batched.blocks import Blocks, Rows
from he.format.container import Contents
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.params import RLWEParameters
from nn.errors import NetworkError
from nn.inference.identity import digest_of
from nn.inference.keys import ClientKeys
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

    @functools.cached_property
    def id(self) -> bytes:
        """16 bytes: a digest of the network's fingerprint, the parameters and what is computed."""
        counts = (self.inputs, self.outputs, self.answer_level)
        sets = [params.id for params in self.params]
        return digest_of([b"batched plan", self.fingerprint, *sets, counts, *self._identity()])

    @abstractmethod
    def _identity(self) -> tuple[object, ...]:
        """What else two equal plans of a kind share."""

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
        return sum(ClientKeys.serialized_bytes(params, self.needs) for params in self.params)

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
    def logits(self, slots: Sequence[NDArray[Any]]) -> FloatArray:
        """The answers (B, outputs) from the decrypted slots under each parameter set.

        Raises `AnswerError` for values that the plan excludes.
        """

    def published(self, logits: FloatArray, queries: int, security_bits: int) -> FloatArray:
        """The logits as they may leave the client: exact ones as they are."""
        return logits

    def integers(self, slots: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The exact integers (B, outputs), as `logits`.

        Raises `NetworkError` unless the plan is of integers.
        """
        raise NetworkError(
            f"the plan for {self.network!r} computes with approximate numbers: compile with "
            f"scheme='bfv' for exact integers"
        )

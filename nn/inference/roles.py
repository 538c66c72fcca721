"""The common types of all clients and servers, and of what travels between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from numpy.typing import ArrayLike

from he.rlwe.evaluation_keys import EvaluationKeys
from nn.inference.identity import Ids
from nn.inference.plan import Plan
from nn.inference.requests import Request
from nn.network.layers import FloatArray


@dataclass(frozen=True)
class StageTime:
    """What the server spent on one stage: seconds for the whole batch, and the level it left."""

    name: str
    seconds: float
    level: int


class Encrypted(Protocol):
    """Encrypted images or answers."""

    @property
    def profile(self) -> tuple[StageTime, ...]:
        """What the server measured, for answers; it is no part of the bytes."""

    @property
    def ids(self) -> Ids | None:
        """The ids of the plan, the keys and the request; None for bytes of version 1."""

    def __len__(self) -> int:
        """The number of images."""

    def to_bytes(self) -> bytes:
        """The ciphertexts as bytes: versioned, checksummed."""


@runtime_checkable
class AnyClient(Protocol):
    """The client of any plan: it makes and holds the secret keys.

    Every client takes answers as bytes; the clients of one layout also take their own objects.
    """

    @property
    def plan(self) -> Plan:
        """The plan that the client serves."""

    def __enter__(self) -> Self:
        """The client, whose secret keys are wiped at the end of the block."""

    def __exit__(self, *_: object) -> None:
        """`close`."""

    def close(self) -> None:
        """Wipe the secret keys. A call that needs one then raises `he.MissingKeyError`."""

    def evaluation_keys(self) -> EvaluationKeys | Sequence[EvaluationKeys]:
        """The keys that the server needs, one set for each parameter set of a batched plan."""

    def secret_key_bytes(self) -> bytes | Sequence[bytes]:
        """The secret keys, to be stored where only the client reads them."""

    def encrypt(self, images: ArrayLike) -> Encrypted:
        """Encrypt images (B, ..) within the network's input range."""

    def decrypt(self, answer: bytes, *, request: Request | None = None) -> FloatArray:
        """The logits (B, classes) of a server's answer; request: the images that it must answer."""

    def publish(
        self,
        answer: bytes,
        *,
        queries: int,
        security_bits: int = 30,
        request: Request | None = None,
    ) -> FloatArray:
        """The logits (B, classes) as they may leave the client, behind fresh noise.

        queries: the answers, one an image, that will ever be published under this secret key.
        security_bits: the statistical security. Exact integers are published as they are. Raises
        `he.PublicationError` where less than a bit would be left.
        """


@runtime_checkable
class AnyServer(Protocol):
    """The server of any plan: it runs the network and never sees a secret key.

    Every server takes images as bytes; the servers of one layout also take their own objects.
    """

    @property
    def plan(self) -> Plan:
        """The plan that the server serves."""

    def run(self, batch: bytes, *, progress: bool = False, threads: int | None = None) -> Encrypted:
        """The encrypted answers of a batch of encrypted images.

        progress: show how far the run is. threads: how many threads run; by default `ntt.threads`
        decides.
        """

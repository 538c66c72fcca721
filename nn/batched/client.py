"""The client of a batched plan: one image in each slot, one ciphertext for each element.

An affine map is then a sum of ciphertexts times numbers and needs no rotation (Gilad-Bachrach et
al., "CryptoNets", ICML 2016). The plan says under which parameters, and what an element is: an
integer under several plain moduli (`nn.batched.integers`) or an approximate number
(`nn.batched.reals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyGenerator
from he.batched.blocks import BATCH, Blocks
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.parallel import map_threads
from he.rlwe.params import RLWEParameters
from he.rlwe.serializable import Buffer
from he.validation import instance
from nn.batched.arguments import check_one_each, take_answers, take_plan
from nn.batched.plan import BatchedPlan, SlotCodec
from nn.batched.tensor import BatchedTensor
from nn.errors import ShapeError
from nn.inference.identity import new_id
from nn.inference.keys import ClientKeys, secret_to_bytes, secrets_from_bytes
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.inference.requests import Request, Requests
from nn.network.layers import FloatArray
from nn.terminal.progress import CountProgress, count_progress


class BatchedClient:
    """Encrypts images and decrypts answers. It holds a secret key for each parameter set.

    plan: what `nn.compile` made, or its bytes. secret_keys: keys that `secret_key_bytes` gave
    before; None makes fresh keys. limits: what the client does for a plan at most.

    The secret keys are wiped when nothing refers to the client any more, by `close`, or at the end
    of a ``with`` block.

    Raises `NetworkError` for another number of keys, `LimitError` for a plan beyond the limits, and
    `he.SerializationError` or `he.ParametersMismatchError` for other bytes.
    """

    def __init__(
        self,
        plan: BatchedPlan | Buffer,
        secret_keys: Sequence[Buffer] | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.plan = plan = take_plan(plan)
        instance(limits, Limits, "limits").check(plan)
        self._generators = [KeyGenerator(params) for params in plan.params]
        if secret_keys is None:
            self._secrets = [generator.secret_key() for generator in self._generators]
            self._key_id = new_id()
        else:
            stored = check_one_each(plan, secret_keys, "secret keys")
            self._secrets, self._key_id = secrets_from_bytes(stored, plan.params)
        self._requests = Requests(plan.id, self._key_id)
        self._codecs = [plan.codec(index, key) for index, key in enumerate(self._secrets)]

    def __repr__(self) -> str:
        return f"BatchedClient({self.plan.network!r}, {self.plan.images} images a run)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wipe the secret keys. A call that needs one then raises `he.MissingKeyError`."""
        for secret in self._secrets:
            secret.wipe()

    def evaluation_keys(self) -> list[EvaluationKeys]:
        """The keys that the server needs, for each parameter set."""
        return [
            ClientKeys.made(generator, secret, self.plan.needs, self._key_id)
            for generator, secret in zip(self._generators, self._secrets, strict=True)
        ]

    def secret_key_bytes(self) -> list[bytes]:
        """The secret keys, to be stored where only the client reads them."""
        return [secret_to_bytes(secret, self._key_id) for secret in self._secrets]

    def encrypt(self, images: ArrayLike, *, progress: bool = False) -> BatchedTensor:
        """Encrypt images (B, *input_shape), real, inside the input range; B to `plan.images`.

        progress: show how many elements are encrypted. Raises `ShapeError` for another number or
        shape, and `InputRangeError` for anything but real numbers and for values outside the range.
        """
        values = self.plan.values(images)
        if not 1 <= len(values) <= self.plan.images:
            raise ShapeError(
                f"{len(values)} images: from 1 to {self.plan.images}, the slots, are needed"
            )
        total = len(self._codecs) * values.shape[1]
        with count_progress("encrypted elements", total, progress) as bar:
            made = [
                _encrypted(codec, values, p, bar)
                for p, codec in zip(self.plan.params, self._codecs, strict=True)
            ]
        residues, seeds = zip(*made, strict=True)
        ids = self._requests.new(len(values))
        level = self.plan.params[0].max_level
        return BatchedTensor(self.plan.params, residues, len(values), level, seeds, ids=ids)

    def decrypt(
        self, answer: BatchedTensor | Buffer, *, request: Request | None = None
    ) -> FloatArray:
        """The logits (B, classes) of a server's answer, an object or bytes.

        request: the encrypted images, or their ``ids.request``, where the answer must be to these
        images and no others. One answer to a request is decrypted, as `Requests` says; the same
        object may be decrypted again.

        Raises `IdentityError` for an answer to another plan, client or request, and for another
        number of images; `ShapeError` or `he.ParametersMismatchError` for ciphertexts that are not
        the plan's answers; `AnswerError` for values that the plan excludes;
        `he.NoiseBudgetExhaustedError` for exact integers without a noise budget;
        `he.SerializationError` for other bytes.
        """
        return self.plan.logits(self._slots(answer, request))

    def publish(
        self,
        answer: BatchedTensor | Buffer,
        *,
        queries: int,
        security_bits: int = 30,
        request: Request | None = None,
    ) -> FloatArray:
        """The logits (B, classes) as they may leave the client, behind fresh noise.

        queries: the answers, one an image, that will ever be published under this secret key.
        security_bits: the statistical security. `he.ckks.publication` has the proof, and the cost.
        Exact integers carry no error, and are published as they are.
        It holds for images within the network's statistics and for a server that keeps to
        the plan. Raises what `decrypt` raises, and `he.PublicationError` where less than a
        bit would be left: compile with more `precision_bits`.
        """
        logits = self.decrypt(answer, request=request)
        return self.plan.published(logits, queries, security_bits)

    def integers(
        self, answer: BatchedTensor | Buffer, *, request: Request | None = None
    ) -> NDArray[Any]:
        """The exact integers (B, classes) of the quantised network, of an integer plan.

        Raises what `decrypt` raises, and `NetworkError` for a plan of approximate numbers.
        """
        return self.plan.integers(self._slots(answer, request))

    def _slots(
        self, answer: BatchedTensor | Buffer, request: Request | None
    ) -> list[NDArray[Any]]:
        """The decrypted slots (B, classes) under each parameter set."""
        answer = take_answers(answer, self.plan)
        self._requests.take(answer, request)
        return [
            np.stack(
                [codec.decrypt(blocks.row(k), answer.images) for k in range(blocks.elements)],
                axis=1,
            )
            for codec, blocks in zip(self._codecs, answer.residues, strict=True)
        ]


def _encrypted(
    codec: SlotCodec, values: NDArray[Any], params: RLWEParameters, bar: CountProgress
) -> tuple[Blocks, list[bytes]]:
    """The columns of `values`, encrypted, and their seeds."""
    blocks = Blocks.empty(2, params.at(params.max_level).limbs, values.shape[1], params.N)
    seeds: list[bytes] = []
    for first in range(0, values.shape[1], BATCH):
        columns = list(np.ascontiguousarray(values[:, first : first + BATCH].T))
        made = list(map_threads(codec.encrypt, columns))
        blocks.put(first, np.stack([row for row, _ in made]))
        seeds += [seed for _, seed in made]
        bar.advance(len(made))
    return blocks, seeds

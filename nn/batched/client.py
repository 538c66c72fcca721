"""The client of a batched plan: one image in each slot, one ciphertext for each element.

An affine map is then a sum of ciphertexts times numbers and needs no rotation (Gilad-Bachrach et
al., "CryptoNets", ICML 2016). The plan says under which parameters, and what an element is: an
integer under several plain moduli (`nn.batched.integers`) or an approximate number
(`nn.batched.reals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyGenerator, SecretKey
from he.batched.blocks import Blocks
from he.rlwe.keys import EvaluationKeys
from he.rlwe.serializable import Buffer
from he.serialization import from_bytes, to_bytes
from he.validation import instance
from nn.batched.arguments import check_one_each, take_answers, take_plan
from nn.batched.plan import BatchedPlan, SlotCodec
from nn.batched.tensor import BatchedTensor
from nn.errors import ShapeError
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.network.layers import FloatArray
from nn.terminal.progress import CountProgress, count_progress


class BatchedClient:
    """Encrypts images and decrypts answers. It holds a secret key for each parameter set.

    plan: what `nn.compile` made, or its bytes. secret_keys: keys that `secret_key_bytes` gave
    before; None makes fresh keys. limits: what the client does for a plan at most.

    Raises `NetworkError` for another number of keys, `LimitError` for a plan beyond the limits, and
    `he.SerializationError` or `he.ParametersMismatchError` for other bytes.
    """

    def __init__(
        self,
        plan: BatchedPlan | Buffer,
        secret_keys: Sequence[bytes] | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.plan = plan = take_plan(plan)
        instance(limits, Limits, "limits").check(plan)
        self._generators = [KeyGenerator(params) for params in plan.params]
        if secret_keys is None:
            self._secrets = [generator.secret_key() for generator in self._generators]
        else:
            secret_keys = check_one_each(plan, secret_keys, "secret keys")
            self._secrets = [
                from_bytes(data, SecretKey, params)
                for data, params in zip(secret_keys, plan.params, strict=True)
            ]
        self._codecs = [plan.codec(index, key) for index, key in enumerate(self._secrets)]

    def __repr__(self) -> str:
        return f"BatchedClient({self.plan.network!r}, {self.plan.images} images a run)"

    def evaluation_keys(self) -> list[EvaluationKeys]:
        """The keys that the server needs, for each parameter set."""
        return [
            generator.evaluation_keys(secret, self.plan.needs)
            for generator, secret in zip(self._generators, self._secrets, strict=True)
        ]

    def secret_key_bytes(self) -> list[bytes]:
        """The secret keys, to be stored where only the client reads them."""
        return [to_bytes(secret) for secret in self._secrets]

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
                _encrypted(codec, values, Blocks.empty(2, len(p.q), values.shape[1], p.N), bar)
                for p, codec in zip(self.plan.params, self._codecs, strict=True)
            ]
        residues, seeds = zip(*made, strict=True)
        return BatchedTensor(self.plan.params, residues, len(values), seeds)

    def decrypt(self, answer: BatchedTensor | bytes) -> FloatArray:
        """The logits (B, classes) of a server's answer, an object or bytes."""
        return self.plan.logits(self._slots(answer))

    def integers(self, answer: BatchedTensor | bytes) -> NDArray[Any]:
        """The exact integers (B, classes) of the quantised network, of an integer plan."""
        return self.plan.integers(self._slots(answer))

    def _slots(self, answer: BatchedTensor | bytes) -> list[NDArray[Any]]:
        """The decrypted slots (B, classes) under each parameter set."""
        answer = take_answers(answer, self.plan)
        return [
            np.stack(
                [codec.decrypt(blocks.row(k), answer.images) for k in range(blocks.elements)],
                axis=1,
            )
            for codec, blocks in zip(self._codecs, answer.residues, strict=True)
        ]


def _encrypted(
    codec: SlotCodec, values: NDArray[Any], blocks: Blocks, bar: CountProgress
) -> tuple[Blocks, list[bytes]]:
    """The columns of `values`, encrypted into `blocks`, and their seeds."""
    seeds = []
    for element in range(values.shape[1]):
        row, seed = codec.encrypt(np.ascontiguousarray(values[:, element]))
        blocks.put(element, row[None])
        seeds.append(seed)
        bar.advance(1)
    return blocks, seeds

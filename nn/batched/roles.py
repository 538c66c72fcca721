"""Inference on thousands of images at once: one image a slot (CryptoNets).

Every element of a tensor is one ciphertext whose slots are the images, so that an affine map is a
sum of ciphertexts times numbers and needs no rotation (Gilad-Bachrach et al., "CryptoNets", ICML
2016). The plan says under which parameters, and what an element is: an integer under several plain
moduli (`nn.batched.integers`) or an approximate number (`nn.batched.reals`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyGenerator, SecretKey
from he.batched.blocks import Blocks, Rows
from he.errors import ParametersMismatchError
from he.rlwe.keys import EvaluationKeys
from he.serialization import from_bytes, to_bytes
from nn.batched.plan import BatchedPlan, Circuit
from nn.batched.tensor import BatchedTensor
from nn.errors import NetworkError, ShapeError
from nn.network.layers import FloatArray
from nn.packed.batch import StageTime
from nn.terminal.progress import CountProgress, count_progress
from ntt import threads as ntt_threads

T = TypeVar("T")


class BatchedClient:
    """Encrypts images and decrypts answers: it holds the secret keys, one a parameter set.

    plan: what `nn.compile` made, or its bytes. secret_keys: keys saved before with
    `secret_key_bytes`; None makes fresh ones. Raises `NetworkError` for another number of them,
    `SerializationError` or `ParametersMismatchError` for other bytes.
    """

    def __init__(
        self, plan: BatchedPlan | bytes, secret_keys: Sequence[bytes] | None = None
    ) -> None:
        self.plan = plan = _plan(plan)
        self._generators = [KeyGenerator(params) for params in plan.params]
        if secret_keys is None:
            self._secrets = [generator.secret_key() for generator in self._generators]
        else:
            self._secrets = [
                from_bytes(data, SecretKey, params)
                for data, params in zip(
                    _one_each(plan, secret_keys, "secret keys"), plan.params, strict=True
                )
            ]
        self._codecs = [plan.codec(index, key) for index, key in enumerate(self._secrets)]

    def __repr__(self) -> str:
        return f"BatchedClient({self.plan.network!r}, {self.plan.images} images a run)"

    def evaluation_keys(self) -> list[EvaluationKeys]:
        """What the server needs, for each parameter set."""
        return [
            generator.evaluation_keys(secret, self.plan.needs)
            for generator, secret in zip(self._generators, self._secrets, strict=True)
        ]

    def secret_key_bytes(self) -> list[bytes]:
        """The secret keys, to be stored where only the client reads them."""
        return [to_bytes(secret) for secret in self._secrets]

    def encrypt(self, images: ArrayLike, *, progress: bool = False) -> BatchedTensor:
        """Encrypt images (B, ..), B from 1 to `plan.images`.

        Raises `ShapeError` for another number or shape, `InputRangeError` for pixels outside the
        network's input range.
        """
        values = self.plan.values(images)
        if not 1 <= len(values) <= self.plan.images:
            raise ShapeError(
                f"{len(values)} images: from 1 to {self.plan.images}, the slots, are needed"
            )
        residues, seeds = [], []
        total = len(self._codecs) * values.shape[1]
        with count_progress("encrypted elements", total, progress) as bar:
            for params, codec in zip(self.plan.params, self._codecs, strict=True):
                blocks = Blocks.empty(2, len(params.q), values.shape[1], params.N)
                used = []
                for element in range(values.shape[1]):
                    row, seed = codec.encrypt(np.ascontiguousarray(values[:, element]))
                    blocks.put(element, row[None])
                    used.append(seed)
                    bar.advance(1)
                residues.append(blocks)
                seeds.append(used)
        return BatchedTensor(self.plan.params, tuple(residues), len(values), tuple(seeds))

    def decrypt(self, answer: BatchedTensor | bytes) -> FloatArray:
        """The logits (B, classes) of a server's answer, object or bytes."""
        return self.plan.logits(self._slots(answer))

    def integers(self, answer: BatchedTensor | bytes) -> NDArray[Any]:
        """The exact integers (B, classes) of the quantised network, of an integer plan."""
        return self.plan.integers(self._slots(answer))

    def _slots(self, answer: BatchedTensor | bytes) -> list[NDArray[Any]]:
        answer = _tensor(answer, self.plan)
        plan = self.plan
        _check_shape(answer, plan, plan.outputs, plan.answer_level, "answers")
        return [
            np.stack(
                [codec.decrypt(blocks.row(k), answer.images) for k in range(blocks.elements)],
                axis=1,
            )
            for codec, blocks in zip(self._codecs, answer.residues, strict=True)
        ]


class BatchedServer:
    """Runs the network on encrypted tensors; it never sees a secret key.

    plan: what `nn.compile` made, or its bytes. network: the one that it was compiled for
    (`NetworkError` for another). keys: the client's, or their bytes, for each parameter set:
    `NetworkError` for another number of them, `ParametersMismatchError` or `MissingKeyError` for
    keys that do not serve the plan. All is checked and encoded before the first run.
    """

    def __init__(
        self, plan: BatchedPlan | bytes, network: Any, keys: Sequence[EvaluationKeys | bytes]
    ) -> None:
        self.plan = plan = _plan(plan)
        steps = plan.steps(network)
        self._circuits: list[Circuit] = []
        keys = _one_each(plan, keys, "evaluation keys")
        for index, (params, key) in enumerate(zip(plan.params, keys, strict=True)):
            if not isinstance(key, EvaluationKeys):
                key = from_bytes(key, EvaluationKeys, params)
            self._circuits.append(plan.circuit(steps, index, key))
            key.for_relinearization(params.max_level)

    def __repr__(self) -> str:
        return f"BatchedServer({self.plan.network!r}, {self.plan.images} images a run)"

    def run(
        self, batch: BatchedTensor | bytes, *, progress: bool = False, threads: int | None = None
    ) -> BatchedTensor:
        """The encrypted answers of a batch of encrypted images, object or bytes.

        progress: show how many elements are done. threads: how many, default what `ntt.threads`
        says. Raises `ShapeError` for tensors that are no fresh images of the plan,
        `he.ParametersMismatchError` for those of other parameters.
        """
        plan = self.plan
        batch = _tensor(batch, plan)
        _check_shape(batch, plan, plan.inputs, plan.params[0].max_level, "fresh images")
        names = [layer.name for layer in self._circuits[0].layers]
        seconds = np.zeros(len(names))
        total = sum(layer.outputs for circuit in self._circuits for layer in circuit.layers)
        residues = []
        with (
            ntt_threads.limit(threads),
            count_progress("elements", total, progress) as bar,
        ):
            for circuit, blocks in zip(self._circuits, batch.residues, strict=True):
                answer, inclusive = _run(circuit, blocks, bar)
                residues.append(answer)
                seconds += np.diff(inclusive, prepend=0.0)
        profile = tuple(
            StageTime(name, float(spent), self.plan.answer_level)
            for name, spent in zip(names, seconds, strict=True)
        )
        return BatchedTensor(self.plan.params, tuple(residues), batch.images, profile=profile)


def _plan(given: BatchedPlan | bytes) -> BatchedPlan:
    plan = BatchedPlan.from_bytes(given) if isinstance(given, bytes) else given
    if not isinstance(plan, BatchedPlan):
        raise NetworkError(
            f"a batched plan is needed, not {type(plan).__name__}: compile with layout='batched', "
            f"or take nn.Client and nn.Server"
        )
    return plan


def _one_each(plan: BatchedPlan, given: Sequence[T], what: str) -> Sequence[T]:
    needed = len(plan.params)
    if not isinstance(given, list | tuple) or len(given) != needed:
        found = len(given) if isinstance(given, list | tuple) else type(given).__name__
        raise NetworkError(
            f"{what}: a list of {needed} is needed, one for each parameter set, not {found}"
        )
    return given


def _tensor(given: BatchedTensor | bytes, plan: BatchedPlan) -> BatchedTensor:
    if isinstance(given, bytes | bytearray | memoryview):
        return BatchedTensor.from_bytes(given, plan)
    if not isinstance(given, BatchedTensor):
        raise ShapeError(f"a BatchedTensor or its bytes is needed, not {type(given).__name__}")
    if given.params != plan.params:
        raise ParametersMismatchError(
            f"the tensor is encrypted under {', '.join(map(str, given.params))}, the plan needs "
            f"{', '.join(map(str, plan.params))}"
        )
    return given


def _check_shape(
    tensor: BatchedTensor, plan: BatchedPlan, elements: int, level: int, what: str
) -> None:
    needed = [(2, level + 1, elements, params.N) for params in plan.params]
    found = [blocks.shape for blocks in tensor.residues]
    if found != needed:
        raise ShapeError(
            f"tensors of shape {found}: {what} of the plan have {needed} (parts, limbs, elements, "
            f"N)"
        )


def _run(
    circuit: Circuit, inputs: Blocks, bar: CountProgress
) -> tuple[Blocks, list[float]]:
    """The outputs, and the seconds of each layer with all before it."""
    layers = circuit.layers
    inclusive = [0.0] * len(layers)
    rows: Iterator[Rows] | Blocks = inputs
    for index, layer in enumerate(layers):
        rows = _watched(layer.apply(rows), inclusive, index, bar)
    assert not isinstance(rows, Blocks)
    answer: Blocks | None = None
    done = 0
    for batch in rows:
        _, parts, limbs, N = batch.shape
        if answer is None:
            answer = Blocks.empty(parts, limbs, layers[-1].outputs, N)
        answer.put(done, batch)
        done += len(batch)
    assert answer is not None
    return answer.taken(np.argsort(circuit.order)), inclusive


def _watched(
    rows: Iterator[Rows], inclusive: list[float], index: int, bar: CountProgress
) -> Iterator[Rows]:
    while True:
        begin = time.perf_counter()
        batch = next(rows, None)
        inclusive[index] += time.perf_counter() - begin
        if batch is None:
            return
        bar.advance(len(batch))
        yield batch

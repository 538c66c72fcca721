"""Exact integer inference on thousands of images at once: one image a slot (CryptoNets).

Every element of a tensor is one BFV ciphertext whose slots are the images, so that an affine map
is a sum of ciphertexts times integers and needs no rotation (Gilad-Bachrach et al., "CryptoNets",
ICML 2016). Outputs that are larger than one plain modulus are computed modulo several and put
together by the Chinese remainder theorem; the plan bounds them before any key exists.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyGenerator, KeyNeeds, SecretKey
from he.bfv import BatchEncoder, BFVParameters, Ciphertext, Decryptor, Encryptor, Evaluator
from he.bfv.noise import Noise
from he.bfv.params import plain_moduli
from he.bfv.weighted_sums import WeightedSums
from he.errors import InsecureParametersError
from he.keys import EvaluationKeys
from nn.errors import ShapeError
from nn.quantize import IntegerAffine, QuantizedNetwork, recombine

_MOST_MODULI = 8
_SMALLEST_DEGREE, _LARGEST_DEGREE = 1 << 12, 1 << 16


@dataclass(frozen=True, eq=False)
class BatchedPlan:
    """What a batched run needs: a parameter set for each plain modulus.

    The product of the plain moduli exceeds twice the largest absolute value of any step.
    """

    network: QuantizedNetwork
    params: tuple[BFVParameters, ...]

    @property
    def images(self) -> int:
        """Images that one run takes: the slots."""
        return self.params[0].slots

    @property
    def needs(self) -> KeyNeeds:
        """The keys that the server needs, the same for every modulus."""
        return KeyNeeds(relinearization=self.params[0].max_level)


def plan_batched(network: QuantizedNetwork, *, security_bits: int = 128) -> BatchedPlan:
    """The smallest ring that holds the network, then the fewest plain moduli.

    Raises `InsecureParametersError` where no ring of the security table does.
    """
    gains = [step.gain for step in network.steps if isinstance(step, IntegerAffine)]
    spare_bits = sum(math.log2(max(gain, 1)) for gain in gains)
    value_bits = (2 * network.max_abs).bit_length()
    N, refusal = _SMALLEST_DEGREE, None
    while N <= _LARGEST_DEGREE:
        for count in range(1, _MOST_MODULI + 1):
            # Primes lie just below powers of two: the first is a bit larger than its share.
            bits = value_bits // count + 1
            if not (2 * N).bit_length() < bits <= 60:
                continue
            moduli = plain_moduli(bits, N, count)
            if math.prod(moduli) <= 2 * network.max_abs:
                continue
            try:
                params = [
                    BFVParameters.build(
                        network.depth,
                        plain_modulus=t,
                        N=N,
                        spare_bits=spare_bits,
                        security_bits=security_bits,
                    )
                    for t in moduli
                ]
            except InsecureParametersError as error:
                refusal = error
                continue
            return BatchedPlan(network, tuple(params))
        N *= 2
    raise refusal or InsecureParametersError(
        f"values of {value_bits} bits need more than {_MOST_MODULI} plain moduli: use fewer "
        f"input_bits or weight_bits"
    )


@dataclass(frozen=True, eq=False)
class BatchedTensor:
    """Ciphertexts of a tensor's elements under one parameter set, one image a slot.

    data (2, limbs, elements, N) uint64, transformed; noise: the largest predicted of any element;
    images: how many of the slots are used.
    """

    params: BFVParameters
    data: NDArray[np.uint64] = field(repr=False)
    noise: Noise
    images: int

    @property
    def elements(self) -> int:
        """Number of ciphertexts."""
        return int(self.data.shape[2])

    def ciphertext(self, element: int) -> Ciphertext:
        """One element as a ciphertext of its own."""
        return Ciphertext(
            self.params, np.ascontiguousarray(self.data[:, :, element]), self.noise
        )


class BatchedClient:
    """Encrypts images and decrypts answers: it holds the secret keys, one a plain modulus."""

    def __init__(self, plan: BatchedPlan) -> None:
        self.plan = plan
        self._generators = [KeyGenerator(params) for params in plan.params]
        self._secrets: list[SecretKey] = [g.secret_key() for g in self._generators]

    def evaluation_keys(self) -> list[EvaluationKeys]:
        """What the server needs, for each modulus."""
        return [
            generator.evaluation_keys(secret, self.plan.needs)
            for generator, secret in zip(self._generators, self._secrets, strict=True)
        ]

    def encrypt(self, images: ArrayLike) -> list[BatchedTensor]:
        """Images (B, ..), B from 1 to `plan.images`, for each modulus."""
        inputs = self.plan.network.round_input(images)
        if not 1 <= len(inputs) <= self.plan.images:
            raise ShapeError(
                f"{len(inputs)} images: from 1 to {self.plan.images}, the slots, are needed"
            )
        return [
            self._encrypt(inputs, params, secret)
            for params, secret in zip(self.plan.params, self._secrets, strict=True)
        ]

    @staticmethod
    def _encrypt(
        inputs: NDArray[np.int64], params: BFVParameters, secret: SecretKey
    ) -> BatchedTensor:
        encoder, encryptor = BatchEncoder(params), Encryptor(params, secret)
        elements = inputs.shape[1]
        data = np.empty((2, len(params.q), elements, params.N), dtype=np.uint64)
        for element in range(elements):
            ct = encryptor.encrypt(encoder.encode(inputs[:, element]))
            data[:, :, element] = ct.data
        return BatchedTensor(params, data, ct.noise, len(inputs))

    def decrypt(self, answers: Sequence[BatchedTensor]) -> NDArray[np.object_]:
        """The exact integers (B, out) of the quantised network."""
        residues = [
            self._decrypt(answer, secret)
            for answer, secret in zip(answers, self._secrets, strict=True)
        ]
        return recombine(residues, tuple(params.t for params in self.plan.params))

    @staticmethod
    def _decrypt(answer: BatchedTensor, secret: SecretKey) -> NDArray[np.int64]:
        encoder = BatchEncoder(answer.params)
        decryptor = Decryptor(answer.params, secret)
        columns = [
            encoder.decode(decryptor.decrypt(answer.ciphertext(i)))[: answer.images]
            for i in range(answer.elements)
        ]
        return np.stack(columns, axis=1)


class BatchedServer:
    """Runs the network on encrypted tensors; it never sees a secret key."""

    def __init__(self, plan: BatchedPlan, keys: Sequence[EvaluationKeys]) -> None:
        self.plan = plan
        self._evaluators = [
            Evaluator(params, key) for params, key in zip(plan.params, keys, strict=True)
        ]

    def run(self, tensors: Sequence[BatchedTensor]) -> list[BatchedTensor]:
        """The network's outputs, for each modulus."""
        return [
            functools.reduce(
                lambda tensor, step: self._apply(evaluator, tensor, step),
                range(len(self.plan.network.steps)),
                tensor,
            )
            for evaluator, tensor in zip(self._evaluators, tensors, strict=True)
        ]

    def _apply(self, evaluator: Evaluator, tensor: BatchedTensor, index: int) -> BatchedTensor:
        step = self.plan.network.steps[index]
        if isinstance(step, IntegerAffine):
            return _affine(evaluator, tensor, self._prepared(evaluator.params, index), step.gain)
        # What a step made is read by the next alone, so it may be overwritten.
        out = tensor.data if index else np.empty_like(tensor.data)
        return _square(evaluator, tensor, out)

    @functools.cache  # noqa: B019  prepared weights live as long as the server
    def _prepared(self, params: BFVParameters, index: int) -> WeightedSums:
        step = self.plan.network.steps[index]
        assert isinstance(step, IntegerAffine)
        return WeightedSums(step.matrix, step.bias, params)

    def prepare(self) -> None:
        """Reduce every weight now rather than in the first run."""
        for params in self.plan.params:
            for index, step in enumerate(self.plan.network.steps):
                if isinstance(step, IntegerAffine):
                    self._prepared(params, index)


def _affine(
    evaluator: Evaluator, tensor: BatchedTensor, affine: WeightedSums, gain: int
) -> BatchedTensor:
    model, level = evaluator.model, tensor.data.shape[1] - 1
    noise = model.multiply_plain(tensor.noise, math.log2(max(gain, 1)))
    noise = model.add_plain(noise, level)
    return BatchedTensor(tensor.params, affine(tensor.data), noise, tensor.images)


def _square(
    evaluator: Evaluator, tensor: BatchedTensor, out: NDArray[np.uint64]
) -> BatchedTensor:
    for element in range(tensor.elements):
        squared = evaluator.square(tensor.ciphertext(element))
        out[:, :, element] = squared.data
    return BatchedTensor(tensor.params, out, squared.noise, tensor.images)

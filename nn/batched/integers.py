"""Exact integers in batches: every element under a BFV parameter set for each plain modulus.

Outputs that are larger than one plain modulus are computed modulo several plain moduli, and the
Chinese remainder theorem puts them together. The plan bounds the outputs, and the noise of every
step, before any key exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import SecretKey
from he.batched.blocks import Elementwise, Rows
from he.batched.weighted_sums import WeightedSums
from he.bfv import BatchEncoder, BFVParameters, Ciphertext, Decryptor, Encryptor, Evaluator
from he.bfv.multiplication import multiplication
from he.bfv.noise import Noise
from he.format.container import Contents
from he.rlwe.evaluation_keys import EvaluationKeys
from nn.batched.plan import BatchedPlan, Circuit, Operation, SlotCodec, Stream
from nn.batched.plan_bytes import (
    MOST_BITS,
    pack_plan,
    read_common,
    read_parameter_sets,
    read_shape,
)
from nn.batched.quantize import (
    InputRounding,
    IntegerAffine,
    QuantizedNetwork,
    Square,
    quantize,
    recombine,
)
from nn.batched.schedule import Relinearization, scheduled
from nn.inference.identity import VERSION, read_version
from nn.inference.plan import check_network
from nn.inference.plan_reading import read_pair, require
from nn.inference.promise import check_integers
from nn.network.layers import FloatArray

# Larger answers are no floats.
_MOST_ANSWER_BITS = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegerPlan(BatchedPlan):
    """A batched plan with exact integers, modulo the plain moduli of `params`.

    The product of the plain moduli exceeds twice the largest absolute value of any answer. An
    answer is about `output_scale` times the real network's. rounding: from pixels to integers.
    largest_answer: that largest value; None for plans that version 1 wrote.
    """

    params: tuple[BFVParameters, ...]
    rounding: InputRounding
    output_scale: float
    input_bits: int
    weight_bits: int
    largest_answer: int | None = None

    def to_bytes(self) -> bytes:
        header: dict[str, Any] = {
            "scheme": "bfv",
            "shape": list(self.rounding.shape),
            "scales": [float(self.rounding.scale), float(self.output_scale)],
            "input_range": [int(self.rounding.low), int(self.rounding.high)],
            "bits": [self.input_bits, self.weight_bits],
        }
        if self.largest_answer is not None:
            header |= {"version": VERSION, "largest_answer": _octets(self.largest_answer)}
        return pack_plan(self, header, {})

    @classmethod
    def from_contents(cls, contents: Contents, insecure_reason: str | None) -> Self:
        params = tuple(
            BFVParameters.from_bytes(octets, insecure_reason=insecure_reason)
            for octets in read_parameter_sets(contents)
        )
        common = read_common(contents, params)
        scale, output_scale = read_pair(contents, "scales", float)
        low, high = read_pair(contents, "input_range", int)
        bits = read_pair(contents, "bits", int)
        require(scale > 0 and output_scale > 0, "scales above 0")
        require(all(0 <= count <= MOST_BITS for count in bits), "bits")
        most = bits[0] or MOST_BITS
        require(max(-low, high) < 1 << most and low <= high, "an input range of integers")
        moduli = {p.t for p in params}
        require(len(moduli) == len(params) and all(p.batches for p in params), "plain moduli")
        held = math.prod(moduli).bit_length() <= _MOST_ANSWER_BITS
        require(held, f"plain moduli of at most {_MOST_ANSWER_BITS} bits together")
        return cls(
            **common,
            params=params,
            images=params[0].slots,
            rounding=InputRounding(read_shape(contents), scale, low, high),
            output_scale=output_scale,
            input_bits=bits[0],
            weight_bits=bits[1],
            largest_answer=_read_largest_answer(contents, math.prod(moduli)),
        )

    def values(self, images: ArrayLike) -> NDArray[np.int64]:
        return self.rounding(images)

    def codec(self, index: int, secret: SecretKey) -> IntegerCodec:
        return IntegerCodec(self.params[index], secret)

    def steps(self, network: Any) -> Sequence[Any]:
        if not isinstance(network, QuantizedNetwork):
            check_network(self, network)
            network = quantize(
                network, input_bits=self.input_bits, weight_bits=self.weight_bits
            )
        return scheduled(network.steps)

    def circuit(self, steps: Sequence[Any], index: int, keys: EvaluationKeys) -> Circuit:
        return _circuit(
            Evaluator(self.params[index], keys), steps, self.inputs, self.answer_level
        )

    def integers(self, slots: Sequence[NDArray[Any]]) -> NDArray[np.object_]:
        integers = self._recombined(slots)
        check_integers(integers, self.largest_answer, integers)
        return integers

    def logits(self, slots: Sequence[NDArray[Any]]) -> FloatArray:
        integers = self._recombined(slots)
        scaled: FloatArray = (integers / self.output_scale).astype(np.float64)
        check_integers(integers, self.largest_answer, scaled)
        return scaled

    def _recombined(self, slots: Sequence[NDArray[Any]]) -> NDArray[np.object_]:
        return recombine(list(slots), tuple(params.t for params in self.params))

    def _identity(self) -> tuple[object, ...]:
        rounding = (self.rounding.shape, self.rounding.scale, self.rounding.low, self.rounding.high)
        return ("bfv", rounding, self.output_scale)


def _octets(number: int) -> bytes:
    """A whole number of any size as bytes, the largest digit first."""
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def _read_largest_answer(contents: Contents, modulus: int) -> int | None:
    """The bound on all answers, which the plain moduli hold together; None in version 1."""
    if read_version(contents, VERSION) == 1:
        return None
    largest = int.from_bytes(contents.field("largest_answer", bytes), "big")
    require(2 * largest < modulus, "a largest answer that the plain moduli hold")
    return largest


class IntegerCodec(SlotCodec):
    """Encrypts and decrypts slots of integers modulo t."""

    def __init__(self, params: BFVParameters, secret: SecretKey) -> None:
        self._params = params
        self._encoder = BatchEncoder(params)
        self._encryptor = Encryptor(params, secret)
        self._decryptor = Decryptor(params, secret)
        self._unknown = params.noise_model.fresh_symmetric(params.max_level)

    def encrypt(self, values: NDArray[Any]) -> tuple[Rows, bytes]:
        ciphertext = self._encryptor.encrypt(self._encoder.encode(values))
        assert ciphertext.seed is not None
        return ciphertext.data, ciphertext.seed

    def decrypt(self, row: Rows, count: int) -> NDArray[np.int64]:
        # The noise noted in a ciphertext is only informative; the decryptor measures the noise.
        ciphertext = Ciphertext(self._params, row, self._unknown)
        slots: NDArray[np.int64] = self._encoder.decode(self._decryptor.decrypt(ciphertext))
        return slots[:count]


def predicted_noise(params: BFVParameters, steps: Sequence[Any]) -> list[Noise]:
    """The noise after each of the `scheduled` steps, from fresh symmetric ciphertexts on.

    The noises of fresh ciphertexts are independent, so the first affine map adds their squares.
    Later noises may depend on each other, so later maps add them in full.
    """
    model, level = params.noise_model, params.max_level
    noise, found, fresh = model.fresh_symmetric(level), [], True
    for step in steps:
        if isinstance(step, IntegerAffine):
            gain = step.independent_gain if fresh else step.gain
            noise = model.multiply_plain(noise, math.log2(max(gain, 1)))
            noise = model.add_plain(noise, level)
        elif isinstance(step, Square):
            noise = model.multiply(noise, noise, level)
        else:
            noise = model.key_switch(noise, level)
        fresh = False
        found.append(noise)
    return found


def _circuit(
    evaluator: Evaluator, steps: Sequence[Any], inputs: int, answer_level: int
) -> Circuit:
    params = evaluator.params
    limbs, noises = len(params.q), predicted_noise(params, steps)
    order = np.arange(inputs, dtype=np.int64)
    operations: list[Operation] = []
    kinds = {IntegerAffine: "affine", Square: "square", Relinearization: "relinearize"}
    for index, step in enumerate(steps):
        name = f"batched step {index}"
        apply: Stream
        if isinstance(step, IntegerAffine):
            offsets = [_scaled(b, params) for b in step.bias]
            apply = sums = WeightedSums(step.matrix[:, order], offsets, params.q, name)
            order = sums.order
        elif isinstance(step, Square):
            apply = Elementwise(_square(params), 3, limbs, name)
        else:
            apply = Elementwise(_relinearize(evaluator, noises[index - 1]), 2, limbs, name)
        operations.append(Operation(f"{kinds[type(step)]} {index}", apply, len(order)))
    switch = _switch(evaluator, noises[-1], answer_level)
    apply = Elementwise(switch, 2, answer_level + 1, "batched answers")
    operations.append(Operation("switch down", apply, len(order)))
    return Circuit(tuple(operations), order)


def _scaled(b: int, params: BFVParameters) -> int:
    """``round(Q b / t)``: the constant polynomial that adds b to every slot."""
    Q, t = math.prod(params.q), params.t
    return (Q * (b % t) * 2 + t) // (2 * t)


def _square(params: BFVParameters) -> Callable[[Rows, Rows], object]:
    product = multiplication(params, params.max_level)
    return lambda row, out: product(row, row, out)


def _relinearize(evaluator: Evaluator, noise: Noise) -> Callable[[Rows, Rows], object]:
    def apply(row: Rows, out: Rows) -> None:
        out[...] = evaluator.relinearize(evaluator.result(row, noise)).data

    return apply


def _switch(evaluator: Evaluator, noise: Noise, level: int) -> Callable[[Rows, Rows], object]:
    def apply(row: Rows, out: Rows) -> None:
        out[...] = evaluator.mod_switch_to(evaluator.result(row, noise), level).data

    return apply

"""Approximate numbers in batches: every element under one CKKS parameter set.

Weights are rounded to integers at a scale that brings the sum to a canonical scale. A product of
two ciphertexts stays in three parts, at the product of their scales, through the affine map behind
it. Only the output of the map is relinearized, and divided by the primes of both steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he import KeyNeeds, SecretKey
from he.batched.blocks import Elementwise, Rows
from he.batched.weighted_sums import WeightedSums
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.noise import precision_bits
from he.ckks.params import CKKSParameters
from he.format.container import Contents
from he.rlwe.evaluation_keys import EvaluationKeys
from he.trace.operations import RELINEARIZATION
from nn.batched.plan import BatchedPlan, Circuit, Operation, SlotCodec, Stream
from nn.batched.plan_bytes import pack_plan, read_common, read_parameter_sets, read_shape
from nn.batched.quantize import Square, chain_of_squares
from nn.batched.schedule import Relinearization, scheduled
from nn.errors import NetworkError
from nn.inference.plan import check_network
from nn.inference.plan_reading import (
    promise_items,
    promise_sections,
    read_input_range,
    read_promise,
    require,
)
from nn.inference.promise import check_promise, decoded
from nn.inference.publication import published
from nn.network.graph import Network
from nn.network.images import as_batch, check_pixels
from nn.network.layers import FloatArray, Shape
from nn.stages.stage import AffineStage
from ntt.lazy import LazyModule

if TYPE_CHECKING:
    from scipy import sparse
else:
    sparse = LazyModule("scipy.sparse")  # whose import takes longer than an encrypted image


@dataclass(frozen=True, eq=False)
class RealAffine:
    """``matrix @ x + bias``: matrix float64 CSR (out, in), bias float64 (out,)."""

    matrix: sparse.csr_array
    bias: FloatArray


@dataclass(frozen=True)
class Placed:
    """A scheduled step with its levels, and with the relinearization behind it.

    It starts at `level` in `parts` parts, and its result has two parts at the level `below`, at the
    canonical scale. A product that stays at its level has three parts, at the square of that scale.
    """

    step: RealAffine | Square
    level: int
    below: int
    parts: int

    @property
    def keeps_three_parts(self) -> bool:
        """Whether the step is a product that the step behind it relinearizes and divides."""
        return self.below == self.level

    @property
    def relinearizes(self) -> bool:
        """Whether the step switches three parts to two, with the key of its level."""
        return self.parts == 3 or (isinstance(self.step, Square) and not self.keeps_three_parts)


def real_steps(network: Network) -> Sequence[Any]:
    """The scheduled steps of a network that is a chain of linear layers and squares.

    Raises `UnsupportedLayerError` for any other network.
    """
    return scheduled(
        RealAffine(stage.affine.matrix.csr, stage.affine.bias)
        if isinstance(stage, AffineStage)
        else Square()
        for stage in chain_of_squares(network)
    )


def placed(steps: Sequence[Any], level: int) -> list[Placed]:
    """The levels of each step but the relinearizations, from `level` on.

    A step in two parts takes a level. A product in three parts stays at its level; the map behind
    it takes the levels of both.
    """
    found: list[Placed] = []
    for index, step in enumerate(steps):
        if isinstance(step, Relinearization):
            continue
        closes = index + 1 < len(steps) and isinstance(steps[index + 1], Relinearization)
        if isinstance(step, Square):
            parts, below = 2, level - closes
        else:
            parts, below = (3, level - 2) if closes else (2, level - 1)
        found.append(Placed(step, level, below, parts))
        level = below
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class RealPlan(BatchedPlan):
    """A batched plan with approximate numbers.

    predicted_error: (outputs,) a bound on the absolute error of each logit. A logit exceeds its
    bound with a probability of at most `failure_probability`, for images whose errors the network
    amplifies no more than those of its calibration images. worst_case_error: (outputs,) the same
    for all images whose activations stay within the network's statistics. calibrated: whether the
    network has statistics; without them both bounds hold for every image in the input range.
    largest_logit: as in `InferencePlan`. relinearized: the levels at which products are
    relinearized, where each takes a key of its own; None where one key serves all.
    """

    params: tuple[CKKSParameters]
    input_shape: Shape
    input_range: tuple[float, float]
    predicted_error: FloatArray
    worst_case_error: FloatArray
    largest_logit: float
    failure_probability: float
    calibrated: bool
    relinearized: tuple[int, ...] | None = None

    @property
    def needs(self) -> KeyNeeds:
        if self.relinearized is None:
            return super().needs
        return relinearization_needs(self.params[0], self.relinearized)

    @property
    def predicted_bits(self) -> float:
        """The predicted precision, in bits of `largest_logit`."""
        return precision_bits(float(self.predicted_error.max()), self.largest_logit)

    def to_bytes(self) -> bytes:
        header: dict[str, Any] = {
            "scheme": "ckks",
            "shape": list(self.input_shape),
            "input_range": [float(x) for x in self.input_range],
            "largest_logit": float(self.largest_logit),
            "failure_probability": float(self.failure_probability),
        }
        if self.relinearized is not None:
            header["relinearized"] = list(self.relinearized)
        errors = self.predicted_error
        more, bounds = promise_items(errors, self.worst_case_error, self.calibrated)
        return pack_plan(self, header | more, {"predicted error": errors} | bounds)

    @classmethod
    def from_contents(cls, contents: Contents, insecure_reason: str | None) -> Self:
        sets = read_parameter_sets(contents, "predicted error", *promise_sections(contents))
        require(len(sets) == 1, "one parameter set")
        params = CKKSParameters.from_bytes(sets[0], insecure_reason=insecure_reason)
        common = read_common(contents, [params])
        return cls(
            **common,
            **read_promise(contents, params, common["outputs"], common["answer_level"]),
            params=(params,),
            images=params.slots,
            input_shape=read_shape(contents),
            input_range=read_input_range(contents),
            relinearized=_read_levels(contents, params),
        )

    def values(self, images: ArrayLike) -> FloatArray:
        batch = as_batch(images, self.input_shape, f"the plan for {self.network!r}")
        check_pixels(batch, self.input_range)
        return batch.reshape(len(batch), -1)

    def codec(self, index: int, secret: SecretKey) -> RealCodec:
        return RealCodec(self.params[index], secret, self.answer_level)

    def steps(self, network: Any) -> Sequence[Any]:
        check_network(self, network)
        steps = real_steps(network)
        levels = relinearized_levels(placed(steps, self.params[0].max_level))
        if self.relinearized not in (None, levels):
            raise NetworkError(
                f"the plan for {self.network!r} has other relinearizations than this release makes "
                f"of the network: compile it again"
            )
        return steps

    def circuit(self, steps: Sequence[Any], index: int, keys: EvaluationKeys) -> Circuit:
        return _circuit(Evaluator(self.params[index], keys), steps, self.inputs)

    def logits(self, slots: Sequence[NDArray[Any]]) -> FloatArray:
        return check_promise(slots[0], self.predicted_error, self.largest_logit)

    def published(self, logits: FloatArray, queries: int, security_bits: int) -> FloatArray:
        bounds = self.worst_case_error, self.largest_logit, self.failure_probability
        return published(logits, *bounds, queries, security_bits)

    def _identity(self) -> tuple[object, ...]:
        return ("ckks", self.input_shape)


def relinearized_levels(places: Sequence[Placed]) -> tuple[int, ...]:
    """The levels at which products are relinearized, in order."""
    return tuple(sorted({place.level for place in places if place.relinearizes}))


def relinearization_needs(params: CKKSParameters, levels: Iterable[int]) -> KeyNeeds:
    """The fewest relinearization keys that serve products at these levels."""
    return KeyNeeds.of((RELINEARIZATION, level) for level in levels).without_served(params)


def _read_levels(contents: Contents, params: CKKSParameters) -> tuple[int, ...] | None:
    """The levels of relinearizations, which plans of a chain do not store."""
    stored = "relinearized" in contents.header
    require(stored != params.is_chain, "levels of relinearizations, in all but a chain,")
    if not stored:
        return None
    levels = contents.field("relinearized", list)
    known = all(type(level) is int and 0 < level <= params.max_level for level in levels)
    require(known and levels == sorted(set(levels)), "levels of relinearizations, in order")
    return tuple(levels)


class RealCodec(SlotCodec):
    """Encrypts slots of real numbers at the highest level, and decrypts those of an answer."""

    def __init__(self, params: CKKSParameters, secret: SecretKey, answer_level: int) -> None:
        self._params, self._level = params, answer_level
        self._encoder = Encoder(params)
        self._encryptor = Encryptor(params, secret)
        self._decryptor = Decryptor(params, secret)
        self._evaluator = Evaluator(params)

    def encrypt(self, values: NDArray[Any]) -> tuple[Rows, bytes]:
        # Slots without an image repeat an image: zeros may lie outside the network's statistics.
        slots = np.resize(values, self._params.slots)
        ciphertext = self._encryptor.encrypt(self._encoder.encode(slots))
        assert ciphertext.seed is not None
        return ciphertext.data, ciphertext.seed

    def decrypt(self, row: Rows, count: int) -> NDArray[np.complex128]:
        answer = self._evaluator.result(row, self._params.scales[self._level], self._level)
        plaintext = self._decryptor.decrypt(answer)
        return decoded(self._encoder, plaintext)[:count]


def factor_of(params: CKKSParameters, place: Placed) -> tuple[float, float]:
    """The scales of an affine map's weights and of its sums, before any division.

    An input in three parts is at the square of the canonical scale of its level.
    """
    scale = params.scales[place.below] * params.quotient(place.level, place.below)
    return scale / params.scales[place.level] ** (place.parts - 1), scale


def _circuit(evaluator: Evaluator, steps: Sequence[Any], inputs: int) -> Circuit:
    params = evaluator.params
    order = np.arange(inputs, dtype=np.int64)
    operations: list[Operation] = []

    def add(kind: str, apply: Stream) -> None:
        operations.append(Operation(f"{kind} {len(operations)}", apply, len(order)))

    for index, place in enumerate(placed(steps, params.max_level)):
        step, level, name = place.step, place.level, f"batched step {index}"
        below = params.at(place.below).limbs
        if isinstance(step, RealAffine):
            factor, scale = factor_of(params, place)
            sums = WeightedSums(
                rounded(step.matrix, factor)[:, order],
                [round(float(b) * scale) for b in step.bias],
                params.primes(level),
                name,
            )
            order = sums.order
            add("affine", sums)
            divide = _divide(evaluator, scale, place)
            add("rescale", Elementwise(divide, 2, below, f"{name} divided"))
        elif place.keeps_three_parts:
            add("square", Elementwise(_product(evaluator, level), 3, below, name))
        else:
            add("square", Elementwise(_square(evaluator, level), 2, below, name))
    return Circuit(tuple(operations), order)


def rounded(matrix: sparse.csr_array, factor: float) -> sparse.csr_array:
    """``factor * matrix`` in integers, int64, with as many entries."""
    data = np.rint(matrix.data * factor).astype(np.int64)
    rounded = sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    rounded.sort_indices()
    return rounded


def _product(evaluator: Evaluator, level: int) -> Callable[[Rows, Rows], object]:
    ops = evaluator.context.q(level)
    return lambda row, out: ops.tensor(out, row, row)


def _square(evaluator: Evaluator, level: int) -> Callable[[Rows, Rows], object]:
    scale = evaluator.params.scales[level]

    def apply(row: Rows, out: Rows) -> None:
        out[...] = evaluator.square(evaluator.result(row, scale, level)).data

    return apply


def _divide(evaluator: Evaluator, scale: float, place: Placed) -> Callable[[Rows, Rows], object]:
    """Divide down to the level below and, where three parts become two, to the one below that."""

    def apply(row: Rows, out: Rows) -> None:
        divided = evaluator.relinearize_rescale(evaluator.result(row, scale, place.level))
        if place.parts == 3:
            divided = evaluator.rescale(divided)
        out[...] = divided.data

    return apply

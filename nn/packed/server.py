"""The server: runs the network on ciphertexts. It never sees a secret key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.linear_transform import LinearTransform, SlotMatrix
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.errors import LevelMismatchError, ParametersMismatchError, ScaleMismatchError
from he.rlwe.keys import EvaluationKeys
from he.serialization import from_bytes
from he.trace import Tracer
from nn.errors import NetworkError, ShapeError
from nn.network.graph import INPUT, Network
from nn.packed.batch import EncryptedBatch, StageTime
from nn.packed.packed_network import PackedStage, pack_network
from nn.packed.packing import PackedAffine
from nn.packed.plan import InferencePlan
from nn.packed.planner import fingerprint
from nn.stages.rewriting import stages
from nn.stages.stage import AddStage, AffineStage, PolynomialStage, SquareStage, shared_columns
from nn.terminal.progress import stage_progress
from ntt import threads as ntt_threads

Tensor = list[Ciphertext]
"""The ciphertexts of one tensor of one image."""



@dataclass(frozen=True, eq=False)
class Step:
    """What one stage does to a group of images; `apply` takes each image's inputs.

    group: how many images at once, so that what is read for one serves the others.
    """

    apply: Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]
    group: int = 1


# Images that share what a linear stage reads, and the scratch memory that they may take together.
_LARGEST_GROUP = 8
_GROUP_BYTES = 64 << 20


class Server:
    """Runs `network` on encrypted images with a client's evaluation keys.

    plan: from `nn.compile`, or its bytes; keys: the client's, or their bytes. Raises
    `NetworkError` for another network than the plan's, `ParametersMismatchError` or
    `MissingKeyError` for keys that do not serve the plan: all of it before the first image.
    tracer: records the operations of every run, image by image, with the stage as their layer.
    """

    def __init__(
        self,
        plan: InferencePlan | bytes,
        network: Network,
        keys: EvaluationKeys | bytes,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self.plan = InferencePlan.from_bytes(plan) if isinstance(plan, bytes) else plan
        params = self.plan.params
        if fingerprint(network) != self.plan.fingerprint:
            raise NetworkError(
                f"the plan was compiled for the network {self.plan.network!r} with other weights "
                f"than this {network.name!r}: compile this network, or load the one compiled"
            )
        if not isinstance(keys, EvaluationKeys):
            keys = from_bytes(keys, EvaluationKeys, params)
        self._evaluator = Evaluator(params, keys, tracer)
        self._tracer = tracer
        self._check_keys(keys)
        packed = self.plan.packed
        if packed is None:
            packed = tuple(pack_network(stages(network), params.slots))
        levels = {stage.name: stage for stage in self.plan.stages}
        encoder = self._evaluator.encoder
        self._steps: list[tuple[PackedStage, Step, int]] = []
        for stage in packed:
            planned = levels[stage.name]
            step = _build_step(self._evaluator, encoder, stage, planned.level_in)
            self._steps.append((stage, step, planned.level_out))

    def __repr__(self) -> str:
        return f"Server({self.plan.network!r}, {self.plan.params})"

    def run(
        self,
        batch: EncryptedBatch | bytes,
        *,
        progress: bool = False,
        threads: int | None = None,
    ) -> EncryptedBatch:
        """The encrypted logits of a batch of encrypted images.

        progress: show a bar per stage. threads: how many, default what `ntt.threads` says; several
        images run side by side, a single one shares its limbs among the threads. Stages run one
        after the other over the whole batch; a linear stage takes a few images at once, so that its
        keys and weights are read for all of them together. Every answer has the bits that its
        image has alone.
        Raises `ParametersMismatchError`, `LevelMismatchError`, `ScaleMismatchError` or
        `ShapeError` for ciphertexts that are not fresh ones of the plan's layout.
        """
        per_image = self.plan.input_layout.ciphertexts
        if isinstance(batch, bytes | bytearray | memoryview):
            batch = EncryptedBatch.from_bytes(bytes(batch), self.plan.params, per_image)
        self._check_batch(batch)
        values: list[dict[str, Tensor]] = [{INPUT: image} for image in batch.images]
        profile = []
        last_use = self._last_use()
        if self._tracer is not None:
            threads = 1  # a tracer follows one image at a time
            for ciphertext in batch.ciphertexts:
                self._tracer.input(ciphertext.data)
        with stage_progress([s.name for s, _, _ in self._steps], len(batch), progress) as bar:
            for index, (stage, step, level) in enumerate(self._steps):
                bar.start(stage.name)
                begin = time.perf_counter()
                if self._tracer is not None:
                    self._tracer.layer = stage.name

                def work(lo: int, hi: int, stage: PackedStage = stage, step: Step = step) -> None:
                    group = 1 if self._tracer is not None else step.group
                    for start in range(lo, hi, group):
                        images = values[start : min(start + group, hi)]
                        inputs = [[image[name] for name in stage.inputs] for image in images]
                        for image, output in zip(images, step.apply(inputs), strict=True):
                            image[stage.name] = output
                            bar.advance()

                with ntt_threads.limit(threads):  # of the splits inside a stage too
                    if len(values) > 1:
                        ntt_threads.split(len(values), work)
                    else:
                        work(0, len(values))
                for image in values:
                    for name in [n for n in image if last_use.get(n, -1) <= index]:
                        del image[name]
                profile.append(StageTime(stage.name, time.perf_counter() - begin, level))
                bar.done(level)
        output = self._steps[-1][0].name
        answers = [part for image in values for part in image[output]]
        if self._tracer is not None:
            for answer in answers:
                self._tracer.output(answer.data)
        return EncryptedBatch(
            tuple(answers), self.plan.output_layout.ciphertexts, tuple(profile)
        )

    def _last_use(self) -> dict[str, int]:
        """The index of the last stage that reads each tensor; the output is never dropped."""
        uses: dict[str, int] = {}
        for index, (stage, _, _) in enumerate(self._steps):
            for name in stage.inputs:
                uses[name] = index
        uses[self._steps[-1][0].name] = len(self._steps)
        return uses

    def _check_keys(self, keys: EvaluationKeys) -> None:
        needs = self.plan.needs
        if needs.relinearization is not None:
            keys.for_relinearization(needs.relinearization)
        for element, level in needs.galois.items():
            keys.for_element(element, level)

    def _check_batch(self, batch: EncryptedBatch) -> None:
        params = self.plan.params
        if not isinstance(batch, EncryptedBatch):
            raise ShapeError(
                f"a batch of encrypted images is needed, from Client.encrypt, not "
                f"{type(batch).__name__}"
            )
        if batch.per_image != self.plan.input_layout.ciphertexts:
            raise ShapeError(
                f"{batch.per_image} ciphertexts an image: the plan's input takes "
                f"{self.plan.input_layout.ciphertexts}"
            )
        for ciphertext in batch.ciphertexts:
            if ciphertext.params != params:
                raise ParametersMismatchError(
                    f"an image is encrypted under {ciphertext.params}, the plan needs {params}"
                )
            if ciphertext.level != params.max_level or ciphertext.parts != 2:
                raise LevelMismatchError(
                    f"an image is at level {ciphertext.level} in {ciphertext.parts} parts: a fresh "
                    f"encryption at level {params.max_level} in 2 parts is needed"
                )
            if ciphertext.scale != params.scales[-1]:
                raise ScaleMismatchError(
                    f"an image is encrypted at scale {ciphertext.scale:.6g}: the plan's is "
                    f"{params.scales[-1]:.6g}; encrypt with the plan's Client"
                )


def _build_step(evaluator: Evaluator, encoder: Encoder, packed: PackedStage, level: int) -> Step:
    """What one stage does to its inputs, with everything encoded beforehand."""
    stage = packed.stage
    if isinstance(stage, AffineStage):
        assert packed.affine is not None
        return _affine_step(evaluator, encoder, packed.affine, level)
    if isinstance(stage, SquareStage):
        return _each(
            lambda inputs: [evaluator.square(evaluator.drop_to(x, level)) for x in inputs[0]]
        )
    if isinstance(stage, AddStage):
        return _each(
            lambda inputs: [
                _sum(evaluator, [evaluator.drop_to(x, level) for x in operands])
                for operands in zip(*inputs, strict=True)
            ]
        )
    polynomials = [
        EncodedPolynomial(encoder, polynomial, level) for polynomial in _slot_polynomials(packed)
    ]
    return _each(
        lambda inputs: [
            polynomial.apply(evaluator, evaluator.drop_to(x, level))
            for x, polynomial in zip(inputs[0], polynomials, strict=True)
        ]
    )


def _each(work: Callable[[Sequence[Tensor]], Tensor]) -> Step:
    """A step that takes one image after the other."""
    return Step(lambda images: [work(inputs) for inputs in images])


def _slot_polynomials(packed: PackedStage) -> list[Polynomial]:
    """One polynomial a ciphertext: shared coefficients as numbers, the others as slots."""
    assert isinstance(packed.stage, PolynomialStage)
    assert packed.coefficients is not None
    shared = shared_columns(packed.stage.coefficients)
    return [
        Polynomial(
            [
                column if isinstance(column, float) else packed.coefficients[ciphertext][power]
                for power, column in enumerate(shared)
            ]
        )
        for ciphertext in range(packed.layout.ciphertexts)
    ]


def _affine_step(
    evaluator: Evaluator, encoder: Encoder, affine: PackedAffine, level: int
) -> Step:
    blocks = {
        block: LinearTransform.encode(encoder, diagonals, level, affine.splits[block])
        for block, diagonals in affine.blocks.items()
    }
    bias = [
        encoder.encode(slots, level - 1) if np.any(slots) else None for slots in affine.bias
    ]

    matrix = SlotMatrix(evaluator, blocks)

    def apply(images: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        operands = [[evaluator.drop_to(x, level) for x in inputs[0]] for inputs in images]
        outputs = matrix.apply(operands)
        for steps in affine.folds:
            outputs = [
                [evaluator.add(x, evaluator.rotate(x, steps)) for x in output] for output in outputs
            ]
        return [
            [
                x if shift is None else evaluator.add(x, shift)
                for x, shift in zip(output, bias, strict=True)
            ]
            for output in outputs
        ]

    fitting = _GROUP_BYTES // max(1, matrix.scratch_bytes)
    return Step(apply, max(1, min(_LARGEST_GROUP, fitting)))


def _sum(evaluator: Evaluator, operands: Sequence[Ciphertext]) -> Ciphertext:
    total = operands[0]
    for operand in operands[1:]:
        total = evaluator.add(total, operand)
    return total

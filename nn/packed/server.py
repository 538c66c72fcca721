"""The server of a packed plan: it runs the network on ciphertexts and never sees a secret key."""

from __future__ import annotations

import time

from he.ckks.evaluator import Evaluator
from he.errors import LevelMismatchError, ParametersMismatchError, ScaleMismatchError
from he.rlwe.keys import EvaluationKeys, KeyNeeds
from he.rlwe.serializable import Buffer
from he.serialization import from_bytes
from he.trace import Tracer
from nn.errors import ShapeError
from nn.inference.plan import check_network
from nn.inference.roles import StageTime
from nn.network.graph import INPUT, Network
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.encrypted_stages import EncryptedStage, Tensor, encrypted_stage
from nn.packed.packed_network import pack_network
from nn.packed.plan import InferencePlan, take_plan
from nn.stages.rewriting import rewrite
from nn.terminal.progress import StageProgress, stage_progress
from ntt import threads as ntt_threads


class PackedServer:
    """Runs `network` on encrypted images with a client's evaluation keys.

    plan: what `nn.compile` made, or its bytes. network: the network that the plan was compiled for.
    keys: the client's keys, or their bytes. tracer: records the operations of every run, image by
    image, with the stage as their layer. All of it is checked and encoded before the first run.

    Raises `NetworkError` for another network than the plan's, and `he.ParametersMismatchError` or
    `he.MissingKeyError` for keys that do not serve the plan.
    """

    def __init__(
        self,
        plan: InferencePlan | Buffer,
        network: Network,
        keys: EvaluationKeys | bytes,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self.plan = plan = take_plan(plan)
        check_network(plan, network)
        if not isinstance(keys, EvaluationKeys):
            keys = from_bytes(keys, EvaluationKeys, plan.params)
        evaluator = Evaluator(plan.params, keys, tracer)
        _check_keys(keys, plan.needs)
        self._tracer = tracer
        packed = plan.packed or pack_network(rewrite(network), plan.params.slots)
        planned = {stage.name: stage for stage in plan.stages}
        self._stages = [encrypted_stage(evaluator, item, planned[item.name]) for item in packed]
        last_reader = {name: stage for stage in self._stages for name in stage.inputs}
        self._last_reads = {
            stage.name: [name for name, reader in last_reader.items() if reader is stage]
            for stage in self._stages
        }

    def __repr__(self) -> str:
        return f"PackedServer({self.plan.network!r}, {self.plan.params})"

    def run(
        self,
        batch: EncryptedBatch | bytes,
        *,
        progress: bool = False,
        threads: int | None = None,
    ) -> EncryptedBatch:
        """The encrypted logits of a batch of encrypted images, an object or bytes.

        progress: show a bar for each stage. threads: how many threads run; by default `ntt.threads`
        decides. Several images run side by side; a single image shares its limbs among the threads.

        Each stage runs over the whole batch before the next stage begins. A linear stage takes a
        few images at once and reads its keys and weights once for all of them. The bits of an
        answer do not depend on the other images of the batch.

        Raises `he.ParametersMismatchError`, `he.LevelMismatchError`, `he.ScaleMismatchError` or
        `ShapeError` for ciphertexts that are not fresh encryptions in the plan's layout.
        """
        if isinstance(batch, bytes | bytearray | memoryview):
            per_image = self.plan.input_layout.ciphertexts
            batch = EncryptedBatch.from_bytes(bytes(batch), self.plan.params, per_image)
        _check_batch(batch, self.plan)
        if self._tracer is not None:
            threads = 1  # a tracer follows one image at a time
            for ciphertext in batch.ciphertexts:
                self._tracer.input(ciphertext.data)
        images: list[dict[str, Tensor]] = [{INPUT: image} for image in batch.images]
        names = [stage.name for stage in self._stages]
        with (
            stage_progress(names, len(images), progress) as bar,
            ntt_threads.limit(threads),
        ):
            profile = tuple(self._run_stage(stage, images, bar) for stage in self._stages)
        answers = tuple(part for image in images for part in image[names[-1]])
        if self._tracer is not None:
            for answer in answers:
                self._tracer.output(answer.data)
        return EncryptedBatch(answers, self.plan.output_layout.ciphertexts, profile)

    def _run_stage(
        self, stage: EncryptedStage, images: list[dict[str, Tensor]], bar: StageProgress
    ) -> StageTime:
        """Add the stage's value to each image's, and drop the values that it was the last to read.

        images: the values of each image that are still needed, by name.
        """
        bar.start(stage.name)
        begin = time.perf_counter()
        group = stage.group
        if self._tracer is not None:
            self._tracer.layer = stage.name
            group = 1

        def work(lo: int, hi: int) -> None:
            for start in range(lo, hi, group):
                together = images[start : min(start + group, hi)]
                inputs = [[image[name] for name in stage.inputs] for image in together]
                for image, value in zip(together, stage.apply(inputs), strict=True):
                    image[stage.name] = value
                    bar.advance()

        ntt_threads.split(len(images), work)
        for image in images:
            for name in self._last_reads[stage.name]:
                del image[name]
        seconds = time.perf_counter() - begin
        bar.done(stage.level)
        return StageTime(stage.name, seconds, stage.level)


def _check_keys(keys: EvaluationKeys, needs: KeyNeeds) -> None:
    """Raise `he.MissingKeyError` unless the keys serve these needs."""
    if needs.relinearization is not None:
        keys.for_relinearization(needs.relinearization)
    for element, level in needs.galois.items():
        keys.for_element(element, level)


def _check_batch(batch: EncryptedBatch, plan: InferencePlan) -> None:
    """Raise an error, as `PackedServer.run` says, unless the batch is fresh and of the plan."""
    params = plan.params
    if not isinstance(batch, EncryptedBatch):
        raise ShapeError(
            f"a batch of encrypted images is needed, from the plan's client, not "
            f"{type(batch).__name__}"
        )
    if batch.per_image != plan.input_layout.ciphertexts:
        raise ShapeError(
            f"a batch with {batch.per_image} ciphertexts for each image: the plan's input takes "
            f"{plan.input_layout.ciphertexts}"
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
                f"{params.scales[-1]:.6g}; encrypt with the plan's client"
            )

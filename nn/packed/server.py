"""The server of a packed plan: it runs the network on ciphertexts and never sees a secret key."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.evaluator import Evaluator
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.serializable import Buffer
from he.trace import FROM_SPARSE, RELINEARIZATION, TO_SPARSE, Tracer
from he.validation import whole_number
from nn.errors import NetworkError, ShapeError
from nn.inference.identity import check_images
from nn.inference.keys import owner_of, take_keys
from nn.inference.limits import check_count
from nn.inference.plan import check_network
from nn.inference.roles import StageTime
from nn.memory import check_memory
from nn.network.graph import INPUT, Network
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.encrypted_stages import EncryptedStage, Tensor, encrypted_stage
from nn.packed.packed_for import packed_for
from nn.packed.plan import InferencePlan, take_plan
from nn.packed.weights import StageWeights, matrix_sources, weight_scales
from nn.terminal.progress import StageProgress, count_progress, stage_progress
from ntt import threads as ntt_threads

MOST_IMAGES = 1024
"""The most images of one request that a server takes by default."""


class PackedServer:
    """Runs `network` on encrypted images with a client's evaluation keys.

    plan: what `nn.compile` made, or its bytes. network: the network that the plan was compiled for.
    keys: the client's keys, or their bytes. tracer: records the operations of every run, image by
    image, with the stage as their layer. most_images: the most images of one request,
    by default `MOST_IMAGES`. All of it is checked and encoded before the first run.

    memory_bytes: the most memory that encoded diagonals take at once, by default what all take.
    With less, the stages that do not fit (`nn.packed.weights.choose_places`) are kept as whole
    coefficients, 4 bytes each beside the budget, and transformed whenever a run comes to them, one
    at a time. With a weights_folder they are encoded once, into files of the
    folder, which is made where there is none. The files are mapped into memory, and a later server
    finds them. Only this server and its like may write there. progress: show how far encoding is.

    Raises `NetworkError` for another network than the plan's, `he.ParametersMismatchError` or
    `he.MissingKeyError` for keys that do not serve the plan, `MemoryBudgetError` for a budget below
    the least, which the error names, and for weights beyond this machine's memory, and
    `he.SerializationError` for an altered or foreign file.
    """

    def __init__(
        self,
        plan: InferencePlan | Buffer,
        network: Network,
        keys: EvaluationKeys | Buffer,
        *,
        tracer: Tracer | None = None,
        most_images: int | None = None,
        memory_bytes: int | None = None,
        weights_folder: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> None:
        self.plan = plan = take_plan(plan)
        check_network(plan, network)
        keys = take_keys(keys, plan.params)
        self._key_id = owner_of([keys])
        evaluator = Evaluator(plan.params, keys, tracer)
        _check_keys(keys, plan.needs)
        self._tracer = tracer
        most = MOST_IMAGES if most_images is None else most_images
        self._most_images = whole_number(most, "most_images", 1)
        if memory_bytes is not None:
            memory_bytes = whole_number(memory_bytes, "memory_bytes", 0)
        folder = None if weights_folder is None else made_folder(weights_folder)
        packed = plan.packed or packed_for(plan.params, plan.stages, network)
        planned = {stage.name: stage for stage in plan.stages}
        # The sizes that a plan from bytes states may be anything.
        known = {stage.name: stage.weight_bytes for stage in plan.stages if plan.packed}
        factors = weight_scales(plan.params, packed, plan.stages)
        linear = {
            item.name: StageWeights.of(
                plan.params,
                item.affine,
                planned[item.name].level_in,
                known.get(item.name),
                factors[item.name],
            )
            for item in packed
            if item.affine is not None
        }
        sizes = [weights.size for weights in linear.values()]
        if memory_bytes is None:
            check_memory(
                sum(sizes),
                f"the encoded weights of {plan.network!r}",
                f"give memory_bytes, {max(sizes, default=0)} at least, or a weights_folder",
            )
        bootstrapper = None
        if plan.bootstraps:
            bootstrapper = Bootstrapper(plan.params)
            bootstrapper.prepare()
        diagonals = sum(weights.diagonals for weights in linear.values())
        with count_progress("encoded diagonals", diagonals, progress) as bar:
            sources = matrix_sources(evaluator, linear, memory_bytes, folder, bar.advance)
        self._stages = [
            encrypted_stage(
                evaluator, item, planned[item.name], sources.get(item.name), bootstrapper
            )
            for item in packed
        ]
        last_reader = {name: stage for stage in self._stages for name in stage.inputs}
        self._last_reads = {
            stage.name: [name for name, reader in last_reader.items() if reader is stage]
            for stage in self._stages
        }

    def __repr__(self) -> str:
        return f"PackedServer({self.plan.network!r}, {self.plan.params})"

    def run(
        self,
        batch: EncryptedBatch | Buffer,
        *,
        progress: bool | StageProgress = False,
        threads: int | None = None,
    ) -> EncryptedBatch:
        """The encrypted logits of a batch of encrypted images, an object or bytes.

        progress: show a bar for each stage, or tell a `StageProgress`. threads: how many threads
        run; by default `ntt.threads` decides. Several images run side by side; a single image
        shares its limbs among the threads.

        Each stage runs over the whole batch before the next stage begins. A linear stage takes a
        few images at once and reads its keys and weights once for all of them. The bits of an
        answer do not depend on the other images of the batch.

        The answer has the ids of the request, and of the keys that computed it.

        Raises what `EncryptedBatch.check` raises for ciphertexts that are not fresh encryptions in
        the plan's layout, `IdentityError` for images of another plan or another client, and
        `LimitError` for more images than the server takes at once.
        """
        batch = self._take(batch)
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
        ids = None if batch.ids is None else batch.ids.answered(self._key_id)
        return EncryptedBatch(answers, self.plan.output_layout.ciphertexts, profile, ids)

    def _take(self, batch: EncryptedBatch | Buffer) -> EncryptedBatch:
        """Freshly encrypted images of the plan and of the keys, an object or bytes."""
        plan, per_image, most = self.plan, self.plan.input_layout.ciphertexts, self._most_images
        if isinstance(batch, Buffer):
            batch = EncryptedBatch.from_bytes(batch, plan.params, per_image, most_images=most)
        if not isinstance(batch, EncryptedBatch):
            raise ShapeError(
                f"a batch of encrypted images is needed, from the plan's client, not "
                f"{type(batch).__name__}"
            )
        check_count(len(batch), most)
        batch.check(plan.params, per_image, plan.input_level, "fresh images")
        check_images(batch.ids, plan.id, self._key_id)
        return batch

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

        with stage.opened():
            ntt_threads.split(len(images), work)
        for image in images:
            for name in self._last_reads[stage.name]:
                del image[name]
        seconds = time.perf_counter() - begin
        bar.done(stage.level)
        return StageTime(stage.name, seconds, stage.level)


def made_folder(given: str | os.PathLike[str]) -> Path:
    """The folder for weights, made where there is none; raises `OSError` where that cannot be."""
    if not isinstance(given, str | os.PathLike):
        raise NetworkError(f"weights_folder is {type(given).__name__}: the path of a folder")
    folder = Path(given)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "this is no folder for weights", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_keys(keys: EvaluationKeys, needs: KeyNeeds) -> None:
    """Raise `he.MissingKeyError` unless the keys serve these needs."""
    for element, level in needs.levels():
        if element == RELINEARIZATION:
            keys.for_relinearization(level)
        elif element in (TO_SPARSE, FROM_SPARSE):
            keys.for_change_of_secret(element, level)
        else:
            keys.for_element(element, level)

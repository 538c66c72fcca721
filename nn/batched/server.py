"""The server of a batched plan: rows of ciphertexts stream through the operations of a circuit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from he.batched.blocks import Blocks, Rows
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.serializable import Buffer
from he.validation import whole_number
from nn.batched.arguments import check_one_each, take_images, take_plan
from nn.batched.plan import BatchedPlan, Circuit
from nn.batched.tensor import BatchedTensor
from nn.inference.identity import check_images
from nn.inference.keys import owner_of, take_keys
from nn.inference.limits import check_count
from nn.inference.roles import StageTime
from nn.terminal.progress import CountProgress, count_progress
from ntt import threads as ntt_threads


class BatchedServer:
    """Runs the network on encrypted tensors; it never sees a secret key.

    plan: what `nn.compile` made, or its bytes. network: the network that the plan was compiled for.
    keys: the client's keys for each parameter set, or their bytes. most_images: the most images of
    one request, by default as many as there are slots. All of it is checked and encoded before the
    first run.

    Raises `NetworkError` for another network or another number of keys, and
    `he.ParametersMismatchError` or `he.MissingKeyError` for keys that do not serve the plan.
    """

    def __init__(
        self,
        plan: BatchedPlan | Buffer,
        network: Any,
        keys: Sequence[EvaluationKeys | Buffer],
        *,
        most_images: int | None = None,
    ) -> None:
        self.plan = plan = take_plan(plan)
        most = plan.images if most_images is None else most_images
        self._most_images = whole_number(most, "most_images", 1)
        steps = plan.steps(network)
        self._circuits: list[Circuit] = []
        keys = check_one_each(plan, keys, "evaluation keys")
        taken = [take_keys(key, params) for key, params in zip(keys, plan.params, strict=True)]
        self._key_id = owner_of(taken)
        for index, (params, key) in enumerate(zip(plan.params, taken, strict=True)):
            self._circuits.append(plan.circuit(steps, index, key))
            for _, level in plan.needs.made(params):
                key.for_relinearization(level)

    def __repr__(self) -> str:
        return f"BatchedServer({self.plan.network!r}, {self.plan.images} images a run)"

    def run(
        self, batch: BatchedTensor | Buffer, *, progress: bool = False, threads: int | None = None
    ) -> BatchedTensor:
        """The encrypted answers of a batch of encrypted images, an object or bytes.

        progress: show how many elements are done. threads: how many threads run; by default
        `ntt.threads` decides. The answer has the ids of the request, and of the keys that computed
        it.

        Raises `ShapeError` for tensors other than fresh images of the plan,
        `he.ParametersMismatchError` for tensors of other parameters, `IdentityError` for images of
        another plan or another client, and `LimitError` for more images than the server takes at
        once.
        """
        batch = take_images(batch, self.plan)
        check_images(batch.ids, self.plan.id, self._key_id)
        check_count(len(batch), self._most_images)
        names = [operation.name for operation in self._circuits[0].operations]
        seconds = np.zeros(len(names))
        total = sum(op.outputs for circuit in self._circuits for op in circuit.operations)
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
        ids = None if batch.ids is None else batch.ids.answered(self._key_id)
        return BatchedTensor(
            self.plan.params,
            tuple(residues),
            batch.images,
            self.plan.answer_level,
            profile=profile,
            ids=ids,
        )


def _run(
    circuit: Circuit, inputs: Blocks, bar: CountProgress
) -> tuple[Blocks, list[float]]:
    """The outputs, and the seconds of each operation together with all operations before it."""
    operations = circuit.operations
    inclusive = [0.0] * len(operations)
    stream: Iterator[Rows] | Blocks = inputs
    for index, operation in enumerate(operations):
        stream = _timed(operation.apply(stream), inclusive, index, bar)
    assert not isinstance(stream, Blocks)
    answer: Blocks | None = None
    done = 0
    for rows in stream:
        _, parts, limbs, N = rows.shape
        if answer is None:
            answer = Blocks.empty(parts, limbs, operations[-1].outputs, N)
        answer.put(done, rows)
        done += len(rows)
    assert answer is not None
    return answer.taken(np.argsort(circuit.order)), inclusive


def _timed(
    stream: Iterator[Rows], inclusive: list[float], index: int, bar: CountProgress
) -> Iterator[Rows]:
    """The same rows; the time that the stream takes for them is added to ``inclusive[index]``."""
    while True:
        begin = time.perf_counter()
        rows = next(stream, None)
        inclusive[index] += time.perf_counter() - begin
        if rows is None:
            return
        bar.advance(len(rows))
        yield rows

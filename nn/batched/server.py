"""The server of a batched plan: rows of ciphertexts stream through the operations of a circuit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from he.batched.blocks import Blocks, Rows
from he.rlwe.keys import EvaluationKeys
from he.rlwe.serializable import Buffer
from he.serialization import from_bytes
from nn.batched.arguments import check_one_each, take_images, take_plan
from nn.batched.plan import BatchedPlan, Circuit
from nn.batched.tensor import BatchedTensor
from nn.inference.roles import StageTime
from nn.terminal.progress import CountProgress, count_progress
from ntt import threads as ntt_threads


class BatchedServer:
    """Runs the network on encrypted tensors; it never sees a secret key.

    plan: what `nn.compile` made, or its bytes. network: the network that the plan was compiled for.
    keys: the client's keys for each parameter set, or their bytes. All of it is checked and encoded
    before the first run.

    Raises `NetworkError` for another network or another number of keys, and
    `he.ParametersMismatchError` or `he.MissingKeyError` for keys that do not serve the plan.
    """

    def __init__(
        self, plan: BatchedPlan | Buffer, network: Any, keys: Sequence[EvaluationKeys | bytes]
    ) -> None:
        self.plan = plan = take_plan(plan)
        steps = plan.steps(network)
        self._circuits: list[Circuit] = []
        keys = check_one_each(plan, keys, "evaluation keys")
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
        """The encrypted answers of a batch of encrypted images, an object or bytes.

        progress: show how many elements are done. threads: how many threads run; by default
        `ntt.threads` decides. Raises `ShapeError` for tensors other than fresh images of the plan,
        and `he.ParametersMismatchError` for tensors of other parameters.
        """
        batch = take_images(batch, self.plan)
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
        return BatchedTensor(self.plan.params, tuple(residues), batch.images, profile=profile)


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

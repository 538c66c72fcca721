"""The encoded weights of linear stages: their bytes, and where a server keeps them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np

from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals, weight_bytes
from he.ckks.circuits.diagonals import EncodedDiagonals, encoded
from he.ckks.circuits.linear_transform import SlotMatrix
from he.ckks.circuits.reused_memory import ReusedMemory
from he.ckks.circuits.weight_files import mapped_diagonals
from he.ckks.encoding.embedding import embedded_period
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from nn.errors import MemoryBudgetError
from nn.memory import free_bytes
from nn.network.layers import FloatArray
from nn.packed.baby_steps import divides_baby_steps
from nn.packed.packed_affine import PackedAffine
from nn.packed.packed_network import PackedStage
from nn.packed.packing_cost import Block
from nn.packed.stage_plan import StagePlan

Advance = Callable[[int], object]


def affine_weight_bytes(params: CKKSParameters, affine: PackedAffine, level: int) -> int:
    """The size of the encoded diagonals of a linear stage at `level`."""
    vectors = affine.choice.vectors(affine.affine)
    divided = divides_baby_steps(params, affine, level)
    rows: dict[tuple[int, int], list[int]] = {}
    for row, (block, _) in enumerate(affine.choice.places()):
        rows.setdefault(block, []).append(row)
    return sum(
        weight_bytes(
            params, level, len(of_block), _repetition(params.N, vectors[of_block]), divided
        )
        for of_block in rows.values()
    )


def weight_scales(
    params: CKKSParameters, packed: Sequence[PackedStage], plans: Sequence[StagePlan]
) -> dict[str, float | None]:
    """The scale of each linear stage's weights by name; None for that of the level.

    Where a plan does not rescale squares, the stages divide by whatever leads to the canonical
    scale: `CKKSParameters.factor_scale`.
    """
    squares = [plan for plan in plans if plan.kind == "square"]
    kept = {plan.name for plan in squares if plan.level_in == plan.level_out}
    levels = {plan.name: plan.level_in for plan in plans}
    return {
        item.name: params.factor_scale(levels[item.name], 1 + (item.inputs[0] in kept))
        if kept
        else None
        for item in packed
        if item.affine is not None
    }


def _repetition(N: int, vectors: FloatArray) -> int:
    """`common_period` of vectors, from one part of each with which it repeats."""
    least, period = embedded_period(N, 1), vectors.shape[1]
    while period > least and np.array_equal(
        vectors[:, : period // 2], vectors[:, period // 2 : period]
    ):
        period //= 2
    return int(max(period, least))


class Place(Enum):
    """Where a server keeps the weights of a stage."""

    MEMORY = "encoded in memory"
    FILE = "encoded in a file that is mapped into memory"
    VALUES = "as values, which are encoded for each run of the stage"


def weights_budget(sizes: Sequence[int]) -> int | None:
    """A `memory_bytes` for encoded weights of so many bytes a stage on this machine.

    None, which is all, where they take at most half of the free memory; else what the largest
    stage takes.
    """
    free = free_bytes()
    if free is None or 2 * sum(sizes) <= free:
        return None
    return max(sizes)


def choose_places(sizes: Sequence[int], memory_bytes: int | None, files: bool) -> list[Place]:
    """The place of each stage's weights, which take so many bytes encoded.

    Memory as far as `memory_bytes` goes (None: for all); the others in files if there may be
    `files`, else as values. Encoded for a run, one stage at a time takes its bytes again. As many
    bytes as can be found stay in memory. Raises `MemoryBudgetError` below the least.
    """
    if memory_bytes is None or sum(sizes) <= memory_bytes:
        return [Place.MEMORY] * len(sizes)
    if files:
        return _places(sizes, _fitting(sizes, memory_bytes), Place.FILE)
    best: set[int] | None = None
    for largest in sizes:  # of what is encoded for a run; what is larger stays
        kept = {i for i, size in enumerate(sizes) if size > largest}
        left = memory_bytes - largest - sum(sizes[i] for i in kept)
        if left < 0:
            continue
        rest = [size if i not in kept else memory_bytes + 1 for i, size in enumerate(sizes)]
        kept |= _fitting(rest, left)
        if best is None or _total(sizes, kept) > _total(sizes, best):
            best = kept
    if best is None:
        raise MemoryBudgetError(
            f"a server of this plan needs {max(sizes)} bytes for weights at least, the largest "
            f"stage's, not {memory_bytes}: allow more memory_bytes, or name a weights_folder for "
            f"weights in files"
        )
    return _places(sizes, best, Place.VALUES)


def _fitting(sizes: Sequence[int], memory_bytes: int) -> set[int]:
    """The largest first, as long as they fit."""
    kept = set()
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if sizes[i] <= memory_bytes:
            kept.add(i)
            memory_bytes -= sizes[i]
    return kept


def _total(sizes: Sequence[int], kept: set[int]) -> int:
    return sum(sizes[i] for i in kept)


def _places(sizes: Sequence[int], kept: set[int], others: Place) -> list[Place]:
    return [Place.MEMORY if i in kept else others for i in range(len(sizes))]


@dataclass(frozen=True, eq=False)
class StageWeights:
    """The diagonals of a linear stage at `level`, not yet encoded. size: their bytes, encoded.

    factor: the scale of the weights, None for that of the level.
    """

    params: CKKSParameters
    affine: PackedAffine
    level: int
    size: int
    factor: float | None = None

    @classmethod
    def of(
        cls,
        params: CKKSParameters,
        affine: PackedAffine,
        level: int,
        size: int | None = None,
        factor: float | None = None,
    ) -> StageWeights:
        """Those of a packed map at `level`. size: `affine_weight_bytes`, if it is known."""
        if size is None:
            size = affine_weight_bytes(params, affine, level)
        return cls(params, affine, level, size, factor)

    @property
    def diagonals(self) -> int:
        """The number of diagonals."""
        return self.affine.diagonals

    @property
    def scratch_bytes(self) -> int:
        """`SlotMatrix.scratch_bytes` of the matrix."""
        own, splits = self.params.levels[self.level], self.affine.splits
        limbs, sums = own.limbs, sum(len(split.giants) for split in splits.values())
        if self.divided:
            sums += len({(i, step) for (_, i), split in splits.items() for step in split.babies})
        else:
            limbs += len(own.specials)
        return 16 * sums * limbs * self.params.N

    @property
    def divided(self) -> bool:
        """Whether the diagonals are `divided`."""
        return divides_baby_steps(self.params, self.affine, self.level)

    def arranged(self) -> dict[Block, ArrangedDiagonals]:
        """The diagonals of each block, in the order in which they are encoded."""
        splits = self.affine.splits
        return {
            at: ArrangedDiagonals.of(
                self.params, diagonals, self.level, splits[at], self.factor, self.divided
            )
            for at, diagonals in self.affine.blocks.items()
        }

    def encoded(self, evaluator: Evaluator, advance: Advance | None = None) -> SlotMatrix:
        """The matrix, encoded in memory of its own."""
        made = {
            at: encoded(EncodedDiagonals, block, evaluator.encoder, advance, None)
            for at, block in self.arranged().items()
        }
        return SlotMatrix(evaluator, made)

    def mapped(self, evaluator: Evaluator, folder: Path, advance: Advance | None) -> SlotMatrix:
        """The matrix, encoded in files; raises what `mapped_diagonals` raises."""
        blocks = {
            at: mapped_diagonals(block, evaluator.encoder, folder, advance)
            for at, block in self.arranged().items()
        }
        return SlotMatrix(evaluator, blocks)


class MatrixSource(Protocol):
    """The matrix of a linear stage, while it is open."""

    @property
    def scratch_bytes(self) -> int:
        """The scratch memory that each of the vectors applied at once takes."""

    def opened(self) -> contextlib.AbstractContextManager[object]:
        """Within this the matrix can be read, from any thread."""

    @property
    def matrix(self) -> SlotMatrix:
        """The matrix."""


@dataclass(frozen=True, eq=False)
class KeptMatrix:
    """A matrix that is always there."""

    matrix: SlotMatrix

    @property
    def scratch_bytes(self) -> int:
        """That of the matrix."""
        return self.matrix.scratch_bytes

    def opened(self) -> contextlib.AbstractContextManager[object]:
        """Nothing is to be done."""
        return contextlib.nullcontext()


class EncodedForRuns:
    """A matrix that is encoded whenever it is opened, from whole coefficients.

    memory: that of the server for such matrices, so that there is one of them at a time. The map
    itself, `weights.affine`, is not kept.
    """

    def __init__(self, evaluator: Evaluator, weights: StageWeights, memory: ReusedMemory) -> None:
        self._evaluator = evaluator
        self._scratch_bytes = weights.scratch_bytes
        self._blocks = {at: block.rounded() for at, block in weights.arranged().items()}
        self._memory = memory
        self._matrix: SlotMatrix | None = None

    @property
    def scratch_bytes(self) -> int:
        """That of the matrix."""
        return self._scratch_bytes

    @property
    def words(self) -> int:
        """How many words the encoded weights take."""
        return sum(block.weight_bytes // 8 for block in self._blocks.values())

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Encode the weights, and drop them at the end."""
        with self._memory.turns:
            self._matrix = self._encoded()
            try:
                yield
            finally:
                self._matrix = None

    def _encoded(self) -> SlotMatrix:
        memory, encoder = self._memory, self._evaluator.encoder
        sizes = {at: block.weight_bytes // 8 for at, block in self._blocks.items()}
        memory.give_back(self.words)
        made = {
            at: encoded(EncodedDiagonals, block, encoder, None, memory.taken(sizes[at]))
            for at, block in self._blocks.items()
        }
        return SlotMatrix(self._evaluator, made)

    @property
    def matrix(self) -> SlotMatrix:
        """The matrix of the block that is open."""
        assert self._matrix is not None
        return self._matrix


def matrix_sources(
    evaluator: Evaluator,
    stages: Mapping[str, StageWeights],
    memory_bytes: int | None,
    folder: Path | None,
    advance: Advance,
) -> dict[str, MatrixSource]:
    """The matrix of each stage by name, each in its place (`choose_places`).

    advance: called with a number of diagonals as they are ready, one call at a time. Raises
    `MemoryBudgetError`, and what `mapped_diagonals` raises.
    """
    sizes = [weights.size for weights in stages.values()]
    places = choose_places(sizes, memory_bytes, folder is not None)
    memory, telling = ReusedMemory(), threading.Lock()

    def tell(count: int) -> None:
        with telling:
            advance(count)

    sources: dict[str, MatrixSource] = {}
    # Files first: what is wrong with one of them is found before the work of the others.
    order = sorted(zip(stages, places, strict=True), key=lambda item: item[1] is not Place.FILE)
    for name, place in order:
        weights = stages[name]
        if place is Place.FILE:
            assert folder is not None
            sources[name] = KeptMatrix(weights.mapped(evaluator, folder, tell))
        elif place is Place.MEMORY:
            sources[name] = KeptMatrix(weights.encoded(evaluator, tell))
        else:
            sources[name] = EncodedForRuns(evaluator, weights, memory)
            tell(weights.diagonals)
    for_runs = [source for source in sources.values() if isinstance(source, EncodedForRuns)]
    # At once: the memory of every stage in turn would be larger and new.
    memory.give_back(max((source.words for source in for_runs), default=0))
    return sources

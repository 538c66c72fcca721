"""The encoded weights of linear stages: their bytes, and where a server keeps them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals, common_period, weight_bytes
from he.ckks.circuits.diagonals import EncodedDiagonals, encoded
from he.ckks.circuits.linear_transform import SlotMatrix
from he.ckks.circuits.weight_files import mapped_diagonals
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from nn.errors import MemoryBudgetError
from nn.packed.packing import PackedAffine

Advance = Callable[[int], object]


def affine_weight_bytes(params: CKKSParameters, affine: PackedAffine, level: int) -> int:
    """The size of the encoded diagonals of a linear stage at `level`."""
    return sum(
        weight_bytes(params, level, len(block), common_period(params.N, block.values()))
        for block in affine.blocks.values()
    )


class Place(Enum):
    """Where a server keeps the weights of a stage."""

    MEMORY = "encoded in memory"
    FILE = "encoded in a file that is mapped into memory"
    VALUES = "as values, which are encoded for each run of the stage"


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
    """The diagonals of a linear stage, arranged and not yet encoded."""

    blocks: Mapping[tuple[int, int], ArrangedDiagonals]

    @classmethod
    def of(cls, params: CKKSParameters, affine: PackedAffine, level: int) -> StageWeights:
        """Those of a packed map at `level`."""
        return cls(
            {
                at: ArrangedDiagonals.of(params, diagonals, level, affine.splits[at])
                for at, diagonals in affine.blocks.items()
            }
        )

    @property
    def size(self) -> int:
        """The bytes of the encoded diagonals."""
        return sum(block.weight_bytes for block in self.blocks.values())

    @property
    def diagonals(self) -> int:
        """The number of diagonals."""
        return sum(len(block.vectors) for block in self.blocks.values())

    @property
    def scratch_bytes(self) -> int:
        """`SlotMatrix.scratch_bytes` of the matrix."""
        return sum(
            16 * len(block.giants) * block.shape[0] * block.params.N
            for block in self.blocks.values()
        )

    def encoded(self, evaluator: Evaluator, advance: Advance | None = None) -> SlotMatrix:
        """The matrix, encoded in memory."""
        return SlotMatrix(
            evaluator,
            {
                at: encoded(EncodedDiagonals, block, evaluator.encoder, advance)
                for at, block in self.blocks.items()
            },
        )

    def mapped(self, evaluator: Evaluator, folder: Path, advance: Advance | None) -> SlotMatrix:
        """The matrix, encoded in files; raises what `mapped_diagonals` raises."""
        return SlotMatrix(
            evaluator,
            {
                at: mapped_diagonals(block, evaluator.encoder, folder, advance)
                for at, block in self.blocks.items()
            },
        )


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
    """A matrix that is encoded whenever it is opened.

    turns: a lock of the server, so that one such matrix is in memory at a time.
    """

    def __init__(
        self, evaluator: Evaluator, weights: StageWeights, turns: threading.Lock
    ) -> None:
        self._evaluator = evaluator
        self._weights = weights
        self._turns = turns
        self._matrix: SlotMatrix | None = None

    @property
    def scratch_bytes(self) -> int:
        """That of the matrix."""
        return self._weights.scratch_bytes

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Encode the weights, and drop them at the end."""
        with self._turns:
            self._matrix = self._weights.encoded(self._evaluator)
            try:
                yield
            finally:
                self._matrix = None

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
    turns, telling = threading.Lock(), threading.Lock()

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
            sources[name] = EncodedForRuns(evaluator, weights, turns)
            tell(weights.diagonals)
    return sources

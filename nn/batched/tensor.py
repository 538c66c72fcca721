"""`BatchedTensor`: what travels between the client and the server of a batched plan."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from he.batched.blocks import BATCH, Blocks
from he.errors import CorruptBytesError, ParametersMismatchError
from he.format import container
from he.format.residue_packing import pack_residues, packed_bytes
from he.rlwe.parallel import map_threads
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import SEED_BYTES
from he.rlwe.seeded import CIPHERTEXT, uniform_from_seed
from he.rlwe.serializable import Buffer
from he.validation import instance, items_of, whole_number
from nn.batched.plan import BatchedPlan
from nn.errors import ShapeError
from nn.inference.identity import Ids, check_ids
from nn.inference.roles import StageTime

_KIND = "batched tensor"
_PARTS = 2


@dataclass(frozen=True, eq=False)
class BatchedTensor:
    """The ciphertexts of a tensor's elements, with one image in each slot.

    residues: the elements, of two parts, under each parameter set. images: how many slots are used.
    level: of every ciphertext.
    seeds: those of part 1 of every element, for fresh encryptions. profile: what the server
    measured; it stays with the server and is no part of the bytes. ids: of the plan, the keys and
    the request; None for bytes of version 1.

    Raises `ShapeError` for residues of another shape, `he.WrongObjectError` for other objects,
    `he.ParameterError` for a number of images that no slots hold.
    """

    params: tuple[RLWEParameters, ...]
    residues: tuple[Blocks, ...] = field(repr=False)
    images: int
    level: int
    seeds: tuple[Sequence[bytes], ...] | None = field(default=None, repr=False)
    profile: tuple[StageTime, ...] = field(default=(), repr=False)
    ids: Ids | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        params = tuple(items_of(self.params, "params"))
        residues = tuple(items_of(self.residues, "residues"))
        for one, blocks in itertools.zip_longest(params, residues):
            N = instance(one, RLWEParameters, "a parameter set of a tensor").N
            shape = instance(blocks, Blocks, "residues under a parameter set").shape
            if (*shape[:1], *shape[2:]) != (_PARTS, residues[0].elements, N):
                raise ShapeError(
                    f"residues of shape {shape} (parts, limbs, elements, N): {_PARTS} parts of "
                    f"{residues[0].elements} elements with N = {N} are needed"
                )
            blocks.freeze()
        if not params:
            raise ShapeError("a tensor without parameter sets: at least one is needed")
        check_ids(self.ids)
        images = whole_number(self.images, "images", 1, params[0].N)
        level = whole_number(self.level, "the level", 0, params[0].max_level)
        for one, blocks in zip(params, residues, strict=True):
            if blocks.shape[1] != one.at(level).limbs:
                raise ShapeError(
                    f"residues of {blocks.shape[1]} limbs: level {level} has {one.at(level).limbs}"
                )
        plain = {"params": params, "residues": residues, "images": images, "level": level}
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return self.images

    @property
    def elements(self) -> int:
        """The number of ciphertexts under each parameter set."""
        return self.residues[0].elements

    def to_bytes(self) -> bytes:
        """The tensor as bytes: versioned, checksummed; part 1 of fresh encryptions is a seed."""
        header: dict[str, Any] = {
            "params": [params.id for params in self.params],
            "images": self.images,
            "elements": self.elements,
            "level": self.level,
            "seeded": self.seeds is not None,
        }
        if self.ids is not None:
            header |= self.ids.header
        stored = slice(0, 1 if self.seeds is not None else _PARTS)
        sections: dict[str, bytes] = {}
        for index, (params, blocks) in enumerate(zip(self.params, self.residues, strict=True)):
            moduli = params.primes(self.level)

            def packed(
                element: int, blocks: Blocks = blocks, moduli: Sequence[int] = moduli
            ) -> bytes:
                return pack_residues(np.ascontiguousarray(blocks.row(element)[stored]), moduli)

            for element, data in enumerate(map_threads(packed, range(blocks.elements))):
                sections[f"{index}/{element}"] = data
            if self.seeds is not None:
                sections[f"{index}/seeds"] = b"".join(self.seeds[index])
        return container.pack(_KIND, header, sections)

    @classmethod
    def from_bytes(
        cls, data: Buffer, plan: BatchedPlan
    ) -> BatchedTensor:
        """Read what `to_bytes` wrote: encrypted images or answers of a plan.

        Raises `he.SerializationError` for other, altered or truncated bytes, and
        `he.ParametersMismatchError` for a tensor of other parameter sets than the plan's.
        """
        instance(plan, BatchedPlan, "plan")
        contents = container.unpack(data, _KIND)
        if contents.field("params", list) != [params.id for params in plan.params]:
            raise ParametersMismatchError(
                f"the tensor belongs to other parameter sets than the plan's, "
                f"{', '.join(str(params) for params in plan.params)}: read it under its own plan"
            )
        ids = Ids.read(contents)
        images, elements = contents.field("images", int), contents.field("elements", int)
        level, seeded = contents.field("level", int), contents.field("seeded", bool)
        expected = (
            (plan.inputs, plan.params[0].max_level) if seeded else (plan.outputs, plan.answer_level)
        )
        if (elements, level) != expected or not 1 <= images <= plan.images:
            raise CorruptBytesError(
                f"{elements} elements of {images} images at level {level}: the plan has "
                f"{expected[0]} of 1 to {plan.images} images at level {expected[1]}"
            )
        # Before any list is made: a false plan may promise any number of elements.
        if len(contents.sections) != len(plan.params) * (elements + seeded):
            raise CorruptBytesError(
                f"{len(contents.sections)} sections do not match {elements} elements"
            )
        names = [f"{r}/{k}" for r in range(len(plan.params)) for k in range(elements)]
        if seeded:
            names += [f"{r}/seeds" for r in range(len(plan.params))]
        contents.check_sections(names)
        seeds = tuple(_read_seeds(contents, r, elements) for r in range(len(plan.params)))
        residues = tuple(
            _read(contents, index, params, elements, level, seeds[index] if seeded else None)
            for index, params in enumerate(plan.params)
        )
        return cls(plan.params, residues, images, level, seeds if seeded else None, ids=ids)


def _read_seeds(contents: container.Contents, index: int, elements: int) -> list[bytes]:
    if f"{index}/seeds" not in contents.sections:
        return []
    octets = bytes(contents.octets(f"{index}/seeds"))
    if len(octets) != elements * SEED_BYTES:
        raise CorruptBytesError(
            f"{len(octets)} bytes of seeds: {SEED_BYTES} for each of {elements} elements are needed"
        )
    return [octets[k * SEED_BYTES : (k + 1) * SEED_BYTES] for k in range(elements)]


def _read(
    contents: container.Contents,
    index: int,
    params: RLWEParameters,
    elements: int,
    level: int,
    seeds: Sequence[bytes] | None,
) -> Blocks:
    ops, N, limbs = context(params).q(level), params.N, params.at(level).limbs
    stored = _PARTS if seeds is None else 1
    # Memory for all elements is taken only when the bytes of each element are there.
    needed = stored * packed_bytes(ops.moduli, N)
    for element in range(elements):
        found = len(contents.octets(f"{index}/{element}"))
        if found != needed:
            raise CorruptBytesError(
                f"element {element} has {found} bytes of residues, {needed} are needed"
            )
    blocks = Blocks.empty(_PARTS, limbs, elements, N)

    def read(first: int) -> None:
        rows = np.empty((min(BATCH, elements - first), _PARTS, limbs, N), dtype=np.uint64)
        for element, row in enumerate(rows, first):
            row[:stored] = contents.residues(
                f"{index}/{element}", ops.moduli, (stored, limbs, N)
            )
            if seeds is not None:
                row[1] = uniform_from_seed(seeds[element], CIPHERTEXT, ops)
        blocks.put(first, rows)

    map_threads(read, range(0, elements, BATCH))
    return blocks

"""`OpTrace`: the operations of one run, checked. Standard library only.

A trace holds no residues: it names ciphertexts by number (every result is a new one), plaintexts by
number and switching keys by Galois element.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from he.levels import Level, chain, check_levels
from he.trace.checks import check_block, check_known, check_shape, check_tuple, is_whole
from he.trace.operations import KINDS, Block, HEOp, TracedKey, TraceError
from he.validation import instance


@dataclass(frozen=True)
class OpTrace:
    """The operations of one run, in order, and all that they name.

    N, q, p, digit_limbs, own_levels: as in the parameter set. ciphertexts: (parts, limbs) of each.
    plaintexts: the shape of each without its last axis. inputs, outputs: ciphertexts. Raises
    `TraceError` unless every operand is an input or an earlier result.
    """

    N: int
    q: tuple[int, ...]
    p: tuple[int, ...]
    digit_limbs: int
    ciphertexts: tuple[tuple[int, ...], ...]
    plaintexts: tuple[tuple[int, ...], ...]
    keys: tuple[TracedKey, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operations: tuple[HEOp, ...]
    title: str = ""
    own_levels: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        for name in ("q", "p", "ciphertexts", "plaintexts", "inputs", "outputs"):
            check_tuple(name, getattr(self, name), object)
        check_tuple("keys", self.keys, TracedKey)
        check_tuple("operations", self.operations, HEOp)
        check_tuple("title", (self.title,), str)
        numbers = (self.N, self.digit_limbs, *self.q, *self.p)
        if not all(is_whole(n, 1) for n in numbers) or not (self.q and self.p):
            raise TraceError("N, digit_limbs, q and p must be whole numbers above 0")
        object.__setattr__(self, "own_levels", self._checked_levels())
        for number, shape in enumerate(self.ciphertexts):
            check_shape(f"ciphertext {number}", shape, "parts, limbs", 2, 2)
        for number, shape in enumerate(self.plaintexts):
            check_shape(f"plaintext {number}", shape, "terms, limbs or only limbs", 1, 2)
        for key in self.keys:
            check_shape(f"key {key.element}", key.shape, "digits, 2, limbs", 3, 3)
            if not is_whole(key.element, 0) or not is_whole(key.level, 0):
                raise TraceError(
                    f"key {key.element} of level {key.level}: both must be whole numbers from 0"
                )
            if key.level >= len(self.levels):
                raise TraceError(f"key {key.element} of level {key.level}, of {len(self.levels)}")
        check_known("ciphertext", self.inputs, range(len(self.ciphertexts)), "the inputs: ")
        known = set(self.inputs)
        keys = {key.element for key in self.keys}
        for number, op in enumerate(self.operations):
            try:
                self._check_operation(op, known, keys)
            except TraceError as problem:
                where = f"operation {number} ({op.kind})"
                raise TraceError(f"{where}: {problem}", number) from problem
            known.update(op.results)
        check_known("ciphertext", self.outputs, known, "the outputs: ")

    @functools.cached_property
    def levels(self) -> tuple[Level, ...]:
        """The primes and the digits of each level."""
        return self.own_levels or chain(len(self.q), len(self.p), self.digit_limbs)

    @property
    def is_chain(self) -> bool:
        """Whether each level has one prime more than the one below."""
        return not self.own_levels

    def name_of(self, key: TracedKey) -> str:
        """The name of a key: its element, with its level where levels have keys of their own."""
        instance(key, TracedKey, "the key")
        return str(key.element) if self.is_chain else f"{key.element}@{key.level}"

    def _checked_levels(self) -> tuple[Level, ...]:
        check_tuple("levels", self.own_levels, tuple)
        for level in self.own_levels:
            if len(level) != 3:
                raise TraceError(f"level {level!r:.60}: rows, specials and digit_limbs are needed")
            check_tuple("rows", level[0], int)
            check_tuple("specials", level[1], int)
            if not all(is_whole(n, 0) for n in (*level[0], *level[1], level[2])):
                raise TraceError(f"level {level!r:.60}: whole numbers are needed")
        levels = tuple(Level(*level) for level in self.own_levels)
        wrong = check_levels(levels, self.q, self.p) if levels else None
        if wrong is not None:
            raise TraceError(wrong)
        return levels

    def _check_operation(self, op: HEOp, known: set[int], keys: set[int]) -> None:
        check_tuple("kind and layer", (op.kind, op.layer), str)
        check_tuple("blocks", op.blocks, Block)
        if op.kind not in KINDS:
            raise TraceError(f"the kinds are {', '.join(KINDS)}")
        plaintexts = (*op.plaintexts, *(block.plaintext for block in op.blocks))
        check_known("ciphertext", op.operands, known)
        check_known("plaintext", plaintexts, range(len(self.plaintexts)))
        check_known("key", op.keys, keys)
        check_known("result", op.results, range(len(self.ciphertexts)))
        if known.intersection(op.results):
            raise TraceError(f"its result {op.results} exists before")
        if not is_whole(op.level, 0) or op.level >= len(self.levels):
            raise TraceError(f"level {op.level} of {len(self.levels)} levels")
        self._check_to_level(op)
        for number, block in enumerate(op.blocks):
            check_block(number, block, op)

    def _check_to_level(self, op: HEOp) -> None:
        """`raise_modulus` names a higher level; others name a lower one, or none."""
        raises, to_level = op.kind == "raise_modulus", op.to_level
        if to_level is None and not raises:
            return
        within = range(op.level + 1, len(self.levels)) if raises else range(op.level)
        if to_level is None or not is_whole(to_level, 0) or to_level not in within:
            raise TraceError(f"a result at level {to_level} from level {op.level}")

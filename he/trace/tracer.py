"""`Tracer`: records what evaluators do. Standard library only."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from he.levels import Level, chain
from he.trace.op_trace import OpTrace
from he.trace.operations import Block, HEOp, TracedKey, TraceError
from he.validation import instance, items_of, whole_number, wrong_object


class Parameters(Protocol):
    """What a tracer reads of a parameter set, with `own_levels` where levels are no chain."""

    @property
    def N(self) -> int:
        """The ring degree."""

    @property
    def q(self) -> tuple[int, ...]:
        """The primes of the chain."""

    @property
    def p(self) -> tuple[int, ...]:
        """The special primes."""

    @property
    def digit_limbs(self) -> int:
        """Primes in a digit of key switching."""


class Tracer:
    """Records what the evaluators that it is given to do; `trace` returns the record.

    Arrays (`Ciphertext.data` and the like) are told apart by identity. Name each fresh ciphertext
    with `input` before its first use, and each ciphertext that is wanted with `output`. Every
    operation is recorded with the `layer` that is set at that time. For one thread only. `arrays`
    keeps inputs, plaintexts, keys and outputs alive, by the names that a lowered program gives
    them.
    """

    def __init__(self, params: Parameters, title: str = "") -> None:
        for name in ("N", "q", "p", "digit_limbs"):
            if not hasattr(params, name):
                raise wrong_object(params, "a parameter set", "what a tracer is made for")
        self.params = params
        self.title = instance(title, str, "the title")
        self.layer = ""
        self.arrays: dict[tuple[str, str], Any] = {}
        self._operations: list[HEOp] = []
        self._ciphertexts: list[tuple[int, ...]] = []
        self._plaintexts: list[tuple[int, ...]] = []
        self._keys: dict[tuple[int, int], TracedKey] = {}
        self._own_levels: tuple[Level, ...] = getattr(params, "own_levels", ())
        self._levels = self._own_levels or chain(len(params.q), len(params.p), params.digit_limbs)
        self._inputs: list[int] = []
        self._outputs: list[int] = []
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._plaintext_numbers: dict[int, int] = {}

    def input(self, data: Any) -> None:
        """A ciphertext (parts, limbs, N) that comes from outside."""
        number = self._new(data)
        self._inputs.append(number)
        self.arrays["input", str(number)] = data

    def output(self, data: Any) -> None:
        """A ciphertext that is wanted; the order of calls is the order of outputs."""
        number = self._number(data)
        self._outputs.append(number)
        self.arrays["output", str(len(self._outputs) - 1)] = data

    def plaintext(self, data: Any) -> int:
        """The number of a plaintext's residues (.., limbs, N)."""
        _check_array(data)
        number = self._plaintext_numbers.get(id(data))
        if number is None:
            number = self._plaintext_numbers[id(data)] = len(self._plaintexts)
            self._plaintexts.append(tuple(data.shape[:-1]))
            self.arrays["plaintext", str(number)] = data
        return number

    def key(self, key: Any) -> int:
        """The Galois element of a switching key."""
        for name in ("element", "level", "data"):
            if not hasattr(key, name):
                raise wrong_object(key, "a switching key", "what a tracer is given")
        element = int(key.element)
        if (element, key.level) not in self._keys:
            traced = TracedKey(element, key.level, tuple(key.data.shape[:-1]))
            self._keys[element, key.level] = traced
            name = f"{element}@{key.level}" if self._own_levels else str(element)
            self.arrays["key", name] = key.data
        return element

    def record(
        self,
        kind: str,
        level: int,
        operands: Sequence[Any],
        results: Sequence[Any],
        *,
        plaintexts: Sequence[Any] = (),
        elements: Iterable[int] = (),
        keys: Iterable[Any] = (),
        integer: int | None = None,
        blocks: Iterable[Block] = (),
        to_level: int | None = None,
    ) -> None:
        """Note one operation. A result that shares its array with an operand takes its place."""
        instance(kind, str, "the kind of an operation")
        level = whole_number(level, "the level", 0)
        if integer is not None:
            integer = whole_number(integer, "the integer")
        images = [whole_number(e, "a Galois element") for e in items_of(elements, "the elements")]
        transforms = [
            instance(block, Block, "a block") for block in items_of(blocks, "the blocks")
        ]
        sources = tuple(self._number(data) for data in items_of(operands, "the operands"))
        used = tuple(self.key(key) for key in items_of(keys, "the keys"))
        digits = len(self._levels[level].digits) if used else 0
        if to_level is not None:
            to_level = whole_number(to_level, "to_level")
        if kind != "raise_modulus" and (kind != "rescale" or to_level == level - 1):
            to_level = None
        self._operations.append(
            HEOp(
                kind,
                level,
                sources,
                tuple(self._new(data) for data in items_of(results, "the results")),
                tuple(self.plaintext(data) for data in items_of(plaintexts, "the plaintexts")),
                tuple(images),
                used,
                digits,
                integer,
                tuple(transforms),
                self.layer,
                to_level,
            )
        )

    def trace(self) -> OpTrace:
        """Everything so far."""
        params = self.params
        return OpTrace(
            params.N,
            tuple(params.q),
            tuple(params.p),
            params.digit_limbs,
            tuple(self._ciphertexts),
            tuple(self._plaintexts),
            tuple(self._keys.values()),
            tuple(self._inputs),
            tuple(self._outputs),
            tuple(self._operations),
            self.title,
            self._own_levels,
        )

    def _new(self, data: Any) -> int:
        _check_array(data)
        number = len(self._ciphertexts)
        self._ciphertexts.append(tuple(data.shape[:-1]))
        self._numbers[id(data)] = weakref.ref(data), number
        return number

    def _number(self, data: Any) -> int:
        reference, number = self._numbers.get(id(data), (None, -1))
        if reference is None or reference() is not data:
            raise TraceError(
                "a ciphertext comes from outside, or from an operation that is not recorded: "
                "name it with Tracer.input first"
            )
        return number


def _check_array(data: object) -> None:
    """Raise `WrongObjectError` unless it is an array (.., limbs, N); this needs no NumPy."""
    if not hasattr(data, "__array_interface__") or len(getattr(data, "shape", ())) < 2:
        raise wrong_object(data, "an array of residues", "what a tracer is given")

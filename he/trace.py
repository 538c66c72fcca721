"""What an evaluator did, as data: `Tracer` records, `OpTrace` holds, `save` and `load` keep it.

A trace holds no residues: it names ciphertexts by number (every result is a new one), plaintexts by
number and switching keys by Galois element. The file is JSON, one object a line: a header with the
ring, the chain of primes and the tables; one line an operation; and a last line with their count.
Standard library only.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from he.trace_checks import TraceError as TraceError
from he.trace_checks import TraceFileError as TraceFileError
from he.trace_checks import fits, is_whole, named, shaped

FORMAT = "he-accel trace"
VERSION = 1

RELINEARIZATION = 0
"""What stands for the relinearization key where others are named by their Galois element."""

KINDS = {
    "add": "a + b",
    "subtract": "a - b",
    "negate": "-a",
    "add_plain": "a + plaintext, in part 0",
    "subtract_plain": "a - plaintext, in part 0",
    "add_integer": "a + integer, in part 0 at every point of the transform",
    "multiply_plain": "a times plaintext, every part",
    "multiply_integer": "a times integer, every part",
    "add_multiple": "a + b times integer or plaintext, in parts 0 and 1; b may have more limbs",
    "zeros": "a ciphertext of zeros",
    "tensor": "(a0 b0, a0 b1 + a1 b0, a1 b1)",
    "relinearize": "three parts to two",
    "relinearize_rescale": "three parts to two, divided by q_level, in one division",
    "rescale": "divided by q_level",
    "drop_limbs": "the first limbs only",
    "automorphisms": "images under x -> x^element, one a result, with one decomposition",
    "linear_transform": "out[o] = sum_i block[o, i](in[i]), double hoisting, and a rescaling",
}
"""Every kind of operation, and what it computes."""


@dataclass(frozen=True)
class Block:
    """One block of a linear transform: sum_g giants[g](sum_t plaintext[t] babies[baby_of[t]](x)).

    Term t belongs to giant g for starts[g] <= t < starts[g + 1]. Babies and giants are Galois
    elements, 1 for no rotation. `plaintext` has a row (limbs_QP, N) a term.
    """

    output: int
    input: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: tuple[int, ...]
    baby_of: tuple[int, ...]
    plaintext: int


@dataclass(frozen=True)
class HEOp:
    """One homomorphic operation.

    kind: one of `KINDS`. level: of the operands when it starts (of the result for `zeros`).
    operands, results: ciphertexts by number. plaintexts: by number. elements: Galois elements of
    `automorphisms`, one a result. keys: the switching keys used, by Galois element, 0 for
    relinearization. digits: how many digits one decomposition has, 0 without a key. integer: of
    those kinds that take one. blocks: of `linear_transform`. layer: whatever the caller named.
    """

    kind: str
    level: int
    operands: tuple[int, ...]
    results: tuple[int, ...]
    plaintexts: tuple[int, ...] = ()
    elements: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    digits: int = 0
    integer: int | None = None
    blocks: tuple[Block, ...] = ()
    layer: str = ""


@dataclass(frozen=True)
class TracedKey:
    """A switching key: its Galois element, highest level, and shape (dnum, 2, limbs_QP)."""

    element: int
    level: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class OpTrace:
    """The operations of one run, in order, and all that they name.

    N, q, p, digit_limbs: as in the parameter set. ciphertexts: (parts, limbs) of each. plaintexts:
    the shape of each without its last axis. inputs, outputs: ciphertexts. Raises `TraceError`
    unless every operand is an input or an earlier result.
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

    def __post_init__(self) -> None:
        numbers = (self.N, self.digit_limbs, *self.q, *self.p)
        if not all(is_whole(n, 1) for n in numbers) or not (self.q and self.p):
            raise TraceError("N, digit_limbs, q and p must be whole numbers above 0")
        for number, shape in enumerate(self.ciphertexts):
            shaped(f"ciphertext {number}", shape, "parts, limbs", 2, 2)
        for number, shape in enumerate(self.plaintexts):
            shaped(f"plaintext {number}", shape, "terms, limbs or only limbs", 1, 2)
        for key in self.keys:
            shaped(f"key {key.element}", key.shape, "digits, 2, limbs", 3, 3)
            if not is_whole(key.element, 0) or not is_whole(key.level, 0):
                raise TraceError(
                    f"key {key.element} of level {key.level}: both must be whole numbers from 0"
                )
        named("ciphertext", self.inputs, range(len(self.ciphertexts)), "the inputs: ")
        known = set(self.inputs)
        keys = {key.element for key in self.keys}
        for number, op in enumerate(self.operations):
            try:
                self._check_operation(op, known, keys)
            except TraceError as problem:
                where = f"operation {number} ({op.kind})"
                raise TraceError(f"{where}: {problem}", number) from problem
            known.update(op.results)
        named("ciphertext", self.outputs, known, "the outputs: ")

    def _check_operation(self, op: HEOp, known: set[int], keys: set[int]) -> None:
        if op.kind not in KINDS:
            raise TraceError(f"the kinds are {', '.join(KINDS)}")
        plaintexts = (*op.plaintexts, *(block.plaintext for block in op.blocks))
        named("ciphertext", op.operands, known)
        named("plaintext", plaintexts, range(len(self.plaintexts)))
        named("key", op.keys, keys)
        named("result", op.results, range(len(self.ciphertexts)))
        if known.intersection(op.results):
            raise TraceError(f"its result {op.results} exists before")
        if not is_whole(op.level, 0) or op.level >= len(self.q):
            raise TraceError(f"level {op.level} of a chain of {len(self.q)} primes")
        for number, block in enumerate(op.blocks):
            if not fits(block, op):
                raise TraceError(
                    f"block {number} does not name its inputs, outputs, babies and terms by number"
                )


# ---------------------------------------------------------------- recording


class Parameters(Protocol):
    """What a tracer reads of a parameter set."""

    @property
    def N(self) -> int: ...
    @property
    def q(self) -> tuple[int, ...]: ...
    @property
    def p(self) -> tuple[int, ...]: ...
    @property
    def digit_limbs(self) -> int: ...


class Tracer:
    """Records what evaluators do; give it to them, and `trace` what they did.

    Arrays (`Ciphertext.data` and the like) are told apart by identity. Name each fresh ciphertext
    with `input` before its first use, and those wanted with `output`. `layer` is noted with every
    operation from then on. One thread only. It keeps inputs, plaintexts, keys and outputs alive,
    in `arrays`, by the names that a lowered program gives them.
    """

    def __init__(self, params: Parameters, title: str = "") -> None:
        self.params = params
        self.title = title
        self.layer = ""
        self.arrays: dict[tuple[str, str], Any] = {}
        self._operations: list[HEOp] = []
        self._ciphertexts: list[tuple[int, ...]] = []
        self._plaintexts: list[tuple[int, ...]] = []
        self._keys: dict[int, TracedKey] = {}
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
        number = self._plaintext_numbers.get(id(data))
        if number is None:
            number = self._plaintext_numbers[id(data)] = len(self._plaintexts)
            self._plaintexts.append(tuple(data.shape[:-1]))
            self.arrays["plaintext", str(number)] = data
        return number

    def key(self, key: Any) -> int:
        """The Galois element of a switching key."""
        element = int(key.element)
        if element not in self._keys:
            self._keys[element] = TracedKey(element, key.level, tuple(key.data.shape[:-1]))
            self.arrays["key", str(element)] = key.data
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
    ) -> None:
        """Note one operation. A result that shares its array with an operand takes its place."""
        sources = tuple(self._number(data) for data in operands)
        used = tuple(self.key(key) for key in keys)
        digits = -(-(level + 1) // self.params.digit_limbs) if used else 0
        self._operations.append(
            HEOp(
                kind,
                level,
                sources,
                tuple(self._new(data) for data in results),
                tuple(self.plaintext(data) for data in plaintexts),
                tuple(elements),
                used,
                digits,
                integer,
                tuple(blocks),
                self.layer,
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
        )

    def _new(self, data: Any) -> int:
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


# ---------------------------------------------------------------- files


def save(trace: OpTrace, path: Path | str) -> None:
    """Write `trace` to `path`."""
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    header |= {f.name: getattr(trace, f.name) for f in fields(trace) if f.name != "operations"}
    header["keys"] = [asdict(key) for key in trace.keys]
    with Path(path).open("w", encoding="utf-8") as file:
        file.write(json.dumps(header) + "\n")
        for op in trace.operations:
            file.write(json.dumps(_without_defaults(op)) + "\n")
        file.write(json.dumps({"operations": len(trace.operations)}) + "\n")


def load(path: Path | str) -> OpTrace:
    """Read what `save` wrote. Raises `TraceFileError`, which quotes file and line, or `OSError`."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as problem:
        raise TraceFileError(f"{path}: no text, so no {FORMAT}") from problem
    records = [_parsed(path, number, line) for number, line in enumerate(lines, 1)]
    if not records or records[0].get("format") != FORMAT:
        raise TraceFileError(f"{path}:1: no {FORMAT}: write one with `python -m nn trace`")
    header, *operations = records
    if header.get("version") != VERSION:
        raise TraceFileError(
            f"{path}:1: version {header.get('version')}, this is version {VERSION}: record it again"
        )
    if not operations or operations[-1] != {"operations": len(operations) - 1}:
        raise TraceFileError(
            f"{path}:{len(records)}: cut short, the last line must be the count of operations, "
            f"{{\"operations\": {len(operations)}}} after these: record it again"
        )
    parsed = []
    for number, record in enumerate(operations[:-1], 2):
        try:
            blocks = tuple(Block(**_tuples(block)) for block in record.pop("blocks", ()))
            parsed.append(HEOp(**_tuples(record), blocks=blocks))
        except (AttributeError, TypeError) as problem:
            raise TraceFileError(f"{path}:{number}: no operation: {problem}") from problem
    try:
        keys = tuple(TracedKey(**_tuples(key)) for key in header.pop("keys"))
        del header["format"], header["version"]
        return OpTrace(**_tuples(header), keys=keys, operations=tuple(parsed))
    except (KeyError, AttributeError, TypeError) as problem:
        raise TraceFileError(f"{path}:1: the header lacks or garbles {problem}") from problem
    except TraceError as problem:
        line = line_of(problem.operation)
        raise TraceFileError(f"{path}:{line}: {problem}", problem.operation) from problem


def line_of(operation: int | None) -> int:
    """The line of a trace's file that tells of an operation, or of what is of none."""
    return 1 if operation is None else operation + 2


def _without_defaults(op: HEOp) -> dict[str, Any]:
    values = asdict(op)
    return {f.name: values[f.name] for f in fields(op) if values[f.name] != f.default}


def _parsed(path: Path | str, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as problem:
        raise TraceFileError(f"{path}:{number}: no JSON ({problem}): record it again") from problem
    if not isinstance(record, dict):
        raise TraceFileError(f"{path}:{number}: a JSON object is needed, not {line[:40]}")
    return record


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in record.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value

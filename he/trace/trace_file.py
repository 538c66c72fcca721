"""Traces in files: JSON, one object a line. Standard library only.

A header has the ring, the chain of primes and the tables; then comes one line an operation; the
last line has the count of operations.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from he.format.files import read_text, replaced_file
from he.trace.op_trace import OpTrace
from he.trace.operations import Block, HEOp, TracedKey, TraceError, TraceFileError
from he.validation import check_path, instance, whole_number

FORMAT = "he-accel trace"
VERSION = 1
LARGEST_BYTES = 1 << 28


def save(trace: OpTrace, path: Path | str) -> None:
    """Write `trace` to `path`. Raises `WrongObjectError`, or `OSError` as `open` does."""
    instance(trace, OpTrace, "the trace")
    check_path(path)
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    header |= {f.name: getattr(trace, f.name) for f in fields(trace) if f.name != "operations"}
    header["keys"] = [asdict(key) for key in trace.keys]
    if trace.is_chain:
        del header["own_levels"]
    with replaced_file(path) as file:
        file.write(json.dumps(header) + "\n")
        for op in trace.operations:
            file.write(json.dumps(_without_defaults(op)) + "\n")
        file.write(json.dumps({"operations": len(trace.operations)}) + "\n")


def load(path: Path | str) -> OpTrace:
    """Read what `save` wrote. Raises `TraceFileError`, which quotes file and line, or `OSError`."""
    check_path(path)
    try:
        lines = read_text(path, LARGEST_BYTES).splitlines()
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
    """The line of a trace file that holds this operation; the first line, the header, for None."""
    return 1 if operation is None else whole_number(operation, "the operation", 0) + 2


def _without_defaults(op: HEOp) -> dict[str, Any]:
    values = asdict(op)
    return {f.name: values[f.name] for f in fields(op) if values[f.name] != f.default}


def _parsed(path: Path | str, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise TraceFileError(f"{path}:{number}: no JSON ({problem}): record it again") from problem
    if not isinstance(record, dict):
        raise TraceFileError(f"{path}:{number}: a JSON object is needed, not {line[:40]}")
    return record


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in record.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value

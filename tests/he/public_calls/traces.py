"""The public calls of `he.trace`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from he import trace
from tests.he.public_calls.call import Call, ckks

NONE = {"None"}


def calls() -> list[Call]:
    """All of them."""
    return [*recording(), *records(), *files()]


def recording() -> Iterator[Call]:
    s = ckks()
    data, other = np.array(s.ciphertext.data), np.array(s.ciphertext.data)
    tracer = trace.Tracer(s.params, "a title")
    tracer.input(data)
    sets = {"ckks parameters", "bfv parameters", "ckks plaintext"}
    yield Call("Tracer", trace.Tracer, {"params": s.params, "title": "a title"},
               {"params": sets - {"ckks plaintext"}, "title": {"text"}})  # fmt: skip
    yield Call("Tracer.input", tracer.input, {"data": other})
    yield Call("Tracer.output", tracer.output, {"data": data})
    yield Call("Tracer.plaintext", tracer.plaintext, {"data": other})
    yield Call("Tracer.key", tracer.key, {"key": s.keys.galois[3]}, {"key": {"switching key"}})
    arguments = {
        "kind": "negate", "level": 3, "operands": [data], "results": [other], "plaintexts": [],
        "elements": [], "keys": [], "integer": None, "blocks": [], "to_level": None,
    }  # fmt: skip
    # What `trace` finds wrong with the records is in its own tests.
    recorded = {
        "kind": {"text"}, "level": {"huge number"}, "elements": {"numbers"},
        "integer": {"None", "whole number", "huge number"},
        "to_level": {"None", "whole number", "huge number"},
    }  # fmt: skip
    yield Call("Tracer.record", tracer.record, arguments, recorded)
    yield Call("Tracer.trace", trace.Tracer(s.params).trace, {})


def records() -> Iterator[Call]:
    operations = (trace.HEOp("negate", 1, (0,), (1,)),)
    fields = {
        "N": 64, "q": (97, 193), "p": (257,), "digit_limbs": 1, "ciphertexts": ((2, 2), (2, 2)),
        "plaintexts": (), "keys": (trace.TracedKey(3, 1, (2, 2, 3)),), "inputs": (0,),
        "outputs": (1,), "operations": operations, "title": "a title", "own_levels": (),
    }  # fmt: skip
    huge = {"N": {"huge number"}, "digit_limbs": {"huge number"}}
    yield Call("OpTrace", trace.OpTrace, fields, {**huge, "title": {"text"}})
    yield Call("OpTrace.name_of", trace.OpTrace(**fields).name_of,
               {"key": trace.TracedKey(3, 1, (2, 2, 3))})  # fmt: skip


def files() -> Iterator[Call]:
    folder = Path(tempfile.mkdtemp())
    recorded = trace.OpTrace(64, (97,), (193,), 1, ((2, 1),), (), (), (0,), (0,), ())
    path = folder / "run.trace"
    trace.save(recorded, path)
    yield Call("save", trace.save, {"trace": recorded, "path": path}, {"path": {"text"}})
    yield Call("load", trace.load, {"path": path}, {"path": {"text"}})
    yield Call("line_of", trace.line_of, {"operation": 1}, {"operation": {"None", "huge number"}})

"""What an evaluator did, as data: `Tracer` records, `OpTrace` holds, `save` and `load` keep it.

Standard library only.
"""

from he.levels import Level
from he.trace.op_trace import OpTrace
from he.trace.operations import (
    FROM_SPARSE,
    KINDS,
    RELINEARIZATION,
    TO_SPARSE,
    Block,
    HEOp,
    TracedKey,
    TraceError,
    TraceFileError,
)
from he.trace.trace_file import FORMAT, VERSION, line_of, load, save
from he.trace.tracer import Parameters, Tracer

__all__ = [
    "FORMAT",
    "FROM_SPARSE",
    "KINDS",
    "RELINEARIZATION",
    "TO_SPARSE",
    "VERSION",
    "Block",
    "HEOp",
    "Level",
    "OpTrace",
    "Parameters",
    "TraceError",
    "TraceFileError",
    "TracedKey",
    "Tracer",
    "line_of",
    "load",
    "save",
]

"""The accelerator's instructions, on limbs, and programs made of them."""

from accel_model.errors import (
    AcceleratorError,
    ExecutionError,
    ProgramError,
    ProgramFileError,
)
from accel_model.isa.instructions import INSTRUCTION, NONE, SOURCES, Opcode, Phase, describe
from accel_model.isa.program import (
    EXTERNAL,
    OBJECT_KINDS,
    ExternalObject,
    Operation,
    Program,
)
from accel_model.isa.program_data import Data, empty_outputs, limbs_read

__all__ = [
    "EXTERNAL",
    "INSTRUCTION",
    "NONE",
    "OBJECT_KINDS",
    "SOURCES",
    "AcceleratorError",
    "Data",
    "ExecutionError",
    "ExternalObject",
    "Opcode",
    "Operation",
    "Phase",
    "Program",
    "ProgramError",
    "ProgramFileError",
    "describe",
    "empty_outputs",
    "limbs_read",
]

"""The accelerator's instructions, on limbs, and programs made of them."""

from accel_model.isa.instructions import INSTRUCTION, NONE, SOURCES, Opcode, Phase, describe
from accel_model.isa.program import (
    EXTERNAL,
    OBJECT_KINDS,
    ExternalObject,
    Operation,
    Program,
)

__all__ = [
    "EXTERNAL",
    "INSTRUCTION",
    "NONE",
    "OBJECT_KINDS",
    "SOURCES",
    "ExternalObject",
    "Opcode",
    "Operation",
    "Phase",
    "Program",
    "describe",
]

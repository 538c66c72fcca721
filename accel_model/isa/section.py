"""A part of a program as a program of its own, with its operands as inputs and its results as
outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_model.errors import ProgramError
from accel_model.isa import EXTERNAL, INSTRUCTION, NONE, ExternalObject, Opcode, Program

OPERANDS, RESULTS = "operands", "results"
"""Names of the external objects that hold the operands and the results."""


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a program.

    operands, results: the values of the whole program that stand in the limbs of the objects
    ("input", "operands") and ("output", "results"), in order.
    """

    program: Program
    operands: tuple[int, ...]
    results: tuple[int, ...]


def cut(program: Program, first: int, last: int) -> Section:
    """Operations `first` to `last`, `last` included.

    The section loads again what the program loaded before. Other values from before the section
    are its operands; values that are used behind it are its results. Raises `ProgramError` for
    operations that do not exist, and where an operand or result would be an overflow count, which
    is no limb of residues.
    """
    if not 0 <= first <= last < len(program.operations):
        raise ProgramError(
            f"operations {first} to {last}: the program has 0 to {len(program.operations) - 1}"
        )
    rows = program.instructions
    inside = (rows["operation"] >= first) & (rows["operation"] <= last)
    own = rows[inside]
    made = own["destination"][own["destination"] != NONE]
    used = np.unique(own["sources"][own["sources"] != NONE])
    taken = np.setdiff1d(used, made)
    loaded = rows["opcode"][program.definitions[taken]] == Opcode.LOAD
    operands = taken[~loaded]
    later = rows[rows["operation"] > last]["sources"]
    results = np.intersect1d(made, later[later != NONE])
    results = results[rows["opcode"][program.definitions[results]] != Opcode.LOAD]
    _check_residues(program, np.concatenate((operands, results)))

    objects = list(program.objects)
    tables = [program.externals]
    again = rows[program.definitions[taken[loaded]]]
    entering = _transfers(program, Opcode.LOAD, operands, len(objects), tables)
    if len(operands):
        objects.append(ExternalObject("input", OPERANDS, (len(operands),)))
    leaving = _transfers(program, Opcode.STORE, results, len(objects), tables)
    if len(results):
        objects.append(ExternalObject("output", RESULTS, (len(results),)))
    chosen = np.concatenate((again, entering, own, leaving))
    chosen["operation"] = np.clip(chosen["operation"], first, last) - first
    return Section(
        _renumbered(program, chosen, np.concatenate(tables), objects, first, last),
        tuple(operands.tolist()),
        tuple(results.tolist()),
    )


def _check_residues(program: Program, values: np.ndarray) -> None:
    opcodes = program.instructions["opcode"][program.definitions[values]]
    if np.isin(opcodes, (Opcode.FRACTION, Opcode.FLOOR)).any():
        raise ProgramError("the cut goes through an overflow count: cut between operations")


def _transfers(
    program: Program, opcode: Opcode, values: np.ndarray, target: int, tables: list[np.ndarray]
) -> np.ndarray:
    """One `opcode` for each value, as limb 0, 1, .. of the object `target`."""
    rows = np.zeros(len(values), dtype=INSTRUCTION)
    entries = np.zeros(len(values), dtype=EXTERNAL)
    rows["opcode"], rows["sources"] = opcode, NONE
    rows["modulus"] = program.instructions["modulus"][program.definitions[values]]
    entries["object"], entries["limb"] = target, np.arange(len(values))
    entries["modulus"] = rows["modulus"]
    rows["external"] = sum(len(table) for table in tables) + np.arange(len(values))
    if opcode is Opcode.LOAD:
        rows["destination"] = values
    else:
        rows["destination"], rows["sources"][:, 0] = NONE, values
        rows["operation"] = np.iinfo(np.int32).max
    tables.append(entries)
    return rows


def _renumbered(
    program: Program,
    rows: np.ndarray,
    externals: np.ndarray,
    objects: list[ExternalObject],
    first: int,
    last: int,
) -> Program:
    """The rows as a program that names only the values and external objects that it has."""
    rows = rows.copy()
    defines = rows["destination"] != NONE
    value = np.full(program.values, NONE, dtype=np.int32)
    value[rows["destination"][defines]] = np.arange(int(defines.sum()))
    rows["destination"][defines] = value[rows["destination"][defines]]
    sources = rows["sources"]
    rows["sources"] = np.where(sources == NONE, NONE, value[sources])
    moved = rows["external"] != NONE
    kept, rows["external"][moved] = np.unique(rows["external"][moved], return_inverse=True)
    externals = externals[kept].copy()
    named, externals["object"] = np.unique(externals["object"], return_inverse=True)
    return Program(
        N=program.N,
        moduli=program.moduli,
        instructions=rows,
        externals=externals,
        objects=tuple(objects[index] for index in named),
        operations=program.operations[first : last + 1],
    )

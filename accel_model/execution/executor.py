"""A program run in NumPy on real limbs: the executor that must have the same bits as `he`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accel_model.errors import ExecutionError
from accel_model.execution.arithmetic import MAX_MODULUS_BITS, LimbArithmetic
from accel_model.isa import NONE, SOURCES, Opcode, Program, semantics
from accel_model.isa.program_data import Data, empty_outputs, limbs_read


def execute(
    program: Program, data: Data, arithmetic: LimbArithmetic | None = None
) -> dict[str, np.ndarray]:
    """Run `program` on the arrays of its inputs, keys and plaintexts; returns its outputs by name.

    arithmetic: the operations on limbs, by default in plain NumPy. Raises `ExecutionError` for an
    array that is missing or has another shape or dtype, for a residue out of range, and for a
    modulus of 2^61 or more, or without a transform.
    """
    if max(program.moduli) >= 1 << MAX_MODULUS_BITS:
        raise ExecutionError(
            f"modulus {max(program.moduli)}: a modulus below 2^{MAX_MODULUS_BITS} is needed"
        )
    arithmetic = LimbArithmetic(program.N) if arithmetic is None else arithmetic
    outside, outputs = limbs_read(program, data), empty_outputs(program)
    rows, table = program.instructions, program.externals
    last_uses = program.last_uses.tolist()
    objects, limbs = table["object"].tolist(), table["limb"].tolist()
    columns = ("opcode", "modulus", "external", "element", "scalar", "addend")
    fields = zip(*(rows[name].tolist() for name in columns), strict=True)
    values: dict[int, np.ndarray] = {}
    defined = 0
    source_rows = rows["sources"].tolist()
    for index, (code, modulus, external, element, scalar, addend) in enumerate(fields):
        names = [s for s in source_rows[index] if s != NONE]
        sources = [values[name] for name in names]
        q = program.moduli[modulus]
        if code == Opcode.LOAD:
            values[defined] = _loaded(outside[objects[external]][limbs[external]], q, external)
        elif code == Opcode.STORE:
            target = program.objects[objects[external]].name
            outputs[target].reshape(-1, program.N)[limbs[external]] = sources[0]
        elif code == Opcode.PERMUTE:
            values[defined] = sources[0][arithmetic.permutation(element)]
        else:
            values[defined] = _COMPUTE[Opcode(code)](arithmetic, sources, q, scalar, addend)
        if code != Opcode.STORE:
            if last_uses[defined] == NONE:
                del values[defined]
            defined += 1
        for name in names:
            if last_uses[name] == index:
                values.pop(name, None)
    return outputs


def _loaded(limb: np.ndarray, q: int, external: int) -> np.ndarray:
    if int(limb.max()) >= q:
        raise ExecutionError(
            f"external limb {external} holds the residue {limb.max()}, which is not below {q}"
        )
    return limb


Sources = list[np.ndarray]


def _zero(k: LimbArithmetic, s: Sources, q: int, scalar: int, addend: int) -> np.ndarray:
    return np.zeros(k.N, dtype=np.uint64)


def _convert(k: LimbArithmetic, s: Sources, q: int, scalar: int, addend: int) -> np.ndarray:
    product = k.multiply(k.reduce(s[0], q), scalar, q)
    return k.add(product, s[1] if len(s) > 1 else np.uint64(addend), q)


def _fraction(k: LimbArithmetic, s: Sources, q: int, scalar: int, addend: int) -> np.ndarray:
    return semantics.fraction(s[0], scalar, s[1] if len(s) > 1 else None)


_COMPUTE: dict[Opcode, Callable[[LimbArithmetic, Sources, int, int, int], np.ndarray]] = {
    Opcode.ZERO: _zero,
    Opcode.NTT: lambda k, s, q, scalar, addend: k.forward(s[0], q),
    Opcode.INTT: lambda k, s, q, scalar, addend: k.inverse(s[0], q),
    Opcode.MUL: lambda k, s, q, scalar, addend: k.multiply(s[0], s[1], q),
    Opcode.MULADD: lambda k, s, q, scalar, addend: k.add(k.multiply(s[0], s[1], q), s[2], q),
    Opcode.MULSCALAR: lambda k, s, q, scalar, addend: k.multiply(s[0], scalar, q),
    Opcode.ADD: lambda k, s, q, scalar, addend: k.add(s[0], s[1], q),
    Opcode.SUB: lambda k, s, q, scalar, addend: k.subtract(s[0], s[1], q),
    Opcode.NEGATE: lambda k, s, q, scalar, addend: k.subtract(np.zeros_like(s[0]), s[0], q),
    Opcode.ADDSCALAR: lambda k, s, q, scalar, addend: k.add(s[0], np.uint64(scalar), q),
    Opcode.CONVERT: _convert,
    Opcode.FRACTION: _fraction,
    Opcode.FLOOR: lambda k, s, q, scalar, addend: semantics.floor(s[0]),
}
assert set(_COMPUTE) | {Opcode.LOAD, Opcode.STORE, Opcode.PERMUTE} == set(SOURCES)

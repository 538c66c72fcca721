"""The level of each ciphertext of a trace, which names ciphertexts by number and shape alone."""

from __future__ import annotations

from accel_model.errors import LoweringError
from he.trace import HEOp, OpTrace

_ONE_BELOW = ("relinearize_rescale", "linear_transform")


def ciphertext_levels(trace: OpTrace) -> list[int]:
    """The level of each ciphertext: in a chain its limbs less one, else that of its operations.

    Raises `LoweringError` for a ciphertext whose level nothing tells.
    """
    limbs = [shape[1] for shape in trace.ciphertexts]
    if trace.is_chain:
        return [count - 1 for count in limbs]
    found: dict[int, int] = {}
    for place, op in enumerate(trace.operations):
        try:
            for number in op.operands:
                if number not in found:
                    found[number] = _of_operand(trace, op, limbs[number])
            for number in op.results:
                found[number] = _of_result(trace, op, limbs[number])
        except LoweringError as problem:
            raise LoweringError(f"operation {place} ({op.kind}): {problem}", place) from problem
    for number in trace.outputs:
        if number not in found:
            found[number] = _only(trace, range(len(trace.levels)), limbs[number])
    return [found.get(number, 0) for number in range(len(limbs))]


def _of_operand(trace: OpTrace, op: HEOp, limbs: int) -> int:
    """The level of the operation, or a higher one that holds it (`add_multiple`)."""
    levels = trace.levels
    if levels[op.level].limbs == limbs:
        return op.level
    above = range(op.level + 1, len(levels))
    return _only(trace, [i for i in above if levels[i].holds(levels[op.level])], limbs)


def _of_result(trace: OpTrace, op: HEOp, limbs: int) -> int:
    if op.kind in _ONE_BELOW:
        return op.level - 1
    if op.kind == "rescale":
        return op.level - 1 if op.to_level is None else op.to_level
    if op.kind == "raise_modulus" and op.to_level is not None:
        return op.to_level
    if op.kind == "drop_limbs":
        levels = trace.levels
        held = [i for i in range(op.level + 1) if levels[op.level].holds(levels[i])]
        return _only(trace, held, limbs)
    return op.level


def _only(trace: OpTrace, candidates: range | list[int], limbs: int) -> int:
    found = [level for level in candidates if trace.levels[level].limbs == limbs]
    if len(found) != 1:
        raise LoweringError(f"a ciphertext of {limbs} limbs stands at one of the levels {found}")
    return found[0]

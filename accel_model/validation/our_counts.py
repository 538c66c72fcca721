"""Operation counts of our own programs, from their instructions.

The operations have the shapes of SimFHE's: the same limbs, digits and special limbs.
"""

from __future__ import annotations

from typing import Any

from accel_model.isa import Opcode
from accel_model.lowering.operations import lower
from accel_model.validation.simfhe import Shape, Work
from he.trace import RELINEARIZATION, HEOp, OpTrace, TracedKey


def our_key_switch(shape: Shape) -> Work:
    """Relinearization of three parts."""
    L = shape.limbs
    switch = HEOp("relinearize", L - 1, (0,), (1,), **_with_key(shape, RELINEARIZATION))
    return _work_of(shape, RELINEARIZATION, ((3, L), (2, L)), (switch,))


def our_rotate(shape: Shape) -> Work:
    """One rotation."""
    L, element = shape.limbs, 5
    rotation = HEOp(
        "automorphisms", L - 1, (0,), (1,), elements=(element,), **_with_key(shape, element)
    )
    return _work_of(shape, element, ((2, L), (2, L)), (rotation,))


def our_multiply(shape: Shape) -> Work:
    """Tensor product; relinearization with the rescaling merged into the division by P."""
    L = shape.limbs
    product = HEOp("tensor", L - 1, (0, 1), (2,))
    switch = HEOp("relinearize_rescale", L - 1, (2,), (3,), **_with_key(shape, RELINEARIZATION))
    ciphertexts = (2, L), (2, L), (3, L), (2, L - 1)
    return _work_of(shape, RELINEARIZATION, ciphertexts, (product, switch))


def _with_key(shape: Shape, element: int) -> dict[str, Any]:
    """The fields of an operation that switches with the key of an element."""
    return {"keys": (element,), "digits": _digits(shape)}


def _digits(shape: Shape) -> int:
    """Digits that have a limb."""
    return -(-shape.limbs // shape.alpha)


def _work_of(
    shape: Shape,
    element: int,
    ciphertexts: tuple[tuple[int, ...], ...],
    operations: tuple[HEOp, ...],
) -> Work:
    """The work of operations, lowered alone, with one key.

    The first operation takes the inputs, and the last ciphertext is the output. Counts do not
    depend on the primes, so the smallest odd primes serve.
    """
    primes = _odd_primes(shape.all_limbs)
    counts = lower(
        OpTrace(
            N=shape.N,
            q=primes[: shape.limbs],
            p=primes[shape.limbs :],
            digit_limbs=shape.alpha,
            ciphertexts=ciphertexts,
            plaintexts=(),
            keys=(TracedKey(element, shape.limbs - 1, (_digits(shape), 2, shape.all_limbs)),),
            inputs=operations[0].operands,
            outputs=(len(ciphertexts) - 1,),
            operations=operations,
        )
    ).counts()

    def total(*opcodes: Opcode) -> int:
        return sum(counts.get(opcode, 0) for opcode in opcodes)

    both = (Opcode.MULADD, Opcode.CONVERT, Opcode.FRACTION)
    return Work(
        total(Opcode.NTT, Opcode.INTT),
        total(Opcode.MUL, Opcode.MULSCALAR, *both),
        total(Opcode.ADD, Opcode.SUB, Opcode.NEGATE, Opcode.ADDSCALAR, *both),
    )


def _odd_primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    candidate = 3
    while len(found) < count:
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
        candidate += 2
    return tuple(found)

"""The accelerator's instructions, on limbs: opcodes, phases, and the record of one instruction."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np


class Opcode(enum.IntEnum):
    """What an instruction computes: destination d from sources a, b, c, all modulo q."""

    LOAD = 0
    """d = the external limb `external`"""
    STORE = 1
    """the external limb `external` = a; defines no value"""
    ZERO = 2
    """d = 0"""
    NTT = 3
    """d = the forward transform of a: natural order to bit-reversed order"""
    INTT = 4
    """d = the inverse transform of a, scaled by N^-1: bit-reversed order to natural order"""
    MUL = 5
    """d = a b"""
    MULADD = 6
    """d = a b + c"""
    MULSCALAR = 7
    """d = a scalar"""
    ADD = 8
    """d = a + b"""
    SUB = 9
    """d = a - b"""
    NEGATE = 10
    """d = -a"""
    ADDSCALAR = 11
    """d = a + scalar"""
    CONVERT = 12
    """d = a scalar + b, one step of a base conversion: a is a limb of another modulus (or an
    overflow count), taken as whole numbers; `addend` stands for a missing b"""
    FRACTION = 13
    """d = a / q + b in float64, kept as its 64 bits: one step of the overflow count; `scalar` has
    the bits of 1 / q, and 0.0 stands for a missing b (`accel_model.isa.semantics.fraction`)"""
    FLOOR = 14
    """d = the whole part of a sum of `FRACTION`: the overflow count of the CRT sum, small integers
    (`accel_model.isa.semantics.floor`)"""
    PERMUTE = 15
    """d = the automorphism x -> x^element of a, in the transformed domain"""


class Phase(enum.IntEnum):
    """The part of an operation that an instruction belongs to."""

    TRANSFER = 0
    DECOMPOSE = 1
    """a polynomial to the digits of a key switch"""
    KEY_PRODUCT = 2
    """digits times a switching key"""
    PLAIN_PRODUCT = 3
    """ciphertexts times plaintexts and constants"""
    TENSOR = 4
    """ciphertext times ciphertext"""
    SUM = 5
    AUTOMORPHISM = 6
    DIVIDE = 7
    """division by P, q_l, or both"""
    RAISE = 8
    """residues modulo few primes to those modulo many"""


NONE = -1
"""Stands where an instruction has no source, no destination or no external limb."""

SOURCES: dict[Opcode, tuple[int, int]] = {
    Opcode.LOAD: (0, 0),
    Opcode.STORE: (1, 1),
    Opcode.ZERO: (0, 0),
    Opcode.NTT: (1, 1),
    Opcode.INTT: (1, 1),
    Opcode.MUL: (2, 2),
    Opcode.MULADD: (3, 3),
    Opcode.MULSCALAR: (1, 1),
    Opcode.ADD: (2, 2),
    Opcode.SUB: (2, 2),
    Opcode.NEGATE: (1, 1),
    Opcode.ADDSCALAR: (1, 1),
    Opcode.CONVERT: (1, 2),
    Opcode.FRACTION: (1, 2),
    Opcode.FLOOR: (1, 1),
    Opcode.PERMUTE: (1, 1),
}
"""The fewest and the most leading sources of each opcode."""

EXTENDED = {Opcode.FRACTION: "he_fraction", Opcode.FLOOR: "he_floor"}
"""The opcodes that exchange formats have no word for, and the words for them here."""

INSTRUCTION = np.dtype(
    [
        ("opcode", np.uint8),
        ("phase", np.uint8),
        ("modulus", np.uint16),  # index in Program.moduli
        ("operation", np.int32),  # index in Program.operations
        ("destination", np.int32),  # value, or NONE for STORE
        ("sources", np.int32, (3,)),  # values, leading ones first, NONE for the rest
        ("external", np.int32),  # row of Program.externals for LOAD and STORE, else NONE
        ("element", np.int32),  # Galois element of PERMUTE, else 0
        ("scalar", np.uint64),
        ("addend", np.uint64),
    ]
)

def describe(instruction: np.void) -> str:
    """One instruction in words, for people."""
    code = int(instruction["opcode"])
    name = Opcode(code).name if code < len(Opcode) else f"opcode {code}"
    sources: Sequence[int] = [int(s) for s in instruction["sources"] if s != NONE]
    words = [name, f"v{instruction['destination']}", "<-", *(f"v{s}" for s in sources)]
    words.append(f"mod #{instruction['modulus']}")
    if instruction["external"] != NONE:
        words.append(f"external #{instruction['external']}")
    if instruction["element"]:
        words.append(f"element {instruction['element']}")
    return " ".join(words)

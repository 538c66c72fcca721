"""Programs and traces for tests of the model."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    SOURCES,
    ExternalObject,
    Opcode,
    Operation,
    Program,
)
from he.trace import HEOp, OpTrace, TracedKey
from ntt import find_primes

OPCODES = (Opcode.LOAD, Opcode.NTT, Opcode.INTT, Opcode.MUL, Opcode.MULADD, Opcode.ADD,
           Opcode.PERMUTE, Opcode.STORE)  # fmt: skip

PRIMES_OF_36_BITS = (68719230977, 68718428161, 68717379585)
"""1 modulo 2^14."""


def program_of(seed: int, count: int, N: int = 1024, reach: int = 12) -> Program:
    """Random instructions whose sources lie up to `reach` values back."""
    random = np.random.default_rng(seed)
    rows = np.zeros(count, INSTRUCTION)
    rows["sources"], rows["external"] = NONE, NONE
    values = externals = 0
    for row in rows:
        opcode = Opcode.LOAD if values < 3 else Opcode(int(random.choice(OPCODES)))
        row["opcode"], row["destination"] = opcode, NONE
        for k in range(SOURCES[opcode][0]):
            row["sources"][k] = values - 1 - int(random.integers(min(values, reach)))
        if opcode in (Opcode.LOAD, Opcode.STORE):
            row["external"] = externals
            externals += 1
        if opcode is Opcode.PERMUTE:
            row["element"] = 5
        if opcode is not Opcode.STORE:
            row["destination"] = values
            values += 1
    table = np.zeros(externals, EXTERNAL)
    table["limb"] = np.arange(externals)
    objects = (ExternalObject("key", "1", (externals,)),)
    return Program(N, (65537,), rows, table, objects, (Operation("rotate", 1, "conv"),))


programs = st.builds(program_of, st.integers(0, 10**6), st.integers(4, 60))


def sum_of_two(N: int = 8192, primes: tuple[int, ...] = PRIMES_OF_36_BITS) -> OpTrace:
    """A trace without rotations: one addition."""
    shape = (2, 2)
    operation = HEOp("add", 1, (0, 1), (2,), layer="sum")
    return OpTrace(
        N, primes[:2], primes[2:], 1, (shape, shape, shape), (), (), (0, 1), (2,), (operation,)
    )


def product_trace() -> OpTrace:
    """A product and its relinearization: about a hundred instructions."""
    *q, special = find_primes(30, 64, 4)
    operations = (
        HEOp("tensor", 2, (0, 1), (2,), layer="product"),
        HEOp("relinearize", 2, (2,), (3,), keys=(0,), digits=3, layer="switch"),
    )
    return OpTrace(
        N=64,
        q=tuple(map(int, q)),
        p=(int(special),),
        digit_limbs=1,
        ciphertexts=((2, 3), (2, 3), (3, 3), (2, 3)),
        plaintexts=(),
        keys=(TracedKey(0, 2, (3, 2, 4)),),
        inputs=(0, 1),
        outputs=(3,),
        operations=operations,
    )

"""Random programs of every opcode, their data, and machines for them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    ExternalObject,
    Opcode,
    Operation,
    Program,
)
from accel_model.timed.shape import Channel, Shape
from ntt import find_primes

N = 64


def moduli_of(N: int) -> tuple[int, ...]:
    """Three primes of different widths."""
    return tuple(int(find_primes(bits, N, 1)[0]) for bits in (28, 24, 20))


MODULI = moduli_of(N)
RADIX = 1 << 28


class RandomProgram:
    """Values modulo their modulus; `words` are values below 2^28 that no modulus bounds."""

    def __init__(self, seed: int, count: int, N: int = N) -> None:
        self.N, self.moduli = N, moduli_of(N)
        self.random = np.random.default_rng(seed)
        self.rows, self.externals = [], []
        self.values: list[int] = []  # the modulus of each
        self.residues: dict[int, list[int]] = {m: [] for m in range(len(self.moduli))}
        for modulus in range(len(self.moduli)):
            for owner in (0, 1):
                self.load(modulus, owner)
        for _ in range(count):
            self.step()
        for modulus, known in self.residues.items():
            self.store(modulus, known[-1])

    def emit(self, opcode, modulus, sources=(), **fields):
        row = np.zeros((), INSTRUCTION)
        row["opcode"], row["modulus"] = opcode, modulus
        row["sources"], row["external"] = NONE, NONE
        for k, source in enumerate(sources):
            row["sources"][k] = source
        row["destination"] = NONE if opcode is Opcode.STORE else len(self.values)
        for name, value in fields.items():
            row[name] = value
        self.rows.append(row)
        if opcode is not Opcode.STORE:
            self.values.append(modulus)
        return len(self.values) - 1

    def keep(self, modulus, value):
        self.residues[modulus].append(value)

    def load(self, modulus, owner):
        self.externals.append((owner, modulus))
        self.keep(modulus, self.emit(Opcode.LOAD, modulus, external=len(self.externals) - 1))

    def store(self, modulus, value):
        self.externals.append((2, modulus))
        self.emit(Opcode.STORE, modulus, [value], external=len(self.externals) - 1)

    def step(self):
        codes = [o for o in Opcode if o not in (Opcode.STORE, Opcode.FRACTION, Opcode.FLOOR)]
        code = Opcode(self.random.choice([*codes, Opcode.FLOOR]))
        modulus = int(self.random.integers(len(self.moduli)))
        q = self.moduli[modulus]
        known = self.residues[modulus]
        constant = int(self.random.integers(q))

        def one():
            return known[-1 - int(self.random.integers(min(len(known), 12)))]

        if code is Opcode.LOAD:
            self.load(modulus, int(self.random.integers(2)))
        elif code is Opcode.FLOOR:
            total = ()
            for m, qm in enumerate(self.moduli[: int(self.random.integers(1, 4))]):
                bits = int(np.array([1 / qm]).view(np.uint64)[0])
                source = self.residues[m][-1]
                total = (self.emit(Opcode.FRACTION, m, [source, *total], scalar=bits),)
            self.keep(modulus, self.emit(Opcode.FLOOR, modulus, total))
        elif code is Opcode.CONVERT:
            source = self.residues[int(self.random.integers(len(self.moduli)))][-1]
            if self.random.integers(2):
                new = self.emit(code, modulus, [source, one()], scalar=constant)
            else:
                addend = int(self.random.integers(q))
                new = self.emit(code, modulus, [source], scalar=constant, addend=addend)
            self.keep(modulus, new)
        else:
            sources = {Opcode.ZERO: 0, Opcode.MUL: 2, Opcode.MULADD: 3, Opcode.ADD: 2,
                       Opcode.SUB: 2}.get(code, 1)  # fmt: skip
            fields = {}
            if code is Opcode.PERMUTE:
                fields["element"] = int(self.random.integers(self.N)) * 2 + 1
            if code in (Opcode.MULSCALAR, Opcode.ADDSCALAR):
                fields["scalar"] = constant
            self.keep(modulus, self.emit(code, modulus, [one() for _ in range(sources)], **fields))

    def program(self) -> Program:
        table = np.zeros(len(self.externals), EXTERNAL)
        counts = [0, 0, 0]
        for entry, (owner, modulus) in zip(table, self.externals, strict=True):
            entry["object"], entry["limb"], entry["modulus"] = owner, counts[owner], modulus
            counts[owner] += 1
        kinds = ("input", "x"), ("key", "1"), ("output", "y")
        objects = tuple(
            ExternalObject(kind, name, (n,)) for (kind, name), n in zip(kinds, counts, strict=True)
        )
        rows = np.array(self.rows, INSTRUCTION)
        return Program(self.N, self.moduli, rows, table, objects, (Operation("any", 1, ""),))

    def data(self) -> dict[tuple[str, str], np.ndarray]:
        data = {}
        for owner, key in enumerate((("input", "x"), ("key", "1"))):
            limbs = [
                self.random.integers(0, self.moduli[m], self.N, dtype=np.uint64)
                for o, m in self.externals
                if o == owner
            ]
            data[key] = np.stack(limbs)
        return data


random_programs = st.builds(RandomProgram, st.integers(0, 10**6), st.integers(1, 80))


def shape_of(**changes) -> Shape:
    """A small machine for the random programs."""
    fields = {
        "N": N, "moduli": MODULI, "width": 28, "lanes": 2, "slots": 12,
        "multiplier_latency_cycles": 9, "butterfly_latency_cycles": 15,
        "channel": Channel(data_bits=32, burst_beats=4, latency_cycles=30, outstanding=3),
    }  # fmt: skip
    return Shape(**(fields | changes))


shapes = st.builds(
    lambda lanes, slots, arrivals, departures, pointwise, twiddles: shape_of(
        lanes=lanes,
        slots=slots,
        arrivals=arrivals,
        departures=departures,
        pointwise_units=pointwise,
        twiddles=twiddles,
    ),
    st.sampled_from([2, 4]),
    st.integers(4, 40),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from(["stored", "generated"]),
)

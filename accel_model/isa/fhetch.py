"""Programs as FHETCH text traces, Niobium's open format (github.com/NiobiumInc/niobium-fhetch).

A trace is a table of moduli, `modulus_count` and `m[i] 0x..` with a sentinel at m[0], a line for
each instruction: `sr_mulp %7, %3, %5, m=2`, with addresses %, and `halt`. What the format has no
words for stands in comments, which other readers pass over: the ring degree, the names of inputs,
keys and outputs, and the operation that instructions belong to.

- A `LOAD` is no line: its address is read before it is written.
- `MULADD` is a product and a sum. A step of a base conversion is `sr_mulps` of an address that has
  residues of another modulus, taken as whole numbers, and a sum.
- The overflow counts of divisions by several primes (`FRACTION`, `FLOOR`) are float64 sums, and no
  instructions of the format. They are written as comments where `extended` allows it: other readers
  then compute without them.

So a program that was written and read has other instructions than the first, and the same results;
written again, it has the same text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from accel_model.errors import ProgramError, ProgramFileError
from accel_model.isa.instructions import EXTENDED, INSTRUCTION, NONE, Opcode, Phase
from accel_model.isa.program import EXTERNAL, ExternalObject, Operation, Program

LARGEST_MODULUS_BITS = 63
_SENTINEL = 0

_PAIRS = {Opcode.ADD: "sr_addp", Opcode.SUB: "sr_subp", Opcode.MUL: "sr_mulp"}
_SINGLE = {Opcode.NTT: "sr_ntt", Opcode.INTT: "sr_intt", Opcode.NEGATE: "sr_negp"}
_SCALAR = {Opcode.MULSCALAR: "sr_mulps", Opcode.ADDSCALAR: "sr_addps"}


def fhetch_lines(program: Program, *, extended: bool = False) -> Iterator[str]:
    """The lines of a trace, without line ends.

    extended: overflow counts are written as comments. Raises `ProgramError` for a modulus of 2^63
    or more, and, unless `extended`, for a program with overflow counts.
    """
    _check_writable(program, extended)
    yield f"# ring_dimension {program.N}"
    for number, o in enumerate(program.operations):
        yield f"# operation {number} {o.kind} {o.level} {o.layer}".rstrip()
    for number, e in enumerate(program.objects):
        shape = "x".join(map(str, e.shape))
        yield f"# object {number} {e.kind} {shape} {e.name}"
    yield f"modulus_count {len(program.moduli) + 1}"
    yield f"m[0] {_SENTINEL:#x}"
    for number, q in enumerate(program.moduli, 1):
        yield f"m[{number}] {q:#x}"
    writer = _Writer(program)
    for row in program.instructions:
        yield from writer.lines(row)
    yield "halt"


def _check_writable(program: Program, extended: bool) -> None:
    widest = max(program.moduli)
    if widest >= 1 << LARGEST_MODULUS_BITS:
        raise ProgramError(
            f"modulus {widest}: FHETCH has moduli below 2^{LARGEST_MODULUS_BITS}: "
            "use smaller primes"
        )
    counts = program.counts()
    floats = counts.get(Opcode.FRACTION, 0) + counts.get(Opcode.FLOOR, 0)
    if floats and not extended:
        raise ProgramError(
            f"{floats} instructions count overflows in float64, which FHETCH has no instruction "
            "for: write them as comments (--extended), or use parameters with one special prime"
        )


class _Writer:
    """Addresses are the numbers of values; a product inside `MULADD` and the like has a new one."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.next = program.values
        self.place: tuple[int, int] | None = None

    def lines(self, row: np.void) -> Iterator[str]:
        code, m = Opcode(int(row["opcode"])), f"m={int(row['modulus']) + 1}"
        d, (a, b, c) = int(row["destination"]), (int(s) for s in row["sources"])
        scalar, addend = int(row["scalar"]), int(row["addend"])
        place = int(row["operation"]), int(row["phase"])
        if place != self.place:
            self.place = place
            yield f"# of {place[0]} {Phase(place[1]).name}"
        if code in (Opcode.LOAD, Opcode.STORE):
            limb = self.program.externals[int(row["external"])]
            seeded = " seeded" if limb["seeded"] else ""
            word, address = ("load", d) if code is Opcode.LOAD else ("store", a)
            yield f"# {word} %{address} {limb['object']}[{limb['limb']}] {m}{seeded}"
        elif code in _PAIRS:
            yield f"{_PAIRS[code]} %{d}, %{a}, %{b}, {m}"
        elif code in _SCALAR:
            yield f"{_SCALAR[code]} %{d}, %{a}, {scalar}, {m}"
        elif code in _SINGLE:
            omega = ""
            if code is not Opcode.NEGATE:
                q = self.program.moduli[int(row["modulus"])]
                omega = f", omega={smallest_root(self.program.N, q)}"
            yield f"{_SINGLE[code]} %{d}, %{a}, {m}{omega}"
        elif code is Opcode.ZERO:
            yield f"sr_mulps %{d}, %{d}, 0, {m}"
        elif code is Opcode.PERMUTE:
            N = self.program.N
            shape = f"mask={N - 1}, logn={N.bit_length() - 1}, k={int(row['element'])}"
            yield f"sr_automorph_eval %{d}, %{a}, {m}, {shape}"
        elif code is Opcode.MULADD:
            yield f"sr_mulp %{self.next}, %{a}, %{b}, {m}"
            yield f"sr_addp %{d}, %{self.next}, %{c}, {m}"
            self.next += 1
        elif code is Opcode.CONVERT and (b != NONE or addend):
            yield f"sr_mulps %{self.next}, %{a}, {scalar}, {m}"
            rest = f"%{b}" if b != NONE else addend
            yield f"{'sr_addp' if b != NONE else 'sr_addps'} %{d}, %{self.next}, {rest}, {m}"
            self.next += 1
        elif code is Opcode.CONVERT:
            yield f"sr_mulps %{d}, %{a}, {scalar}, {m}"
        else:
            second = f", %{b}" if b != NONE else ""
            yield f"# {EXTENDED[code]} %{d}, %{a}{second}, {scalar}, {m}"


@functools.lru_cache(maxsize=1024)
def smallest_root(N: int, q: int) -> int:
    """The smallest primitive 2N-th root of unity modulo the prime q.

    Raises `ProgramError` where there is none.
    """
    if (q - 1) % (2 * N) == 0:
        for base in range(2, 200):
            root = pow(base, (q - 1) // (2 * N), q)
            if pow(root, N, q) == q - 1:
                square, least, power = root * root % q, root, root
                for _ in range(N - 1):
                    power = power * square % q
                    least = min(least, power)
                return least
    raise ProgramError(f"modulus {q} has no transform of {N} points: a prime 1 mod {2 * N} has one")


@dataclass
class _Reader:
    """The state of a trace that is read line by line."""

    N: int
    moduli: list[int] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    values: int = 0
    at: dict[int, int] = field(default_factory=dict)  # address -> value
    modulus_of: dict[int, int] = field(default_factory=dict)  # value -> index of its modulus
    read: set[int] = field(default_factory=set)
    externals: list[tuple[int, int, int, bool]] = field(default_factory=list)
    objects: list[ExternalObject] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    place: tuple[int, int] = (0, int(Phase.SUM))
    foreign: int = 0  # inputs that no comment names

    def emit(self, code: Opcode, m: int, *sources: int, **fields: int) -> int:
        """Add an instruction; returns its value, or NONE for STORE."""
        row = np.zeros(1, INSTRUCTION)
        row["opcode"], row["modulus"], row["sources"] = code, m, NONE
        row["operation"], row["phase"] = self.place
        row["external"] = NONE
        for column, value in enumerate(sources):
            row["sources"][0, column] = value
            self.read.add(value)
        for name, number in fields.items():
            row[name] = number
        value = NONE if code is Opcode.STORE else self.values
        row["destination"] = value
        if value != NONE:
            self.modulus_of[value] = m
            self.values += 1
        self.rows.append(row)
        return value

    def value(self, address: int, m: int) -> int:
        """The value at an address; one that was never written is an input modulo m."""
        if address not in self.at:
            self.externals.append((-1, self.foreign, m, False))
            self.foreign += 1
            phase, self.place = self.place, (self.place[0], int(Phase.TRANSFER))
            self.at[address] = self.emit(Opcode.LOAD, m, external=len(self.externals) - 1)
            self.place = phase
        return self.at[address]


_COMMENTS = {
    "ring": re.compile(r"# ring_dimension (\d+)"),
    "operation": re.compile(r"# operation (\d+) (\S+) (-?\d+) ?(.*)"),
    "object": re.compile(r"# object (\d+) (\S+) ([\dx]*) (.*)"),
    "of": re.compile(r"# of (\d+) (\w+)"),
    "move": re.compile(r"# (load|store) %(\d+) (\d+)\[(\d+)\] m=(\d+)( seeded)?"),
    "extended": re.compile(r"# (\w+) %(\d+), %(\d+)(?:, %(\d+))?, (\d+), m=(\d+)"),
}
_INSTRUCTION = re.compile(r"(sr_\w+) %(\d+), %(\d+)(?:, (%?)(\w+))?, m=(\d+)((?:, \w+=\w+)*)")


def parse_fhetch(text: str, path: str = "trace", N: int | None = None) -> Program:
    """The program of a trace. N: the ring degree, where no comment states it.

    An address that is read before it is written is an input. Where the trace names no objects,
    every result that nothing reads is an output. Raises `ProgramFileError`, with the line.
    """
    reader = _Reader(N or 0)
    halted = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if halted or not line:
            continue
        try:
            halted = line.lower() == "halt"
            if not halted:
                _read_line(reader, line)
        except (ProgramError, ValueError, OverflowError) as error:
            raise ProgramFileError(f"{path}:{number}: {error}") from error
    if not halted:
        raise ProgramFileError(f"{path}: no `halt`: the trace was cut short: write it again")
    try:
        return _program(reader)
    except (ProgramError, OverflowError) as error:
        raise ProgramFileError(f"{path}: {error}") from error


def _read_line(reader: _Reader, line: str) -> None:
    if line.startswith("#"):
        _read_comment(reader, line)
    elif line.startswith("modulus_count"):
        return
    elif found := re.fullmatch(r"m\[(\d+)\] (0x[0-9a-fA-F]+)", line):
        if int(found[1]) == len(reader.moduli) + 1:
            reader.moduli.append(int(found[2], 16))
        elif int(found[1]):
            raise ProgramError(
                f"m[{found[1]}] behind m[{len(reader.moduli)}]: number them in order"
            )
    else:
        instruction = _INSTRUCTION.fullmatch(line.split("#")[0].strip())
        if instruction is None:
            raise ProgramError(f"{line!r} is no instruction that is known here")
        _read_instruction(reader, instruction)


def _read_comment(reader: _Reader, line: str) -> None:
    known = ((kind, form.fullmatch(line)) for kind, form in _COMMENTS.items())
    kind, found = next(((kind, match) for kind, match in known if match), ("", None))
    if found is None:
        return
    if kind == "ring":
        reader.N = int(found[1])
    elif kind == "operation":
        reader.operations.append(Operation(found[2], int(found[3]), found[4]))
    elif kind == "object":
        shape = tuple(int(n) for n in found[3].split("x")) if found[3] else ()
        reader.objects.append(ExternalObject(found[2], found[4], shape))
    elif kind == "of":
        reader.place = int(found[1]), int(Phase[found[2]])
    elif kind == "move":
        m = _modulus(reader, found[5])
        reader.externals.append((int(found[3]), int(found[4]), m, bool(found[6])))
        if found[1] == "load":
            value = reader.emit(Opcode.LOAD, m, external=len(reader.externals) - 1)
            reader.at[int(found[2])] = value
        else:
            source = reader.value(int(found[2]), m)
            reader.emit(Opcode.STORE, m, source, external=len(reader.externals) - 1)
    elif found[1] in EXTENDED.values():
        code = next(code for code, name in EXTENDED.items() if name == found[1])
        m = _modulus(reader, found[6])
        sources = [reader.value(int(a), m) for a in (found[3], found[4]) if a]
        reader.at[int(found[2])] = reader.emit(code, m, *sources, scalar=int(found[5]))


def _modulus(reader: _Reader, word: str) -> int:
    m = int(word) - 1
    if not 0 <= m < len(reader.moduli):
        raise ProgramError(f"m={word}: the table has m=1 to m={len(reader.moduli)}")
    return m


def _read_instruction(reader: _Reader, found: re.Match[str]) -> None:
    name, d, first, is_address, second, extra = (found[i] for i in (1, 2, 3, 4, 5, 7))
    m = _modulus(reader, found[6])
    q = reader.moduli[m]
    options = dict(word.split("=") for word in extra.split(", ") if word)
    pairs = {word: code for code, word in _PAIRS.items()}
    if name in pairs and is_address:
        a, b = reader.value(int(first), m), reader.value(int(second), m)
        value = reader.emit(pairs[name], m, a, b)
    elif name == "sr_mulps" and second == "0":
        value = reader.emit(Opcode.ZERO, m)
    elif name in ("sr_mulps", "sr_addps", "sr_subps") and second and not is_address:
        scalar = int(second, 0) % q
        a = reader.value(int(first), m)
        if name == "sr_mulps":
            whole = reader.modulus_of[a] != m
            value = reader.emit(Opcode.CONVERT if whole else Opcode.MULSCALAR, m, a, scalar=scalar)
        else:
            scalar = scalar if name == "sr_addps" else -scalar % q
            value = reader.emit(Opcode.ADDSCALAR, m, a, scalar=scalar)
    elif name in _SINGLE.values() and not second:
        code = next(code for code, word in _SINGLE.items() if word == name)
        root = int(options.get("omega", "0"), 0)
        if code is not Opcode.NEGATE and root and root != smallest_root(reader.N, q):
            raise ProgramError(
                f"omega={root}: transforms here take the smallest root, "
                f"{smallest_root(reader.N, q)}: write the trace with that root, or without omega"
            )
        value = reader.emit(code, m, reader.value(int(first), m))
    elif name == "sr_automorph_eval" and "k" in options:
        element = int(options["k"], 0) % (2 * reader.N)
        value = reader.emit(Opcode.PERMUTE, m, reader.value(int(first), m), element=element)
    else:
        raise ProgramError(f"{name} is not an instruction of this model's units")
    reader.at[int(d)] = value


def _program(reader: _Reader) -> Program:
    if not reader.N:
        raise ProgramError("the trace does not state its ring degree: give it (--ring-degree)")
    objects, externals = list(reader.objects), list(reader.externals)
    if not reader.operations:
        reader.operations.append(Operation("trace", 0, ""))
    if reader.foreign:
        objects.append(ExternalObject("input", "in", (reader.foreign,)))
        own = len(objects) - 1
        externals = [(own if o < 0 else o, limb, m, s) for o, limb, m, s in externals]
    if not reader.objects:
        left = sorted(set(range(reader.values)) - reader.read)
        objects.append(ExternalObject("output", "out", (len(left),)))
        reader.place = 0, int(Phase.TRANSFER)
        for limb, value in enumerate(left):
            m = reader.modulus_of[value]
            externals.append((len(objects) - 1, limb, m, False))
            reader.emit(Opcode.STORE, m, value, external=len(externals) - 1)
    rows = np.concatenate(reader.rows) if reader.rows else np.zeros(0, INSTRUCTION)
    table = np.array([tuple(entry) for entry in externals], dtype=EXTERNAL)
    return Program(
        reader.N, tuple(reader.moduli), rows, table, tuple(objects), tuple(reader.operations)
    )

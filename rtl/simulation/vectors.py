"""Given cases from a JSON file: a list of objects, one for each case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtl.errors import SimulationError
from rtl.files import read_bytes


@dataclass(frozen=True)
class Entry:
    """One object of a file. Every method that reads a field raises `SimulationError` for a missing
    field or an unfit value, and names it."""

    number: int
    values: Mapping[str, Any]

    def error(self, words: str) -> SimulationError:
        """An error that names this object."""
        return SimulationError(f"vector {self.number}: {words}")

    def has(self, name: str) -> bool:
        """Whether the field has a value other than null."""
        return self.values.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            known = ", ".join(self.values) or "nothing"
            raise self.error(f"the field `{name}` is missing: the fields are {known}")
        return self.values[name]

    def integer(self, name: str) -> int:
        """A field with a whole number."""
        value = self[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"`{name}` is {value!r}: a whole number is needed")
        return value

    def truth(self, name: str) -> bool:
        """A field with true or false, or 1 or 0."""
        value = self[name]
        if not isinstance(value, int) or value not in (0, 1):
            raise self.error(f"`{name}` is {value!r}: true or false is needed, without quotes")
        return bool(value)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """A field with one of the choices."""
        value = self[name]
        if value not in choices:
            raise self.error(f"`{name}` is {value!r}: choose one of {', '.join(choices)}")
        return str(value)

    def octets(self, name: str, count: int) -> bytes:
        """A field with `count` bytes, as two hexadecimal digits each."""
        value = self[name]
        try:
            octets = bytes.fromhex(value)
        except (ValueError, TypeError) as error:
            raise self.error(
                f"`{name}` is {value!r}: {2 * count} hexadecimal digits are needed"
            ) from error
        if len(octets) != count:
            raise self.error(f"`{name}` holds {len(octets)} bytes: {count} are needed")
        return octets

    def place(self, moduli: Sequence[int]) -> int:
        """The place of the field `modulus` in the table of a unit."""
        q = self.integer("modulus")
        if q not in moduli:
            raise self.error(f"`modulus` is {q}, which is not in the table {tuple(moduli)}")
        return moduli.index(q)

    def residues(self, name: str, shape: tuple[int, ...] | None, q: int) -> np.ndarray:
        """A field with residues in [0, q), as uint64 of this shape.

        The shape () is one number; None is a row of any length.
        """
        value = self[name]
        try:
            residues = np.array(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise self.error(f"`{name}` holds no residues: {error}") from error
        whole = residues.size == 0 or residues.dtype.kind in "iu"
        if not whole or residues.min(initial=0) < 0:
            raise self.error(f"`{name}` holds no residues: whole numbers from 0 on are needed")
        residues = residues.astype(np.uint64)
        if residues.ndim != 1 if shape is None else residues.shape != shape:
            needed = "a row" if shape is None else f"a row of {shape[0]}" if shape else "one number"
            raise self.error(f"`{name}` holds {residues.size} residues: {needed} is needed")
        if residues.size and int(residues.max()) >= q:
            raise self.error(f"`{name}` holds {residues.max()}, which is not below {q}")
        return residues


def load_entries(path: Path) -> list[Entry]:
    """The objects of a file. Raises `SimulationError` if the file has none."""
    try:
        values = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError) as error:
        raise SimulationError(f"{path} holds no usable vectors: {error}") from error
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise SimulationError(f"{path} holds no usable vectors: a list of objects is needed")
    if not values:
        raise SimulationError(f"{path} holds no vectors")
    return [Entry(number, value) for number, value in enumerate(values)]

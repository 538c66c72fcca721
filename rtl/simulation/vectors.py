"""Given test vectors, from a JSON file: a list of objects, one a case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtl.errors import SimulationError


@dataclass(frozen=True)
class Entry:
    """One object of a file; every reader raises `SimulationError` naming what does not fit."""

    number: int
    values: Mapping[str, Any]

    def fail(self, words: str) -> SimulationError:
        return SimulationError(f"vector {self.number}: {words}")

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            known = ", ".join(self.values) or "nothing"
            raise self.fail(f"it needs a field {name!r}, and has {known}")
        return self.values[name]

    def integer(self, name: str) -> int:
        value = self[name]
        if not isinstance(value, int):
            raise self.fail(f"{name} is {value!r}, needed a whole number")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        value = self[name]
        if value not in choices:
            raise self.fail(f"{name} {value!r}: choose one of {', '.join(choices)}")
        return str(value)

    def place(self, moduli: Sequence[int]) -> int:
        """Where `modulus` stands in a unit's table."""
        q = self.integer("modulus")
        if q not in moduli:
            raise self.fail(f"modulus {q} is not in the table {tuple(moduli)}")
        return moduli.index(q)

    def residues(self, name: str, shape: tuple[int, ...] | None, q: int) -> np.ndarray:
        """uint64 of this shape, () being one number and None any row, all below q."""
        try:
            residues = np.array(self[name], np.uint64)
        except (ValueError, TypeError, OverflowError) as error:
            raise self.fail(f"{name} holds no residues: {error}") from error
        if residues.ndim != 1 if shape is None else residues.shape != shape:
            needed = "a row of them" if shape is None else shape[0] if shape else "one number"
            raise self.fail(f"{residues.size} residues in {name}, needed {needed}")
        if residues.size and int(residues.max()) >= q:
            raise self.fail(f"residue {residues.max()} in {name} is not below {q}")
        return residues


def load_entries(path: Path) -> list[Entry]:
    """The objects of a file. Raises `SimulationError` when there are none."""
    try:
        values = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SimulationError(f"{path} holds no usable vectors: {error!r}") from error
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise SimulationError(f"{path} holds no usable vectors: it must be a list of objects")
    if not values:
        raise SimulationError(f"{path} holds no vectors")
    return [Entry(number, value) for number, value in enumerate(values)]

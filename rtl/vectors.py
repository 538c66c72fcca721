"""Given test vectors for the NTT unit, from a JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtl.errors import SimulationError
from rtl.ntt_unit import NTTUnit
from rtl.simulate import Transform


@dataclass(frozen=True)
class Vector:
    """A transform, and the result that the file expects of it (None: only the golden one)."""

    transform: Transform
    expected: np.ndarray | None


def load_vectors(path: Path, unit: NTTUnit) -> list[Vector]:
    """The vectors of a file: a list of {"modulus": q, "inverse": bool, "input": [...],
    "output": [...]}, "output" optional. Raises `SimulationError` naming what does not fit."""
    try:
        entries = json.loads(path.read_text())
        vectors = [_vector(unit, i, entry) for i, entry in enumerate(entries)]
    except (OSError, json.JSONDecodeError, KeyError, TypeError, OverflowError) as error:
        raise SimulationError(f"{path} holds no usable vectors: {error!r}") from error
    if not vectors:
        raise SimulationError(f"{path} holds no vectors")
    return vectors


def _vector(unit: NTTUnit, number: int, entry: dict[str, object]) -> Vector:
    q = entry["modulus"]
    if q not in unit.moduli:
        raise SimulationError(f"vector {number}: modulus {q} is not in the table {unit.moduli}")
    assert isinstance(q, int)
    output = entry.get("output")
    transform = Transform(
        _residues(unit, number, entry["input"], q), unit.moduli.index(q), bool(entry["inverse"])
    )
    return Vector(transform, None if output is None else _residues(unit, number, output, q))


def _residues(unit: NTTUnit, number: int, values: object, q: int) -> np.ndarray:
    residues = np.array(values, np.uint64)
    if residues.shape != (unit.N,):
        raise SimulationError(f"vector {number}: {residues.size} residues, needed N = {unit.N}")
    if int(residues.max()) >= q:
        raise SimulationError(f"vector {number}: residue {residues.max()} is not below {q}")
    return residues

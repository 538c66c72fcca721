"""Arrays of residues come through one door: `ntt.memory` and `ntt.workspace`.

Residues are uint64. What NumPy allocates in `he` with no dtype, or with this one, is found by its
name in the source; kernels allocate on the stack, and are passed over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_doors import ROOT, module_name

ALLOCATORS = {
    "empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like",
    "ascontiguousarray", "copy", "stack", "concatenate", "tile", "repeat",
}  # fmt: skip
# Whose arrays hold no residues of a polynomial, and what they hold.
OTHERS = {
    "he.batched.sum_program.Assembly.program": "weights and places of a matrix",
    "he.batched.weighted_sums.WeightedSums.__init__": "the order of rows",
    "he.bfv.encoder.BatchEncoder._matrix": "places of slots",
    "he.bfv.encoder._slot_order": "places of slots",
    "he.ckks.bootstrap.inverse_sine": "coefficients of polynomials",
    "he.ckks.bootstrap.prediction": "variances and messages",
    "he.ckks.bootstrap.slot_matrices": "complex diagonals, and their places",
    "he.ckks.bootstrap.slot_transforms.unconjugated": "complex slots",
    "he.ckks.circuits.bsgs": "rotation steps",
    "he.ckks.circuits.diagonal_encoding.ArrangedDiagonals": "coefficients, float64 or int32",
    "he.ckks.circuits.dry_run": "keys and weights that nobody writes or reads",
    "he.ckks.circuits.hoisting.DividedColumn._multiply": "no digits at all",
    "he.ckks.circuits.polynomial_noise": "float64 values and slopes at sample points",
    "he.ckks.circuits.reused_memory.ReusedMemory": "no words at all",
    "he.ckks.encoding.embedding": "real and complex slots, float64 coefficients, and their places",
    "he.ckks.encoding.fft": "roots of unity",
    "he.ckks.encoding.lifting._garner_constants": "a number for each pair of primes",
    "he.interop.seal.blake2xb": "states of a hash function",
    "he.rlwe.keys.KeySwitchingKey.rows": "numbers of limbs",
    "he.rlwe.sampling._filled_thresholds": "probabilities",
}


def allocations(node: ast.AST, where: str) -> Iterator[tuple[str, int]]:
    """(module.class.function, line) of every allocation of what may be residues."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            decorators = {ast.unparse(decorator) for decorator in child.decorator_list}
            if not decorators & {"kernel", "inline", "intrinsic"}:
                yield from allocations(child, f"{where}.{child.name}")
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in child.keywords}
            owner, name = ast.unparse(child.func.value), child.func.attr
            allocates = name in ALLOCATORS if owner == "np" else name == "copy"
            of_residues = keywords.get("dtype", "np.uint64") == "np.uint64"
            if allocates and of_residues and "out" not in keywords:
                yield where, child.lineno
        yield from allocations(child, where)


def found_in(path: Path) -> list[tuple[str, int]]:
    return list(allocations(ast.parse(path.read_text(encoding="utf-8")), module_name(path)))


FOUND = [place for path in sorted((ROOT / "he").rglob("*.py")) for place in found_in(path)]


def test_arrays__of_residues_come_through_one_door() -> None:
    elsewhere = [
        f"{where}:{line}"
        for where, line in FOUND
        if not any(where == other or where.startswith(f"{other}.") for other in OTHERS)
    ]
    assert elsewhere == []


def test_arrays__no_exception_is_out_of_date() -> None:
    for other in OTHERS:
        assert any(where == other or where.startswith(f"{other}.") for where, _ in FOUND), other


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(n):\n    return np.empty(n, dtype=np.uint64)", [("he.m.f", 2)]),
        ("def f(n):\n    return np.zeros(n)", [("he.m.f", 2)]),
        ("class C:\n    def f(self):\n        return self.x.copy()", [("he.m.C.f", 3)]),
        ("x = np.ascontiguousarray(y[:, 1:])", [("he.m", 1)]),
        ("x = [np.empty_like(y) for y in z]", [("he.m", 1)]),
        ("x = np.empty(n, dtype=np.int64)", []),
        ("x = np.stack(y, out=large_array(shape))", []),
        ("@kernel\ndef f(n):\n    return np.empty(n)", []),
    ],
)
def test_allocations__are_noticed(source: str, found: list[tuple[str, int]]) -> None:
    assert list(allocations(ast.parse(source), "he.m")) == found

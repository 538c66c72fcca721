"""Another library's answers, through the simulated hardware (tests/vectors/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtl.arithmetic.reductions import modular_multiplier
from rtl.simulation.drivers import Transform, run_ntt, run_pointwise
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
N, LIMBS = 64, 3


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(VECTORS / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def residues(blob: np.ndarray, *shape: int) -> np.ndarray:
    """The words at the end of an uncompressed SEAL object."""
    return np.frombuffer(blob.tobytes()[-8 * int(np.prod(shape)) :], np.uint64).reshape(shape)


@pytest.mark.parametrize("size", [28, 60])
def test_ntt_unit__seal_s_product_of_ciphertext_and_plaintext(size):
    vectors = load(f"seal_bfv_{size}bit")
    moduli = tuple(int(q) for q in vectors["moduli"][:LIMBS])
    t = int(vectors["plain_modulus"])
    ciphertext = residues(vectors["b"], 2, LIMBS, N)
    # SEAL lifts a plaintext coefficient to its representative around zero.
    plain = [int(c) - t * (2 * int(c) > t) for c in residues(vectors["plaintext"], N)]
    width = max(q.bit_length() for q in moduli)
    multiplier = modular_multiplier("montgomery", width)
    unit = NTTUnit(N, 4, moduli, multiplier, buffers=2)

    lifted = [np.array([c % q for c in plain], np.uint64) for q in moduli]
    work = [Transform(lifted[i], i, False) for i in range(LIMBS)]
    work += [Transform(ciphertext[p, i], i, False) for p in range(2) for i in range(LIMBS)]
    spectra = run_ntt(unit, work).results
    products = [
        Transform(
            np.array(
                [int(x) * int(y) % q for x, y in zip(spectra[i], spectra[row], strict=True)],
                np.uint64,
            ),
            i,
            True,
        )
        for row in range(LIMBS, 3 * LIMBS)
        for i, q in [(row % LIMBS, moduli[row % LIMBS])]
    ]
    results = run_ntt(unit, products).results.reshape(2, LIMBS, N)
    assert np.array_equal(results, vectors["plain_product"])


def test_pointwise_unit__seal_s_tensor_product():
    vectors = load("seal_ckks_28bit")
    moduli = tuple(int(q) for q in vectors["moduli"][:LIMBS])
    a, b = (residues(vectors[name], 2, LIMBS, N) for name in "ab")
    width = max(q.bit_length() for q in moduli)
    unit = PointwiseUnit(2, moduli, modular_multiplier("montgomery", width))
    places = list(range(LIMBS))

    def product(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        operations = [LimbOperation.MULTIPLY_ADD] * LIMBS
        return run_pointwise(unit, operations, places, np.stack([x, y, z]))[0]

    zero = np.zeros((LIMBS, N), np.uint64)
    cross = product(a[1], b[0], product(a[0], b[1], zero))
    tensor = np.stack([product(a[0], b[0], zero), cross, product(a[1], b[1], zero)])
    assert np.array_equal(tensor, vectors["tensor"])

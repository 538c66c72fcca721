"""What the comparisons with SEAL share: sessions in both libraries."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from he import bfv
from he.ckks.ciphertext import Ciphertext
from he.interop.seal import (
    BFVConverter,
    CKKSConverter,
    SEALBFVEvaluator,
    SEALEvaluator,
    read_pyfhel_context,
)
from he.interop.seal.records import CiphertextRecord, write_ciphertext
from he.rlwe.evaluation_keys import EvaluationKeys
from tests.comparisons import COMPARISONS, Comparisons

VECTORS = Path(__file__).parents[3] / "vectors"
REASON = "a comparison of residues: nothing is protected"


@pytest.fixture(scope="session")
def comparisons() -> Comparisons:
    return COMPARISONS


class Vectors:
    """SEAL's known answers (tests/vectors): bytes by name, arrays by name, and a converter."""

    def __init__(self, name: str) -> None:
        with np.load(VECTORS / f"{name}.npz") as file:
            self.arrays = dict(file)
        parameters, self.scale = read_pyfhel_context(self.bytes("context"))
        self.converter: Any = (
            CKKSConverter(parameters, self.scale, insecure_reason=REASON)
            if "scale" in self.arrays
            else BFVConverter(parameters, insecure_reason=REASON)
        )

    def bytes(self, name: str) -> bytes:
        """The bytes of one object."""
        return self.arrays[name].tobytes()


@pytest.fixture(scope="session", params=["28bit", "60bit"])
def ckks_vectors(request: pytest.FixtureRequest) -> Vectors:
    return Vectors(f"seal_ckks_{request.param}")


@pytest.fixture(scope="session", params=["28bit", "60bit"])
def bfv_vectors(request: pytest.FixtureRequest) -> Vectors:
    return Vectors(f"seal_bfv_{request.param}")


@pytest.fixture(scope="session")
def small_vectors() -> dict[str, Vectors]:
    return {scheme: Vectors(f"seal_{scheme}_28bit") for scheme in ("ckks", "bfv")}


@dataclass
class CKKSSession:
    """One set of CKKS parameters in Pyfhel and here."""

    module: ModuleType
    seal: Any
    converter: CKKSConverter

    def evaluator(self) -> SEALEvaluator:
        """One that uses Pyfhel's keys."""
        return SEALEvaluator(self.converter.params, self.keys())

    def keys(self) -> EvaluationKeys:
        """Pyfhel's keys."""
        return self.converter.load_evaluation_keys(
            self.seal.to_bytes_relin_key(), self.seal.to_bytes_rotate_key()
        )

    def ours(self, theirs: Any) -> Ciphertext:
        """A Pyfhel ciphertext, here."""
        return self.converter.load_ciphertext(theirs.to_bytes())

    def theirs(self, ours: Ciphertext) -> Any:
        """One of our ciphertexts, in Pyfhel."""
        data = self.converter.save_ciphertext(ours)
        return self.module.PyCtxt(pyfhel=self.seal, bytestring=data, scheme="ckks")

    def random_ciphertext(self, level: int, parts: int, seed: int) -> Ciphertext:
        """Uniform residues with the edges 0 and q - 1 among them, at a scale of 2^8."""
        params = self.converter.params
        data = random_residues(params.q[: level + 1], parts, params.N, seed)
        record = CiphertextRecord(data, True, 2.0**8)
        return self.converter.load_ciphertext(write_ciphertext(record, self.converter.parameters))


@dataclass
class BFVSession:
    """One set of BFV parameters in Pyfhel and here."""

    module: ModuleType
    seal: Any
    converter: BFVConverter

    def keys(self) -> EvaluationKeys:
        """Pyfhel's keys."""
        return self.converter.load_evaluation_keys(
            self.seal.to_bytes_relin_key(), self.seal.to_bytes_rotate_key()
        )

    def evaluator(self, keys: EvaluationKeys) -> SEALBFVEvaluator:
        """One that goes on where the noise is too much, as SEAL does."""
        return SEALBFVEvaluator(self.converter.params, keys, refuse_exhausted=False)

    def ours(self, theirs: Any) -> bfv.Ciphertext:
        """A Pyfhel ciphertext, here."""
        return self.converter.load_ciphertext(theirs.to_bytes())

    def theirs(self, ours: bfv.Ciphertext) -> Any:
        """One of our ciphertexts, in Pyfhel."""
        data = self.converter.save_ciphertext(ours)
        return self.module.PyCtxt(pyfhel=self.seal, bytestring=data, scheme="bfv")

    def random_ciphertext(self, level: int, parts: int, seed: int) -> bfv.Ciphertext:
        """Uniform residues, with the edges 0 and q - 1 among their coefficients."""
        params = self.converter.params
        data = random_residues(params.q[: level + 1], parts, params.N, seed)
        record = CiphertextRecord(data, False, 1.0)
        return self.converter.load_ciphertext(write_ciphertext(record, self.converter.parameters))


def random_residues(moduli: tuple[int, ...], parts: int, N: int, seed: int) -> np.ndarray:
    """(parts, limbs, N) uniform, but for 0 and q - 1 in front."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, q, (parts, N), dtype=np.uint64) for q in moduli]
    data = np.stack(rows, axis=1)
    data[:, :, 0] = 0
    data[:, :, 1] = np.array(moduli, dtype=np.uint64) - np.uint64(1)
    return data


@pytest.fixture(scope="session")
def ckks_session(pyfhel: ModuleType) -> Any:
    """Makes a `CKKSSession` from N, the bits of SEAL's primes, the scale and the rotations."""

    def make(N: int, bits: list[int], scale: float, steps: list[int]) -> CKKSSession:
        seal = pyfhel.Pyfhel()
        with warnings.catch_warnings():
            # Pyfhel warns of primes that do not fit the scale; residues agree all the same.
            warnings.simplefilter("ignore", UserWarning)
            seal.contextGen(scheme="ckks", n=N, scale=scale, qi_sizes=bits, sec=0)
        seal.keyGen()
        seal.relinKeyGen()
        seal.rotateKeyGen(rot_steps=steps)
        parameters, stored_scale = read_pyfhel_context(seal.to_bytes_context())
        converter = CKKSConverter(parameters, stored_scale, insecure_reason=REASON)
        return CKKSSession(pyfhel, seal, converter)

    return make


@pytest.fixture(scope="session")
def bfv_session(pyfhel: ModuleType) -> Any:
    """Makes a `BFVSession` from N, the plain modulus, the bits of SEAL's primes and the rotations.

    The rotation by 0 is Pyfhel's name for the swap of the rows.
    """

    def make(N: int, t: int, bits: list[int], steps: list[int]) -> BFVSession:
        seal = pyfhel.Pyfhel()
        seal.contextGen(scheme="bfv", n=N, t=t, qi_sizes=bits, sec=0)
        seal.keyGen()
        seal.relinKeyGen()
        seal.rotateKeyGen(rot_steps=[0, *steps])
        parameters, _ = read_pyfhel_context(seal.to_bytes_context())
        return BFVSession(pyfhel, seal, BFVConverter(parameters, insecure_reason=REASON))

    return make

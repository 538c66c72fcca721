"""Secrets leave no copy in memory: the memory of a process that let go of them is searched."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import pytest

import he
from he.format.residue_packing import pack_residues
from he.rlwe import galois
from he.rlwe.rns import context
from tests.he.holder_parameters import ELEMENT, VALUES, parameters
from tests.he.process_memory import child, copies
from tests.he.secret_forms import of_limbs, of_polynomial, windows

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="searches memory through Linux's /proc"
)

def secrets_of(folder: Path, params: he.CKKSParameters) -> dict[str, bytes]:
    """Everything that gives the secret key away, from what the process wrote down."""
    s = np.frombuffer((folder / "coefficients").read_bytes(), dtype=np.int64)
    found = of_polynomial("secret", s, params)
    found |= dict(windows("secret, int8", s.astype(np.int8)))
    found |= dict(windows("secret + 1, int64", s + 1))
    found |= dict(windows("secret, packed", np.frombuffer(
        pack_residues((s + 1).astype(np.uint64)[None], [3]), dtype=np.uint8)
    ))  # fmt: skip
    ops = context(params).qp(params.max_level)
    transform = ops.forward(np.array([s % q for q in ops.moduli], dtype=np.uint64))
    square = ops.multiply(np.empty_like(transform), transform, transform)
    preimage = galois.permutation(pow(ELEMENT, -1, 2 * params.N), params.N)
    found |= of_limbs("square", square) | of_limbs("preimage", transform[:, preimage])
    # The error of a ciphertext whose message is known gives the secret away, as its phase does.
    ct = he.Ciphertext.from_bytes((folder / "ciphertext").read_bytes(), params)
    ops, transform = context(params).q(ct.level), transform[: ct.level + 1]
    phase = ops.multiply_add(ct.data[0].copy(), ct.data[1], transform)
    message = he.Encoder(params).encode(VALUES).data
    error = ops.inverse(ops.subtract(np.empty_like(phase), phase, message))[0].astype(np.int64)
    error[error > params.q[0] // 2] -= params.q[0]
    assert np.abs(error).max() < 64
    found |= of_polynomial("error", error, params)
    found |= of_limbs("phase", phase)
    found |= of_limbs("phase, coefficients", ops.inverse(phase.copy()))
    secret_seeds = read_seeds(folder / "seeds") - read_seeds(folder / "public seeds")
    for index, seed in enumerate(secret_seeds):
        key = hashlib.blake2b(b"os", key=seed, digest_size=32, person=b"he-accel stream1")
        found |= {f"seed {index}": seed, f"key of stream {index}": key.digest()}
    return found


def read_seeds(path: Path) -> set[bytes]:
    """The seeds in a file."""
    data = path.read_bytes()
    return {data[start : start + 32] for start in range(0, len(data), 32)}


def holder(folder: Path, how: str, N: int) -> contextlib.AbstractContextManager[int]:
    """The id of a process that has let go of its secrets, as `how` says."""
    return child("tests.he.secret_holder", str(folder), how, str(N))


def test_copies__finds_a_key_that_is_held_and_no_second_copy(tmp_path):
    params = parameters(1024)
    with holder(tmp_path, "keep", params.N) as process:
        found = copies(process, secrets_of(tmp_path, params))
    assert set(found.values()) == {1}
    assert {name.split(" at ")[0].split(", limb")[0].split(", last")[0] for name in found} == {
        "secret, int64",
        "secret, transform",
    }


@pytest.mark.parametrize("how", ["delete", "read", "wipe"])
def test_memory__holds_no_secret_after_its_end(tmp_path, how):
    params = parameters(1024)
    if how == "read":
        key = he.KeyGenerator(params).secret_key().to_bytes()
        (tmp_path / "key").write_bytes(key)
    with holder(tmp_path, how, params.N) as process:
        assert copies(process, secrets_of(tmp_path, params)) == {}

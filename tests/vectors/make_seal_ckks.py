"""Makes seal_ckks_*.npz with Pyfhel: ``python tests/vectors/make_seal_ckks.py`` (README.md).

SEAL's randomness cannot be seeded from Pyfhel, so every run writes other, equally valid vectors.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from Pyfhel import PyCtxt, Pyfhel

N = 64
SETS = {"28bit": ([30, 28, 28, 30], 2.0**28), "60bit": ([60, 60, 60, 60], 2.0**50)}
HEADER_BYTES = 16


def octets(data: bytes) -> np.ndarray:
    """Bytes as an array."""
    return np.frombuffer(data, dtype=np.uint8)


def residues(ciphertext: PyCtxt) -> np.ndarray:
    """(parts, limbs, N) of a ciphertext in the format of SEAL 4.1."""
    data = ciphertext.to_bytes()
    parts, degree, limbs = np.frombuffer(data, "<u8", 3, HEADER_BYTES + 33)
    count = int(parts * degree * limbs)
    words = np.frombuffer(data, "<u8", count, len(data) - 8 * count)
    return words.reshape(int(parts), int(limbs), int(degree)).astype(np.uint64)


def make(bits: list[int], scale: float) -> dict[str, np.ndarray]:
    """Every array of one file."""
    seal = Pyfhel()
    seal.contextGen(scheme="ckks", n=N, scale=scale, qi_sizes=bits, sec=0)
    seal.keyGen()
    seal.relinKeyGen()
    seal.rotateKeyGen(rot_steps=[1])
    rng = np.random.default_rng(0)
    slots = rng.uniform(-1, 1, (2, N // 2))
    plain = seal.encodeFrac(slots[0])
    a, b = seal.encryptPtxt(plain), seal.encryptFrac(slots[1])
    fields = {
        "moduli": np.array(seal.get_qi(), dtype=np.uint64),
        "scale": np.array(scale),
        "slots": slots,
        "context": octets(seal.to_bytes_context()),
        "secret_key": octets(seal.to_bytes_secret_key()),
        "public_key": octets(seal.to_bytes_public_key()),
        "relin_keys": octets(seal.to_bytes_relin_key()),
        "galois_keys": octets(seal.to_bytes_rotate_key()),
        "plaintext": octets(plain.to_bytes()),
        "a": octets(a.to_bytes()),
        "b": octets(b.to_bytes()),
    }
    product = seal.multiply(a, b, in_new_ctxt=True)
    fields["tensor"] = residues(product)
    seal.relinearize(product)
    fields["relinearized"] = residues(product)
    seal.rescale_to_next(product)
    fields["rescaled"] = residues(product)
    fields["rotated"] = residues(seal.rotate(a, 1, in_new_ctxt=True))
    fields["sum"] = residues(seal.add(a, b, in_new_ctxt=True))
    return fields | seeded(seal, fields["a"])


def seeded(seal: Pyfhel, ciphertext: np.ndarray) -> dict[str, np.ndarray]:
    """Seeded ciphertexts of version 3.7, and what SEAL expands them to."""
    members = bytes(ciphertext[HEADER_BYTES:])
    limbs = len(seal.get_qi()) - 1
    start, half = members[:65], 8 * limbs * N
    first = members[-2 * half : -half]
    fields = {}
    for name, generator in (("blake2xb", 1), ("shake256", 2)):
        seed = bytes(range(64))
        body = start + enveloped((limbs * N).to_bytes(8, "little") + first)
        data = enveloped(body + enveloped(bytes([generator]) + seed))
        expanded = PyCtxt(pyfhel=seal, bytestring=data, scheme="ckks")
        fields[f"seeded_{name}"] = octets(data)
        fields[f"expanded_{name}"] = residues(expanded)
    return fields


def enveloped(members: bytes) -> bytes:
    """Behind a header of SEAL 3.7, uncompressed."""
    size = (HEADER_BYTES + len(members)).to_bytes(8, "little")
    return bytes([0x5E, 0xA1, 16, 3, 7, 0, 0, 0]) + size + members


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    for suffix, (bits, scale) in SETS.items():
        path = Path(__file__).with_name(f"seal_ckks_{suffix}.npz")
        np.savez_compressed(path, **make(bits, scale))
        print(f"{path.name}: {path.stat().st_size} bytes")

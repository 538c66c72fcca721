"""Makes seal_*.npz with Pyfhel: ``python tests/vectors/make_seal.py`` (README.md).

SEAL's randomness cannot be seeded from Pyfhel, so every run writes other, equally valid vectors.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from Pyfhel import PyCtxt, Pyfhel

N = 64
CKKS = {"28bit": ([30, 28, 28, 30], 2.0**28), "60bit": ([60, 60, 60, 60], 2.0**50)}
BFV = {"28bit": ([28, 28, 28, 30], 257), "60bit": ([60, 60, 60, 60], 12289)}
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


def keys(seal: Pyfhel) -> dict[str, np.ndarray]:
    """The context and every key."""
    return {
        "moduli": np.array(seal.get_qi(), dtype=np.uint64),
        "context": octets(seal.to_bytes_context()),
        "secret_key": octets(seal.to_bytes_secret_key()),
        "public_key": octets(seal.to_bytes_public_key()),
        "relin_keys": octets(seal.to_bytes_relin_key()),
        "galois_keys": octets(seal.to_bytes_rotate_key()),
    }


def with_keys(steps: list[int], **parameters: object) -> Pyfhel:
    """A context that protects nothing, and its keys."""
    seal = Pyfhel()
    seal.contextGen(n=N, sec=0, **parameters)
    seal.keyGen()
    seal.relinKeyGen()
    seal.rotateKeyGen(rot_steps=steps)
    return seal


def make_ckks(bits: list[int], scale: float) -> dict[str, np.ndarray]:
    """Every array of a CKKS file."""
    seal = with_keys([1], scheme="ckks", scale=scale, qi_sizes=bits)
    rng = np.random.default_rng(0)
    slots = rng.uniform(-1, 1, (2, N // 2))
    plain = seal.encodeFrac(slots[0])
    a, b = seal.encryptPtxt(plain), seal.encryptFrac(slots[1])
    fields = keys(seal) | {
        "scale": np.array(scale),
        "slots": slots,
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


def make_bfv(bits: list[int], t: int) -> dict[str, np.ndarray]:
    """Every array of a BFV file."""
    seal = with_keys([0, 1], scheme="bfv", t=t, qi_sizes=bits)
    slots = np.random.default_rng(0).integers(-(t // 2), t // 2, (2, N), endpoint=True)
    plain = seal.encodeInt(slots[0])
    a, b = seal.encryptPtxt(plain), seal.encryptInt(slots[1])
    product = seal.multiply(a, b, in_new_ctxt=True)
    fields = keys(seal) | {
        "plain_modulus": np.array(t, dtype=np.uint64),
        "slots": slots,
        "plaintext": octets(plain.to_bytes()),
        "a": octets(a.to_bytes()),
        "b": octets(b.to_bytes()),
        "sum": residues(seal.add(a, b, in_new_ctxt=True)),
        "plain_product": residues(seal.multiply_plain(b, plain, in_new_ctxt=True)),
        "rotated_rows": residues(seal.rotate(a, 1, in_new_ctxt=True)),
        "rotated_columns": residues(seal.flip(a, in_new_ctxt=True)),
        "product": residues(product),
    }
    seal.relinearize(product)
    return fields | {"relinearized": residues(product)}


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


def write(name: str, arrays: dict[str, np.ndarray]) -> None:
    """One file beside this one."""
    path = Path(__file__).with_name(f"{name}.npz")
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    for size, (prime_bits, top_scale) in CKKS.items():
        write(f"seal_ckks_{size}", make_ckks(prime_bits, top_scale))
    for size, (prime_bits, plain_modulus) in BFV.items():
        write(f"seal_bfv_{size}", make_bfv(prime_bits, plain_modulus))

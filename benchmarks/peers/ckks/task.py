"""The CKKS operations that are timed, and the libraries that have them."""

from __future__ import annotations

OPERATIONS = ("encode", "encrypt", "decrypt", "multiply", "rotate", "rotate16")
"""encode: N/2 reals. encrypt: an encoded plaintext, with the public key. decrypt: and decode, at
the top level. multiply: two ciphertexts, with relinearization and rescaling. rotate: by one slot.
rotate16: sixteen different rotations of one ciphertext."""

ROTATIONS = tuple(range(1, 17))
"""The steps of "rotate16"."""

MODULES = {
    "he-accel": "ckks.he_accel",
    "he-accel words": "ckks.he_accel_words",
    "Pyfhel": "ckks.pyfhel",
    "seal-python": "ckks.seal_python",
    "desilofhe": "ckks.desilo",
    "OpenFHE": "ckks.openfhe",
}
"""The modules of the libraries in `benchmarks.peers`, ours first."""

"""SEAL's ciphertexts, plaintexts and keys as arrays of residues, before they mean anything here.

What is read is checked against the encryption parameters: names of levels, shapes, every residue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from he.errors import CorruptBytesError
from he.format.residue_packing import readonly_view
from he.interop.seal.envelope import (
    DEFAULT_FORMAT,
    Buffer,
    Format,
    checked_format,
    envelope,
    open_envelope,
)
from he.interop.seal.generators import read_seed, uniform_polynomial, write_seed
from he.interop.seal.parameters import EncryptionParameters
from he.interop.seal.reader import Reader, f64, u64, words, words_bytes
from ntt.memory import large_array

NO_LEVEL = bytes(32)
"""The parms_id of a plaintext that belongs to no level: coefficients modulo t."""

MAX_PARTS = 16
_OVERHEAD_BYTES = 256
# Uniform residues of b bits keep b bits in 64, so no honest key shrinks below an eighth.
_KEY_EXPANSION = 8


@dataclass(frozen=True, eq=False)
class CiphertextRecord:
    """data (parts, limbs, N) uint64 at the level of its limbs; SEAL's PublicKey is one too."""

    data: np.ndarray
    is_ntt: bool
    scale: float


@dataclass(frozen=True, eq=False)
class PlaintextRecord:
    """data (limbs, N) in NTT form, or the coefficients modulo t as (count,) at no level."""

    data: np.ndarray
    scale: float


def read_ciphertext(
    data: Buffer, parameters: EncryptionParameters, *, parts: int = MAX_PARTS
) -> CiphertextRecord:
    """A Ciphertext or PublicKey of at most `parts` polynomials, its seed expanded."""
    limit = words_bytes(parts * parameters.key_limbs * parameters.N) + _OVERHEAD_BYTES
    version, members = open_envelope(data, limit)
    return _ciphertext(Reader(members, version), parameters, parts)


def _ciphertext(
    reader: Reader, parameters: EncryptionParameters, max_parts: int
) -> CiphertextRecord:
    limbs = parameters.limbs(bytes(reader.take(32)))
    form, parts, N, k, scale = (
        reader.u8(),
        reader.u64(),
        reader.u64(),
        reader.u64(),
        reader.f64(),
    )
    factor = reader.u64() if reader.version.has_correction_factor else 1
    if (N, k) != (parameters.N, limbs) or not 2 <= parts <= max_parts or form > 1 or factor != 1:
        raise CorruptBytesError(
            f"a ciphertext of {parts} x {k} x {N} words (form {form}, correction factor {factor}) "
            f"at a level of {limbs} x {parameters.N}; from 2 to {max_parts} parts"
        )
    if not (math.isfinite(scale) and scale > 0):
        raise CorruptBytesError(f"scale {scale} of a ciphertext: it must be positive and finite")
    residues = reader.words()
    moduli = parameters.coeff_modulus[:limbs]
    if residues.size == parts * limbs * N:
        residues = residues.reshape(parts, limbs, N)
    elif residues.size == limbs * N and parts == 2:
        generator, seed = read_seed(reader, reader.version)
        expanded = uniform_polynomial(generator, seed, moduli, N, reader.version)
        pair = (residues.reshape(limbs, N), expanded)
        residues = np.stack(pair, out=large_array((2, limbs, N)))
    else:
        raise CorruptBytesError(
            f"{residues.size} words for a ciphertext of {parts} x {limbs} x {N}"
        )
    reader.end()
    _check_residues(residues, moduli)
    return CiphertextRecord(residues, bool(form), scale)


def write_ciphertext(
    record: CiphertextRecord,
    parameters: EncryptionParameters,
    format: Format = DEFAULT_FORMAT,
    seed: bytes | None = None,
) -> bytes:
    """The inverse of `read_ciphertext`.

    seed: of the version's generator, where the second of two polynomials is its expansion and is
    left out.
    """
    format = checked_format(format)
    parts, limbs, N = record.data.shape
    members = parameters.parms_id(limbs) + bytes([record.is_ntt]) + u64(parts, N, limbs)
    members += f64(record.scale)
    if format.version.has_correction_factor:
        members += u64(1)
    if seed is None:
        members += words(record.data, format.version)
    else:
        members += words(record.data[0], format.version) + write_seed(seed, format.version)
    return envelope(members, format)


def read_plaintext(data: Buffer, parameters: EncryptionParameters) -> PlaintextRecord:
    """A Plaintext or SecretKey."""
    version, members = open_envelope(
        data, words_bytes(parameters.key_limbs * parameters.N) + _OVERHEAD_BYTES
    )
    reader = Reader(members, version)
    parms_id, count, scale = bytes(reader.take(32)), reader.u64(), reader.f64()
    values = reader.words()
    reader.end()
    if values.size != count or not (math.isfinite(scale) and scale > 0):
        raise CorruptBytesError(f"a plaintext of {count} words has {values.size}, scale {scale}")
    if parms_id == NO_LEVEL:
        if count > parameters.N or values.max(initial=0) >= parameters.plain_modulus:
            raise CorruptBytesError(
                f"a plaintext of {count} coefficients up to {values.max(initial=0)}: at most "
                f"{parameters.N} below t = {parameters.plain_modulus}"
            )
        return PlaintextRecord(values, scale)
    limbs = parameters.limbs(parms_id)
    if count != limbs * parameters.N:
        raise CorruptBytesError(f"{count} words for a plaintext of {limbs} x {parameters.N}")
    residues = values.reshape(limbs, parameters.N)
    _check_residues(residues, parameters.coeff_modulus[:limbs])
    return PlaintextRecord(residues, scale)


def write_plaintext(
    record: PlaintextRecord,
    parameters: EncryptionParameters,
    format: Format = DEFAULT_FORMAT,
) -> bytes:
    """The inverse of `read_plaintext`."""
    format = checked_format(format)
    level = NO_LEVEL if record.data.ndim == 1 else parameters.parms_id(len(record.data))
    members = level + u64(record.data.size) + f64(record.scale) + words(record.data, format.version)
    return envelope(members, format)


def read_relin_keys(data: Buffer, parameters: EncryptionParameters) -> dict[int, np.ndarray]:
    """RelinKeys: index i, of the key of s^(i + 2) -> (digits, 2, K, N) in NTT form."""
    return _switching_keys(data, parameters, range(1, MAX_PARTS - 1), "relinearization")


def read_galois_keys(data: Buffer, parameters: EncryptionParameters) -> dict[int, np.ndarray]:
    """GaloisKeys: index i, of element 2 i + 1 -> (digits, 2, K, N) in NTT form.

    There is an entry for each of the N elements, most of them empty; RelinKeys have few.
    """
    return _switching_keys(data, parameters, range(parameters.N, parameters.N + 1), "Galois")


def _switching_keys(
    data: Buffer, parameters: EncryptionParameters, counts: range, kind: str
) -> dict[int, np.ndarray]:
    key_bytes = 2 * words_bytes(parameters.key_limbs * parameters.N) + _OVERHEAD_BYTES
    largest = parameters.N * (8 + parameters.data_limbs * key_bytes)
    honest = _KEY_EXPANSION * len(readonly_view(data)) + 8 * parameters.N
    version, members = open_envelope(data, min(largest, honest) + _OVERHEAD_BYTES)
    reader = Reader(members, version)
    _key_level(bytes(reader.take(32)), parameters)
    count = reader.u64()
    if count not in counts:
        raise CorruptBytesError(
            f"{count} entries of {kind} keys: from {counts.start} to {counts.stop - 1} are needed"
        )
    keys: dict[int, np.ndarray] = {}
    for index in range(count):
        digits = reader.u64()
        if digits == 0:
            continue
        if digits != parameters.data_limbs:
            raise CorruptBytesError(
                f"a switching key of {digits} digits, not {parameters.data_limbs}"
            )
        records = [_ciphertext(reader.nested(), parameters, 2) for _ in range(digits)]
        pairs = [_key_data(record, parameters) for record in records]
        keys[index] = np.stack(pairs, out=large_array((digits, *pairs[0].shape)))
    reader.end()
    return keys


def write_switching_keys(
    keys: dict[int, np.ndarray],
    count: int,
    parameters: EncryptionParameters,
    format: Format = DEFAULT_FORMAT,
    seeds: Mapping[int, Sequence[bytes]] | None = None,
) -> bytes:
    """The inverse of `read_relin_keys` and `read_galois_keys`, with `count` entries.

    Those that are not among the keys are empty. seeds: of each key's digits, where their uniform
    halves are left out.
    """
    format = checked_format(format)
    parts = [parameters.parms_id(parameters.key_limbs), u64(count)]
    for index in range(count):
        digits = keys.get(index, ())
        parts.append(u64(len(digits)))
        parts += [
            write_ciphertext(
                CiphertextRecord(digit, True, 1.0),
                parameters,
                format.inner,
                None if seeds is None else seeds[index][j],
            )
            for j, digit in enumerate(digits)
        ]
    return envelope(b"".join(parts), format)


def read_public_key(data: Buffer, parameters: EncryptionParameters) -> np.ndarray:
    """PublicKey: (2, K, N) in NTT form."""
    return _key_data(read_ciphertext(data, parameters, parts=2), parameters)


def _key_data(record: CiphertextRecord, parameters: EncryptionParameters) -> np.ndarray:
    if not record.is_ntt or record.data.shape[1] != parameters.key_limbs:
        raise CorruptBytesError(
            f"a key with {record.data.shape[1]} primes, {'' if record.is_ntt else 'not '}in NTT "
            f"form: {parameters.key_limbs} primes in NTT form are needed"
        )
    return record.data


def _key_level(parms_id: bytes, parameters: EncryptionParameters) -> None:
    limbs = parameters.limbs(parms_id)
    if limbs != parameters.key_limbs:
        raise CorruptBytesError(
            f"keys at a level of {limbs} primes: they need all {parameters.key_limbs}"
        )


def _check_residues(residues: np.ndarray, moduli: tuple[int, ...]) -> None:
    """Every residue [.., limb, :] below its modulus."""
    for limb, q in enumerate(moduli):
        largest = int(residues[..., limb, :].max())
        if largest >= q:
            raise CorruptBytesError(f"residue {largest} modulo {q} in limb {limb}")

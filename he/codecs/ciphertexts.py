"""Plaintexts, ciphertexts and batches of ciphertexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.params import CKKSParameters
from he.codecs import checks
from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.format.container import Contents
from he.format.residue_packing import pack_residues
from he.rlwe.parallel import map_threads
from he.rlwe.rns import context
from he.rlwe.seeded import CIPHERTEXT, uniform_from_seed


def encode_plaintext(plaintext: Plaintext) -> checks.Encoded:
    """Its scale and residues."""
    header = {"params": plaintext.params.id, "item": [plaintext.level, float(plaintext.scale)]}
    moduli = plaintext.params.q[: plaintext.level + 1]
    return header, {"0": pack_residues(plaintext.data, moduli)}


def decode_plaintext(contents: Contents, params: CKKSParameters) -> Plaintext:
    """The inverse of `encode_plaintext`."""
    checks.sections(contents, ["0"])
    level, scale = checks.values(contents.header.get("item"), "a plaintext", int, float)
    checks.scale(scale, checks.level(level, params), params)
    moduli = params.q[: level + 1]
    return Plaintext(params, contents.residues("0", moduli, (level + 1, params.N)), scale)


def encode_ciphertexts(ciphertexts: Sequence[Ciphertext]) -> checks.Encoded:
    """[level, parts, scale, seed] of each, and its residues; c_1 is left out behind a seed."""
    if not ciphertexts:
        raise ParameterError("an empty batch belongs to no parameter set: give a ciphertext")
    params = ciphertexts[0].params
    for ciphertext in ciphertexts:
        if ciphertext.params != params:
            raise ParametersMismatchError(
                f"a batch belongs to one parameter set, not to {params} and {ciphertext.params}"
            )
    items = [[ct.level, ct.parts, float(ct.scale), ct.seed or b""] for ct in ciphertexts]
    packed = map_threads(_pack, ciphertexts)
    return {"params": params.id, "items": items}, {str(i): p for i, p in enumerate(packed)}


def decode_ciphertexts(contents: Contents, params: CKKSParameters) -> list[Ciphertext]:
    """The inverse of `encode_ciphertexts`."""
    items = list(enumerate(contents.field("items", list)))
    checks.sections(contents, (str(i) for i, _ in items))
    return map_threads(lambda item: _read(contents, str(item[0]), item[1], params), items)


def encode_ciphertext(ciphertext: Ciphertext) -> checks.Encoded:
    """A batch of one."""
    return encode_ciphertexts([ciphertext])


def decode_ciphertext(contents: Contents, params: CKKSParameters) -> Ciphertext:
    """The inverse of `encode_ciphertext`."""
    ciphertexts = decode_ciphertexts(contents, params)
    if len(ciphertexts) != 1:
        raise CorruptBytesError(f"one ciphertext is needed, {len(ciphertexts)} are there")
    return ciphertexts[0]


def _pack(ciphertext: Ciphertext) -> bytes:
    stored = ciphertext.data if ciphertext.seed is None else ciphertext.data[:1]
    return pack_residues(stored, ciphertext.params.q[: ciphertext.level + 1])


def _read(contents: Contents, section: str, item: Any, params: CKKSParameters) -> Ciphertext:
    level, parts, scale, seed = checks.values(item, "a ciphertext", int, int, float, bytes)
    checks.scale(scale, checks.level(level, params), params)
    seed = checks.seed(seed)
    if parts not in ((2, 3) if seed is None else (2,)):
        raise CorruptBytesError(
            f"a ciphertext of {parts} parts {'without' if seed is None else 'with'} a seed"
        )
    ops = context(params).q(level)
    if seed is None:
        shape = (parts, level + 1, params.N)
        return Ciphertext(params, contents.residues(section, ops.moduli, shape), scale)
    data = np.empty((2, level + 1, params.N), dtype=np.uint64)
    data[0] = contents.residues(section, ops.moduli, data.shape[1:])
    data[1] = uniform_from_seed(seed, CIPHERTEXT, ops)
    return Ciphertext(params, data, scale, seed)

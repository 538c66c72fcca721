"""Parameter sets, plaintexts and ciphertexts of the BFV scheme."""

from __future__ import annotations

import math

import numpy as np

from he.bfv.ciphertext import Ciphertext, Plaintext
from he.bfv.noise import Noise
from he.bfv.params import BFVParameters
from he.codecs import checks
from he.codecs.parameters import checked, shared_fields, shared_header
from he.errors import CorruptBytesError
from he.format.container import Contents, unpack
from he.format.residue_packing import pack_residues
from he.rlwe.rns import context
from he.rlwe.seeded import CIPHERTEXT, uniform_from_seed

PARAMETERS = "bfv parameters"
# No ciphertext of the largest parameters has noise outside, in bits.
_NOISE_BITS, _NOISE_DEGREE = 8192.0, 64


def encode_parameters(params: BFVParameters) -> checks.Encoded:
    """Every field as it stands."""
    return {**shared_header(params), "t": params.t}, {}


def decode_parameters(contents: Contents, insecure_reason: str | None = None) -> BFVParameters:
    """insecure_reason: the reader's own; the stored one speaks for the writer alone."""
    return checked(
        lambda: BFVParameters(t=contents.field("t", int), **shared_fields(contents)),
        contents,
        insecure_reason,
    )


def parameters_from_bytes(
    data: bytes | bytearray | memoryview, *, insecure_reason: str | None = None
) -> BFVParameters:
    """The parameter set in `data`; see `BFVParameters.from_bytes`."""
    return decode_parameters(unpack(data, PARAMETERS), insecure_reason)


def encode_plaintext(plaintext: Plaintext) -> checks.Encoded:
    """Its coefficients, residues modulo t."""
    packed = pack_residues(plaintext.data[None, :], [plaintext.params.t])
    return {"params": plaintext.params.id}, {"0": packed}


def decode_plaintext(contents: Contents, params: BFVParameters) -> Plaintext:
    """The inverse of `encode_plaintext`."""
    checks.sections(contents, ["0"])
    data = contents.residues("0", [params.t], (1, params.N))
    return Plaintext(params, data[0])


def encode_ciphertext(ciphertext: Ciphertext) -> checks.Encoded:
    """[level, parts, predicted noise, its degree, seed]; c_1 is left out behind a seed."""
    noise, seed = ciphertext.noise, ciphertext.seed
    item = [ciphertext.level, ciphertext.parts, noise.bits, noise.degree, seed or b""]
    stored = ciphertext.data if seed is None else ciphertext.data[:1]
    packed = pack_residues(stored, ciphertext.params.q[: ciphertext.level + 1])
    return {"params": ciphertext.params.id, "item": item}, {"0": packed}


def decode_ciphertext(contents: Contents, params: BFVParameters) -> Ciphertext:
    """The inverse of `encode_ciphertext`."""
    checks.sections(contents, ["0"])
    item = contents.header.get("item")
    level, parts, bits, degree, stored_seed = checks.values(
        item, "a ciphertext", int, int, float, int, bytes
    )
    checks.level(level, params)
    seed = checks.seed(stored_seed)
    if not (math.isfinite(bits) and abs(bits) <= _NOISE_BITS and 0 <= degree <= _NOISE_DEGREE):
        raise CorruptBytesError(f"noise of {bits} bits and degree {degree} cannot be")
    if parts not in ((2, 3) if seed is None else (2,)):
        raise CorruptBytesError(
            f"a ciphertext of {parts} parts {'without' if seed is None else 'with'} a seed"
        )
    ops, noise = context(params).q(level), Noise(bits, degree)
    if seed is None:
        data = contents.residues("0", ops.moduli, (parts, level + 1, params.N))
        return Ciphertext(params, data, noise)
    data = np.empty((2, level + 1, params.N), dtype=np.uint64)
    data[0] = contents.residues("0", ops.moduli, data.shape[1:])
    data[1] = uniform_from_seed(seed, CIPHERTEXT, ops)
    return Ciphertext(params, data, noise, seed)

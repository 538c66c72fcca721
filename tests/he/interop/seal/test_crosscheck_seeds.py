"""Seeded ciphertexts of every version that SEAL 4.1 loads expand to the same residues here."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from he.interop.seal import Format, Version
from he.interop.seal.envelope import envelope
from he.interop.seal.reader import f64, u64, words

pytestmark = pytest.mark.crosscheck

VERSIONS = [Version(3, 4), Version(3, 5), Version(3, 6), Version(3, 7), Version(4, 1)]
SCALE = 2.0**20


def seeded_ciphertext(parameters, first_half, generator, seed, version):
    """The bytes that SEAL of that version writes for a seeded ciphertext."""
    limbs, N = first_half.shape
    members = parameters.parms_id(limbs) + b"\x01" + u64(2, N, limbs) + f64(SCALE)
    if version.major == 4:
        members += u64(1)
    inner = max(version, Version(3, 5))
    members += words(first_half, inner)
    if version >= (3, 6):
        members += envelope(bytes([generator]) + seed, Format(version=version))
    else:
        members += seed
    if version == (3, 4):
        return struct.pack("<HBBIQ", 0xA15E, 0, 0, 16 + len(members), 0) + members
    return envelope(members, Format(version=version))


@pytest.fixture(scope="module", params=[(64, [30, 25, 30]), (4096, [60, 40, 40, 60])])
def session(request, ckks_session):
    N, bits = request.param
    return ckks_session(N, bits, SCALE, [1])


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"SEAL_{v.major}_{v.minor}")
@pytest.mark.parametrize("generator", [1, 2], ids=["blake2xb", "shake256"])
def test_seeded_ciphertext__expands_as_in_seal(version, generator, session, comparisons):
    if version < (3, 6) and generator == 2:
        # Those releases know Blake2xb only and do not store which generator it is.
        generator = 1
    parameters = session.converter.parameters
    rng = np.random.default_rng(generator)
    moduli = np.array(parameters.coeff_modulus[:-1], dtype=np.uint64)[:, None]
    first = rng.integers(0, moduli, (len(moduli), parameters.N), dtype=np.uint64)
    data = seeded_ciphertext(parameters, first, generator, rng.bytes(64), version)
    loaded = session.module.PyCtxt(pyfhel=session.seal, bytestring=data, scheme="ckks")
    ours = session.converter.load_ciphertext(data)
    comparisons.equal("seeded ciphertext", ours.data, session.ours(loaded).data)

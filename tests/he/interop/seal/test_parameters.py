"""SEAL's encryption parameters: bytes, names of levels, primes."""

from __future__ import annotations

import pytest

from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.interop.seal import (
    Compression,
    EncryptionParameters,
    Format,
    Scheme,
    Version,
    coeff_modulus,
)

PARAMETERS = EncryptionParameters(Scheme.CKKS, 8192, coeff_modulus(8192, (60, 40, 40, 60)))


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("version", [Version(3, 7), Version(4, 1)])
def test_parameters__survive_bytes(compression, version):
    data = PARAMETERS.to_bytes(Format(compression, version))
    assert EncryptionParameters.from_bytes(data) == PARAMETERS


def test_coeff_modulus__takes_the_primes_that_seal_takes():
    """The primes of SEAL's ``CoeffModulus::Create(8192, {60, 40, 40, 60})``."""
    assert PARAMETERS.coeff_modulus == (
        1152921504606748673,
        1099510890497,
        1099511480321,
        1152921504606830593,
    )


def test_parms_id__equals_that_of_seal():
    """As SEAL writes it into the objects of PARAMETERS: all four primes, and those of data."""
    assert PARAMETERS.parms_id(4).hex().startswith("e2a8dd3f1586dacfac02a4591f26b3ba")
    assert PARAMETERS.parms_id(3).hex().startswith("0f8bbf7d4509a0123c2bc9d4f3d56463")


def test_limbs__finds_the_level_of_a_name():
    assert [PARAMETERS.limbs(PARAMETERS.parms_id(k)) for k in range(1, 5)] == [1, 2, 3, 4]
    with pytest.raises(ParametersMismatchError, match=r"0000000000000000\.\."):
        PARAMETERS.limbs(bytes(32))


@pytest.mark.parametrize(
    ("scheme", "N", "primes", "t"),
    [
        (Scheme.CKKS, 8192, (), 0),
        (Scheme.CKKS, 8192, PARAMETERS.coeff_modulus[:1] * 2, 0),
        (Scheme.CKKS, 8192, PARAMETERS.coeff_modulus, 65537),
        (Scheme.BFV, 8192, PARAMETERS.coeff_modulus, 0),
        (Scheme.CKKS, 8191, PARAMETERS.coeff_modulus, 0),
        (Scheme.CKKS, 8192, (65539,), 0),
    ],
    ids=["no prime", "twice", "ckks with t", "bfv without t", "degree", "not 1 mod 2N"],
)
def test_parameters__refuse_what_seal_refuses(scheme, N, primes, t):
    with pytest.raises(ParameterError):
        EncryptionParameters(scheme, N, primes, t)


def test_from_bytes__refuses_an_unknown_scheme():
    data = bytearray(PARAMETERS.to_bytes())
    data[16] = 4
    with pytest.raises(CorruptBytesError, match="SEAL scheme 4"):
        EncryptionParameters.from_bytes(data)

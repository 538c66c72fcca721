"""The BFV converter without SEAL: the way there and back, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from he import bfv
from he.errors import CorruptBytesError, InsecureParametersError, ParametersMismatchError
from he.interop.seal import (
    BFVConverter,
    Compression,
    EncryptionParameters,
    Format,
    Scheme,
    SEALBFVEvaluator,
    UnsupportedObjectError,
    Version,
    coeff_modulus,
)
from he.interop.seal.evaluator import _scaled
from he.interop.seal.records import (
    CiphertextRecord,
    PlaintextRecord,
    write_ciphertext,
    write_plaintext,
)
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

N, T = 64, 257
PARAMETERS = EncryptionParameters(Scheme.BFV, N, coeff_modulus(N, (30, 30, 30, 31)), T)
REASON = "a test of bytes"
VERSIONS = [Version(3, 4), Version(3, 5), Version(3, 7), Version(4, 1)]
FORMATS = [
    Format(c, v) for v in VERSIONS for c in Compression if c < Compression.ZSTD or v.has_zstd
]


@pytest.fixture(scope="module")
def converter():
    return BFVConverter(PARAMETERS, insecure_reason=REASON)


@pytest.fixture(scope="module")
def secret(converter):
    return KeyGenerator(converter.params, seed=bytes(32)).secret_key()


@pytest.mark.parametrize(("compression", "version"), FORMATS)
def test_objects__survive_bytes(converter, secret, compression, version):
    params, how = converter.params, Format(compression, version)
    plaintext = bfv.BatchEncoder(params).encode(np.arange(N) - 5)
    loaded = converter.load_plaintext(converter.save_plaintext(plaintext, how))
    assert (loaded.data == plaintext.data).all()
    ciphertext = bfv.Encryptor(params, secret).encrypt(plaintext, level=1)
    back = converter.load_ciphertext(converter.save_ciphertext(ciphertext, how))
    assert (back.data == ciphertext.data).all()
    key = converter.load_secret_key(converter.save_secret_key(secret, how))
    assert (key.coefficients == secret.coefficients).all()
    assert (bfv.Decryptor(params, key).decrypt(back).data == plaintext.data).all()


def test_load_ciphertext__takes_the_noise_that_is_told(converter, secret):
    params = converter.params
    ciphertext = bfv.Encryptor(params, secret).encrypt(bfv.BatchEncoder(params).encode(1))
    data = converter.save_ciphertext(ciphertext)
    assert converter.load_ciphertext(data, ciphertext.noise).noise == ciphertext.noise
    assert converter.load_ciphertext(data).noise == params.noise_model.fresh_public(2)


def test_a_short_plaintext__is_filled_with_zeros(converter):
    data = write_plaintext(PlaintextRecord(np.array([3, 256], dtype=np.uint64), 1.0), PARAMETERS)
    assert converter.load_plaintext(data).data.tolist() == [3, 256] + [0] * (N - 2)


@pytest.mark.parametrize("values", [[T], [0] * (N + 1)], ids=["t itself", "too many"])
def test_a_plaintext_out_of_range__is_refused(converter, values):
    record = PlaintextRecord(np.array(values, dtype=np.uint64), 1.0)
    with pytest.raises(CorruptBytesError, match=f"at most {N} below t = {T}"):
        converter.load_plaintext(write_plaintext(record, PARAMETERS))


def test_objects_in_ntt_form__are_refused(converter):
    plain = PlaintextRecord(np.zeros((3, N), dtype=np.uint64), 1.0)
    with pytest.raises(CorruptBytesError, match="untransformed"):
        converter.load_plaintext(write_plaintext(plain, PARAMETERS))
    record = CiphertextRecord(np.zeros((2, 3, N), dtype=np.uint64), True, 1.0)
    with pytest.raises(CorruptBytesError, match="transform it back"):
        converter.load_ciphertext(write_ciphertext(record, PARAMETERS))


def test_other_parameters__are_refused(converter, secret):
    with pytest.raises(UnsupportedObjectError, match="CKKS"):
        BFVConverter(EncryptionParameters(Scheme.CKKS, N, PARAMETERS.coeff_modulus))
    with pytest.raises(InsecureParametersError):
        BFVConverter(PARAMETERS)
    other = EncryptionParameters(Scheme.BFV, N, PARAMETERS.coeff_modulus, 641)
    with pytest.raises(ParametersMismatchError, match="parms_id"):
        BFVConverter(other, insecure_reason=REASON).load_secret_key(
            converter.save_secret_key(secret)
        )


@pytest.mark.parametrize("t", [2, 3, 256, 257])
def test_scaling__is_that_of_seal_and_off_the_nearest_in_one_remainder_alone(t):
    """Q m / t for every m, against fractions: only a remainder of (t - 1) / 2 goes up too early."""
    moduli = PARAMETERS.coeff_modulus[:2]
    Q = moduli[0] * moduli[1]
    scaled = _scaled(np.arange(t, dtype=np.uint64), moduli, t)
    for m in range(t):
        early = t % 2 == 1 and Q * m % t == (t - 1) // 2
        expected = (2 * Q * m + t) // (2 * t) + early
        assert [int(x) for x in scaled[:, m]] == [expected % q for q in moduli]


def test_evaluator__leaves_the_ciphertext_alone_for_element_one(converter, secret):
    params = converter.params
    keys = KeyGenerator(params, seed=bytes(32)).evaluation_keys(secret, KeyNeeds())
    a = bfv.Encryptor(params, secret).encrypt(bfv.BatchEncoder(params).encode(7))
    assert (SEALBFVEvaluator(params, keys).automorphism(a, 1).data == a.data).all()

"""The converter without SEAL: scales, refusals, the way there and back."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.errors import (
    CorruptBytesError,
    InsecureParametersError,
    MissingGaloisKeyError,
    MissingKeyError,
    MissingRelinearizationKeyError,
    ParametersMismatchError,
)
from he.interop.seal import (
    CKKSConverter,
    Compression,
    EncryptionParameters,
    Format,
    Scheme,
    UnsupportedObjectError,
    Version,
    coeff_modulus,
)
from he.interop.seal.records import (
    CiphertextRecord,
    PlaintextRecord,
    write_ciphertext,
    write_plaintext,
)
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

N = 64
PARAMETERS = EncryptionParameters(Scheme.CKKS, N, coeff_modulus(N, (40, 30, 30, 41)))
REASON = "a test of bytes"
VERSIONS = [Version(3, 4), Version(3, 5), Version(3, 7), Version(4, 1)]
FORMATS = [
    Format(c, v) for v in VERSIONS for c in Compression if c < Compression.ZSTD or v.has_zstd
]


@pytest.fixture(scope="module")
def converter():
    return CKKSConverter(PARAMETERS, 2.0**30, insecure_reason=REASON)


@pytest.fixture(scope="module")
def generator(converter):
    return KeyGenerator(converter.params, seed=bytes(32))


@pytest.fixture(scope="module")
def secret(generator):
    return generator.secret_key()


def test_scales__are_what_squaring_and_rescaling_in_seal_gives(converter):
    q = PARAMETERS.coeff_modulus
    one_down = 2.0**30 * 2.0**30 / q[2]
    assert converter.params.scales == (one_down * one_down / q[1], one_down, 2.0**30)


def test_scales__stay_within_the_modulus_where_the_chain_does_not_fit():
    params = CKKSConverter(
        EncryptionParameters(Scheme.CKKS, N, coeff_modulus(N, (60, 60, 60, 60))),
        2.0**30,
        insecure_reason=REASON,
    ).params
    assert params.scales == (2.0, 2.0, 2.0**30)


@pytest.mark.parametrize(("compression", "version"), FORMATS)
def test_objects__survive_bytes(converter, generator, secret, compression, version):
    how = Format(compression, version)
    public = generator.public_key(secret)
    needs = KeyNeeds(2, {3: 2, 2 * N - 1: 2})
    keys = generator.evaluation_keys(secret, needs)
    loaded = converter.load_secret_key(converter.save_secret_key(secret, how))
    assert (loaded.coefficients == secret.coefficients).all()
    reloaded = converter.load_public_key(converter.save_public_key(public, how))
    assert (reloaded.data == public.data).all()
    again = converter.load_evaluation_keys(
        converter.save_relin_keys(keys, how), converter.save_galois_keys(keys, how)
    )
    assert (again.relinearization.data == keys.relinearization.data).all()
    assert {e: key.data.tobytes() for e, key in again.galois.items()} == {
        e: key.data.tobytes() for e, key in keys.galois.items()
    }
    ciphertext = Encryptor(converter.params, secret).encrypt(plaintext(converter))
    for obj, save, load in (
        (plaintext(converter), converter.save_plaintext, converter.load_plaintext),
        (ciphertext, converter.save_ciphertext, converter.load_ciphertext),
    ):
        back = load(save(obj, how))
        assert (back.data == obj.data).all()
        assert back.scale == obj.scale


def plaintext(converter):
    return Encoder(converter.params).encode([1.0, 2.0], 1)


def test_seeded_encryption__is_fresh_and_refuses_what_it_must(converter, secret):
    message = plaintext(converter)
    first, second = (converter.encrypt_seeded(message, secret) for _ in range(2))
    assert first[-64:] != second[-64:]
    ciphertext = converter.load_ciphertext(first)
    assert (ciphertext.level, ciphertext.scale) == (message.level, message.scale)
    oldest = converter.encrypt_seeded(message, secret, Format(version=Version(3, 4)))
    older = converter.load_ciphertext(oldest)
    decryptor = Decryptor(converter.params, secret)
    for encrypted in (ciphertext, older):
        slots = Encoder(converter.params).decode_real(decryptor.decrypt(encrypted))
        assert np.abs(slots[:2] - [1, 2]).max() < 2.0**-10
    with pytest.raises(MissingKeyError, match="not a PublicKey"):
        converter.encrypt_seeded(message, KeyGenerator(converter.params).public_key(secret))


def test_insecure_parameters__need_words():
    with pytest.raises(InsecureParametersError):
        CKKSConverter(PARAMETERS, 2.0**30)
    # SEAL's own largest set for N = 8192 and 128 bits, which today's table refuses.
    largest = EncryptionParameters(Scheme.CKKS, 8192, coeff_modulus(8192, (43, 43, 44, 44, 44)))
    with pytest.raises(InsecureParametersError, match="allows at most 214"):
        CKKSConverter(largest, 2.0**40)


@pytest.mark.parametrize(
    "parameters",
    [
        EncryptionParameters(Scheme.BFV, N, PARAMETERS.coeff_modulus, 257),
        EncryptionParameters(Scheme.CKKS, N, PARAMETERS.coeff_modulus[:1]),
    ],
    ids=["bfv", "one prime"],
)
def test_parameters_without_a_counterpart__are_refused_by_name(parameters):
    with pytest.raises(UnsupportedObjectError):
        CKKSConverter(parameters, 2.0**30, insecure_reason=REASON)


def test_bytes_of_another_parameter_set__are_refused(converter, secret):
    other = EncryptionParameters(Scheme.CKKS, N, coeff_modulus(N, (40, 30, 31, 41)))
    data = CKKSConverter(other, 2.0**30, insecure_reason=REASON).save_parameters()
    foreign = CKKSConverter(data, 2.0**30, insecure_reason=REASON)
    with pytest.raises(ParametersMismatchError, match="parms_id"):
        foreign.load_secret_key(converter.save_secret_key(secret))
    with pytest.raises(ParametersMismatchError, match="the converter to"):
        foreign.save_secret_key(secret)


def test_keys_of_the_other_kind__are_refused(converter, generator, secret):
    keys = generator.evaluation_keys(secret, KeyNeeds(2, {3: 2}))
    with pytest.raises(CorruptBytesError, match="entries of Galois keys: from 64 to 64"):
        converter.load_galois_keys(converter.save_relin_keys(keys))
    with pytest.raises(CorruptBytesError, match="entries of relinearization keys: from 1 to 14"):
        converter.load_relin_keys(converter.save_galois_keys(keys))


def test_missing_keys__cannot_be_saved(converter, generator, secret):
    low = generator.evaluation_keys(secret, KeyNeeds(galois={3: 1}))
    with pytest.raises(MissingRelinearizationKeyError):
        converter.save_relin_keys(low)
    with pytest.raises(MissingGaloisKeyError, match="serves level 1"):
        converter.save_galois_keys(low)


def residues(limbs, value=0):
    return np.full((2, limbs, N), value, dtype=np.uint64)


def test_ciphertexts_out_of_place__are_refused(converter):
    at_key_level = write_ciphertext(CiphertextRecord(residues(4), True, 1.0), PARAMETERS)
    with pytest.raises(CorruptBytesError, match="special prime"):
        converter.load_ciphertext(at_key_level)
    coefficients = write_ciphertext(CiphertextRecord(residues(3), False, 1.0), PARAMETERS)
    with pytest.raises(CorruptBytesError, match="NTT form"):
        converter.load_ciphertext(coefficients)
    with pytest.raises(CorruptBytesError, match="4 primes in NTT form are needed"):
        converter.load_public_key(
            write_ciphertext(CiphertextRecord(residues(3), True, 1.0), PARAMETERS)
        )


@pytest.mark.parametrize("limb", [0, 1, 2])
def test_a_residue_equal_to_its_modulus__is_refused(converter, limb):
    q = PARAMETERS.coeff_modulus[limb]
    data = residues(3)
    data[1, limb, -1] = q - 1
    converter.load_ciphertext(write_ciphertext(CiphertextRecord(data, True, 1.0), PARAMETERS))
    data[1, limb, -1] = q
    with pytest.raises(CorruptBytesError, match=f"residue {q} modulo {q} in limb {limb}"):
        converter.load_ciphertext(write_ciphertext(CiphertextRecord(data, True, 1.0), PARAMETERS))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_that_is_none__is_refused(converter, scale):
    with pytest.raises(CorruptBytesError, match="scale"):
        converter.load_ciphertext(
            write_ciphertext(CiphertextRecord(residues(3), True, scale), PARAMETERS)
        )


def test_a_secret_that_is_not_ternary__is_refused(converter, secret):
    data = secret.transformed.copy()
    data[0, 0] ^= np.uint64(1)
    record = PlaintextRecord(data, 1.0)
    with pytest.raises(CorruptBytesError, match="not one ternary polynomial"):
        converter.load_secret_key(write_plaintext(record, PARAMETERS))
    with pytest.raises(CorruptBytesError, match="the special one too"):
        converter.load_secret_key(
            write_plaintext(PlaintextRecord(secret.transformed[:3], 1.0), PARAMETERS)
        )

"""New keys as SEAL's seeded objects: what they encrypt, that they work, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import he
from he import bfv
from he.errors import MissingKeyError, ParameterError, ParametersMismatchError
from he.interop.seal import (
    BFVConverter,
    CKKSConverter,
    EncryptionParameters,
    Format,
    Scheme,
    SEALBFVEvaluator,
    SEALEvaluator,
    Version,
    coeff_modulus,
)
from he.rlwe.rns import context
from ntt.oracle import automorphism, negacyclic_product

N = 64
PRIMES = coeff_modulus(N, (40, 30, 30, 41))
REASON = "a test of bytes"
VERSIONS = [Version(3, 4), Version(3, 5), Version(3, 7), Version(4, 1)]
# Twelve standard deviations of 3.2: exceeded once in 10^32 coefficients.
LARGEST_ERROR = 12 * 3.2


def ckks():
    return CKKSConverter(
        EncryptionParameters(Scheme.CKKS, N, PRIMES), 2.0**30, insecure_reason=REASON
    )


def exact():
    return BFVConverter(
        EncryptionParameters(Scheme.BFV, N, PRIMES, 257), insecure_reason=REASON
    )


@pytest.fixture(params=[ckks, exact], ids=["ckks", "bfv"])
def converter(request):
    return request.param()


@pytest.fixture
def secret(converter):
    return he.KeyGenerator(converter.params).secret_key()


def error_of(converter, secret, digit, source, own):
    """c0 + c1 s - P source, the latter in limb `own` alone, centred: limb by limb with integers."""
    params = converter.params
    primes = (*params.q, *params.p)
    ops = context(params).qp(params.max_level)
    c0, c1 = (ops.inverse(digit[part].copy()) for part in range(2))
    P, s = params.p[0], [int(v) for v in secret.coefficients]
    errors = []
    for limb, q in enumerate(primes):
        a = [int(v) for v in c1[limb]]
        product = negacyclic_product(a, [v % q for v in s], q)
        expected = [P * v if limb == own else 0 for v in source]
        left = [
            (int(x) + int(y) - z) % q for x, y, z in zip(c0[limb], product, expected, strict=True)
        ]
        errors.append(centred(left, q))
    return errors


def centred(values, q):
    return [int(v) - q if int(v) > q // 2 else int(v) for v in values]


def substituted(coefficients, element):
    """s(x^element) modulo x^N + 1."""
    return centred(automorphism([int(v) % 5 for v in coefficients], element, 5), 5)


def squared(coefficients):
    q = 1 << 20  # beyond any coefficient of s^2
    residues = [int(v) % q for v in coefficients]
    return centred(negacyclic_product(residues, residues, q), q)


def check_digits(converter, secret, key, source):
    halves = {digit[1].tobytes() for digit in key}
    assert len(key) == len(halves) == len(converter.params.q)
    for j, digit in enumerate(key):
        errors = error_of(converter, secret, digit, source, j)
        assert all(row == errors[0] for row in errors)
        assert max(map(abs, errors[0])) <= LARGEST_ERROR
        assert any(errors[0])


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"SEAL_{v.major}_{v.minor}")
def test_keys__encrypt_what_they_carry_to_the_secret(converter, secret, version):
    how = Format(version=version)
    public = converter.load_public_key(converter.create_public_key(secret, how))
    nothing = [0] * N
    errors = error_of(converter, secret, public.data, nothing, -1)
    assert all(row == errors[0] for row in errors)
    assert 0 < max(map(abs, errors[0])) <= LARGEST_ERROR
    relin = converter.load_relin_keys(converter.create_relin_keys(secret, how))
    check_digits(converter, secret, relin.data, squared(secret.coefficients))


def test_galois_keys__carry_the_image_of_the_secret(converter, secret):
    """SEAL's key of g encrypts s(x^g); ours, its image under the inverse, s under s(x^(1/g))."""
    elements = [3, 5, 2 * N - 1]
    data = converter.create_galois_keys(secret, elements)
    keys = converter.load_galois_keys(data)
    assert sorted(keys) == sorted(elements)
    for element, key in keys.items():
        theirs = key.data[..., he.rlwe.galois.permutation(element, N)]
        check_digits(converter, secret, theirs, substituted(secret.coefficients, element))


def test_keys__are_half_as_long_as_full_ones_and_fresh(converter, secret):
    generator = he.KeyGenerator(converter.params)
    top = converter.params.max_level
    full = generator.evaluation_keys(secret, he.KeyNeeds(top, {3: top}))
    for create, saved in (
        (lambda: converter.create_relin_keys(secret), converter.save_relin_keys(full)),
        (lambda: converter.create_galois_keys(secret, [3]), converter.save_galois_keys(full)),
        (
            lambda: converter.create_public_key(secret),
            converter.save_public_key(generator.public_key(secret)),
        ),
    ):
        first, second = create(), create()
        # Beside the residues: a name, shapes, headers and a seed for each digit; N counts.
        assert len(first) < len(saved) / 2 + 8 * N + 200 * (top + 2)
        assert first != second


def test_keys__of_every_operation_work_in_the_evaluators():
    for make, encoder_of, encryptor_of, decryptor_of, evaluator_of in (
        (ckks, he.Encoder, he.Encryptor, he.Decryptor, SEALEvaluator),
        (exact, bfv.BatchEncoder, bfv.Encryptor, bfv.Decryptor, SEALBFVEvaluator),
    ):
        converter = make()
        params = converter.params
        secret = he.KeyGenerator(params).secret_key()
        public = converter.load_public_key(converter.create_public_key(secret))
        keys = converter.load_evaluation_keys(
            converter.create_relin_keys(secret), converter.create_galois_keys(secret, [3])
        )
        evaluator, encoder = evaluator_of(params, keys), encoder_of(params)
        x = np.arange(params.slots) % 5
        fresh = encryptor_of(params, public).encrypt(encoder.encode(x))
        out = evaluator.automorphism(evaluator.square(fresh), 3)
        slots = np.real(encoder.decode(decryptor_of(params, secret).decrypt(out)))
        rows = (x * x).reshape(params.slots * 2 // N, -1) if make is exact else (x * x)[None]
        assert np.abs(slots - np.roll(rows, -1, axis=1).ravel()).max() < 2.0**-8


def test_refusals__name_what_is_needed(converter, secret):
    public = he.KeyGenerator(converter.params).public_key(secret)
    for create in (
        converter.create_public_key,
        converter.create_relin_keys,
        lambda key: converter.create_galois_keys(key, [3]),
    ):
        with pytest.raises(MissingKeyError, match="not a PublicKey"):
            create(public)
    for element in (0, 2, -3, 2 * N + 1):
        with pytest.raises(ParameterError, match="must be odd"):
            converter.create_galois_keys(secret, [element])
    with pytest.raises(ParameterError, match=r"is 2\.5: a whole number is needed"):
        converter.create_galois_keys(secret, [2.5])


def test_refusals__a_secret_of_other_parameters():
    with pytest.raises(ParametersMismatchError):
        ckks().create_relin_keys(he.KeyGenerator(exact().params).secret_key())

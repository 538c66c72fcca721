"""SEAL's known answers for BFV (tests/vectors), checked without SEAL."""

from __future__ import annotations

import numpy as np
import pytest

from he import bfv
from he.interop.seal import SEALBFVEvaluator


@pytest.fixture
def evaluator(bfv_vectors):
    keys = bfv_vectors.converter.load_evaluation_keys(
        bfv_vectors.bytes("relin_keys"), bfv_vectors.bytes("galois_keys")
    )
    return SEALBFVEvaluator(bfv_vectors.converter.params, keys)


@pytest.fixture
def operands(bfv_vectors):
    return [bfv_vectors.converter.load_ciphertext(bfv_vectors.bytes(name)) for name in "ab"]


@pytest.fixture
def decryptor(bfv_vectors):
    secret = bfv_vectors.converter.load_secret_key(bfv_vectors.bytes("secret_key"))
    return bfv.Decryptor(bfv_vectors.converter.params, secret)


def coefficients(evaluator, ciphertext):
    """The residues as SEAL stores them."""
    return evaluator.context.q(ciphertext.level).inverse(ciphertext.data.copy())


def test_parameters__are_those_of_the_vectors(bfv_vectors):
    parameters = bfv_vectors.converter.parameters
    assert parameters.coeff_modulus == tuple(map(int, bfv_vectors.arrays["moduli"]))
    assert bfv_vectors.converter.params.t == int(bfv_vectors.arrays["plain_modulus"])


def test_decryption__gives_the_slots(bfv_vectors, operands, decryptor):
    encoder = bfv.BatchEncoder(bfv_vectors.converter.params)
    for ciphertext, slots in zip(operands, bfv_vectors.arrays["slots"], strict=True):
        assert (encoder.decode(decryptor.decrypt(ciphertext)) == slots).all()


def test_encoding__equals_that_of_seal(bfv_vectors):
    encoder = bfv.BatchEncoder(bfv_vectors.converter.params)
    theirs = bfv_vectors.converter.load_plaintext(bfv_vectors.bytes("plaintext"))
    assert (encoder.encode(bfv_vectors.arrays["slots"][0]).data == theirs.data).all()


def test_linear_operations__equal_those_of_seal(bfv_vectors, operands, evaluator):
    a, b = operands
    plaintext = bfv_vectors.converter.load_plaintext(bfv_vectors.bytes("plaintext"))
    for name, ours in (
        ("sum", evaluator.add(a, b)),
        ("plain_product", evaluator.multiply_plain(b, plaintext)),
        ("rotated_rows", evaluator.rotate_rows(a, 1)),
        ("rotated_columns", evaluator.rotate_columns(a)),
    ):
        assert (coefficients(evaluator, ours) == bfv_vectors.arrays[name]).all(), name


def test_relinearization__of_the_product_of_seal_equals_that_of_seal(bfv_vectors, evaluator):
    theirs = bfv_vectors.arrays["product"]
    fresh = evaluator.model.fresh_public(2)
    product = bfv.Ciphertext(evaluator.params, evaluator.context.q(2).forward(theirs.copy()), fresh)
    relinearized = coefficients(evaluator, evaluator.relinearize(product))
    assert (relinearized == bfv_vectors.arrays["relinearized"]).all()


def test_product__decrypts_to_that_of_seal_with_its_noise(
    bfv_vectors, operands, evaluator, decryptor
):
    theirs = bfv_vectors.arrays["product"].copy()
    loaded = bfv.Ciphertext(
        evaluator.params, evaluator.context.q(2).forward(theirs), evaluator.model.fresh_public(2)
    )
    mine = evaluator.tensor(*operands)
    assert (decryptor.decrypt(mine).data == decryptor.decrypt(loaded).data).all()
    assert abs(decryptor.noise_budget(mine) - decryptor.noise_budget(loaded)) <= 1
    slots = bfv_vectors.arrays["slots"].astype(object)
    t = evaluator.params.t
    decoded = bfv.BatchEncoder(evaluator.params).decode(decryptor.decrypt(mine))
    assert ((decoded.astype(object) - slots[0] * slots[1]) % t == 0).all()


def test_default_evaluator__differs_in_the_noise_alone(bfv_vectors, operands, evaluator, decryptor):
    """Centred digits give other residues and the same slots."""
    rotated = bfv.Evaluator(evaluator.params, evaluator.keys).rotate_rows(operands[0], 1)
    assert (coefficients(evaluator, rotated) != bfv_vectors.arrays["rotated_rows"]).any()
    decoded = bfv.BatchEncoder(evaluator.params).decode(decryptor.decrypt(rotated))
    expected = np.roll(bfv_vectors.arrays["slots"][0].reshape(2, -1), -1, axis=1).ravel()
    assert (decoded == expected).all()

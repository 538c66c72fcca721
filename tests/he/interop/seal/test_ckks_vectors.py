"""SEAL's known answers for CKKS (tests/vectors), checked without SEAL."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he.ckks.encryption import Decryptor
from he.ckks.evaluator import Evaluator
from he.ckks.noise import measured_error, tail_factor
from he.interop.seal import SEALEvaluator


@pytest.fixture
def evaluator(ckks_vectors):
    keys = ckks_vectors.converter.load_evaluation_keys(
        ckks_vectors.bytes("relin_keys"), ckks_vectors.bytes("galois_keys")
    )
    return SEALEvaluator(ckks_vectors.converter.params, keys)


@pytest.fixture
def operands(ckks_vectors):
    return [ckks_vectors.converter.load_ciphertext(ckks_vectors.bytes(name)) for name in "ab"]


def test_parameters__are_those_of_the_vectors(ckks_vectors):
    converter = ckks_vectors.converter
    assert converter.parameters.coeff_modulus == tuple(map(int, ckks_vectors.arrays["moduli"]))
    assert converter.params.scales[-1] == ckks_vectors.arrays["scale"]


def test_decryption__gives_the_slots_within_the_predicted_error(ckks_vectors, operands, evaluator):
    params = ckks_vectors.converter.params
    secret = ckks_vectors.converter.load_secret_key(ckks_vectors.bytes("secret_key"))
    noise = params.noise_model
    # At most one of 2^40 decryptions of these 32 slots exceeds the bound.
    factor = tail_factor(2.0**-40 / params.slots)
    bound = factor * math.sqrt(noise.fresh_public + noise.encoding) / ckks_vectors.scale
    for ciphertext, slots in zip(operands, ckks_vectors.arrays["slots"], strict=True):
        plaintext = Decryptor(params, secret).decrypt(ciphertext)
        assert measured_error(evaluator.encoder.decode_real(plaintext), slots) < bound


def test_encoding__equals_that_of_seal(ckks_vectors, evaluator):
    theirs = ckks_vectors.converter.load_plaintext(ckks_vectors.bytes("plaintext"))
    mine = evaluator.encoder.encode(ckks_vectors.arrays["slots"][0])
    assert theirs.scale == mine.scale
    decoded = evaluator.encoder.decode_real(theirs)
    # The rounding of N coefficients by at most one half each moves no slot farther than N / 2.
    assert measured_error(decoded, ckks_vectors.arrays["slots"][0]) <= 64 / 2 / ckks_vectors.scale


def test_sum__equals_that_of_seal(ckks_vectors, operands, evaluator):
    assert (evaluator.add(*operands).data == ckks_vectors.arrays["sum"]).all()


def test_multiplication__equals_that_of_seal_step_by_step(ckks_vectors, operands, evaluator):
    product = evaluator.tensor(*operands)
    assert (product.data == ckks_vectors.arrays["tensor"]).all()
    relinearized = evaluator.relinearize(product)
    assert (relinearized.data == ckks_vectors.arrays["relinearized"]).all()
    assert (evaluator.rescale(relinearized).data == ckks_vectors.arrays["rescaled"]).all()
    assert (evaluator.multiply(*operands).data == ckks_vectors.arrays["rescaled"]).all()


def test_rotation__equals_that_of_seal(ckks_vectors, operands, evaluator):
    assert (evaluator.rotate(operands[0], 1).data == ckks_vectors.arrays["rotated"]).all()


@pytest.mark.parametrize("generator", ["blake2xb", "shake256"])
def test_seeded_ciphertext__expands_to_that_of_seal(ckks_vectors, generator):
    ours = ckks_vectors.converter.load_ciphertext(ckks_vectors.bytes(f"seeded_{generator}"))
    assert (ours.data == ckks_vectors.arrays[f"expanded_{generator}"]).all()


def test_default_evaluator__differs_in_the_noise_alone(ckks_vectors, operands, evaluator):
    """Centred digits give other residues and the same slots."""
    params = ckks_vectors.converter.params
    secret = ckks_vectors.converter.load_secret_key(ckks_vectors.bytes("secret_key"))
    rotated = Evaluator(params, evaluator.keys).rotate(operands[0], 1)
    assert (rotated.data != ckks_vectors.arrays["rotated"]).any()
    decoded = evaluator.encoder.decode_real(Decryptor(params, secret).decrypt(rotated))
    noise = params.noise_model
    variance = noise.fresh_public + noise.encoding + noise.key_switch(params.max_level)
    bound = tail_factor(2.0**-40 / params.slots) * math.sqrt(variance) / ckks_vectors.scale
    assert measured_error(decoded, np.roll(ckks_vectors.arrays["slots"][0], -1)) < bound

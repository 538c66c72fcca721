"""Known answers of SEAL (tests/vectors), checked without SEAL."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he.ckks.evaluator import Evaluator
from he.encryption import Decryptor
from he.interop.seal import SEALEvaluator
from he.noise import NoiseModel, measured_error, tail_factor


@pytest.fixture
def evaluator(vectors):
    keys = vectors.converter.load_evaluation_keys(
        vectors.bytes("relin_keys"), vectors.bytes("galois_keys")
    )
    return SEALEvaluator(vectors.converter.params, keys)


@pytest.fixture
def operands(vectors):
    return [vectors.converter.load_ciphertext(vectors.bytes(name)) for name in "ab"]


def test_parameters__are_those_of_the_vectors(vectors):
    converter = vectors.converter
    assert converter.parameters.coeff_modulus == tuple(map(int, vectors.arrays["moduli"]))
    assert converter.params.scales[-1] == vectors.arrays["scale"]


def test_decryption__gives_the_slots_within_the_predicted_error(vectors, operands, evaluator):
    params = vectors.converter.params
    secret = vectors.converter.load_secret_key(vectors.bytes("secret_key"))
    noise = NoiseModel(params)
    # At most one of 2^40 decryptions of these 32 slots exceeds the bound.
    factor = tail_factor(2.0**-40 / params.slots)
    bound = factor * math.sqrt(noise.fresh_public + noise.encoding) / vectors.scale
    for ciphertext, slots in zip(operands, vectors.arrays["slots"], strict=True):
        plaintext = Decryptor(params, secret).decrypt(ciphertext)
        assert measured_error(evaluator.encoder.decode_real(plaintext), slots) < bound


def test_encoding__equals_that_of_seal(vectors, evaluator):
    theirs = vectors.converter.load_plaintext(vectors.bytes("plaintext"))
    mine = evaluator.encoder.encode(vectors.arrays["slots"][0])
    assert theirs.scale == mine.scale
    decoded = evaluator.encoder.decode_real(theirs)
    # The rounding of N coefficients by at most one half each moves no slot farther than N / 2.
    assert measured_error(decoded, vectors.arrays["slots"][0]) <= 64 / 2 / vectors.scale


def test_sum__equals_that_of_seal(vectors, operands, evaluator):
    assert (evaluator.add(*operands).data == vectors.arrays["sum"]).all()


def test_multiplication__equals_that_of_seal_step_by_step(vectors, operands, evaluator):
    product = evaluator.tensor(*operands)
    assert (product.data == vectors.arrays["tensor"]).all()
    relinearized = evaluator.relinearize(product)
    assert (relinearized.data == vectors.arrays["relinearized"]).all()
    assert (evaluator.rescale(relinearized).data == vectors.arrays["rescaled"]).all()
    assert (evaluator.multiply(*operands).data == vectors.arrays["rescaled"]).all()


def test_rotation__equals_that_of_seal(vectors, operands, evaluator):
    assert (evaluator.rotate(operands[0], 1).data == vectors.arrays["rotated"]).all()


@pytest.mark.parametrize("generator", ["blake2xb", "shake256"])
def test_seeded_ciphertext__expands_to_that_of_seal(vectors, generator):
    ours = vectors.converter.load_ciphertext(vectors.bytes(f"seeded_{generator}"))
    assert (ours.data == vectors.arrays[f"expanded_{generator}"]).all()


def test_default_evaluator__differs_in_the_noise_alone(vectors, operands, evaluator):
    """Centred digits give other residues and the same slots."""
    params = vectors.converter.params
    secret = vectors.converter.load_secret_key(vectors.bytes("secret_key"))
    rotated = Evaluator(params, evaluator.keys).rotate(operands[0], 1)
    assert (rotated.data != vectors.arrays["rotated"]).any()
    decoded = evaluator.encoder.decode_real(Decryptor(params, secret).decrypt(rotated))
    noise = NoiseModel(params)
    variance = noise.fresh_public + noise.encoding + noise.key_switch(params.max_level)
    bound = tail_factor(2.0**-40 / params.slots) * math.sqrt(variance) / vectors.scale
    assert measured_error(decoded, np.roll(vectors.arrays["slots"][0], -1)) < bound

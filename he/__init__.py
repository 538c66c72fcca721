"""Homomorphic encryption: the CKKS scheme in full RNS, on top of `ntt`.

A client makes keys, encrypts and decrypts; a server computes with an `Evaluator` and never sees
the secret key.

>>> import numpy as np, he
>>> params = he.CKKSParameters.build(depth=2, precision_bits=16)     # 128-bit security
>>> generator = he.KeyGenerator(params)
>>> secret = generator.secret_key()
>>> rotate_by_one = he.element_of_rotation(1, params.N)
>>> needs = he.KeyNeeds(relinearization=2, galois={rotate_by_one: 2})
>>> evaluation_keys = generator.evaluation_keys(secret, needs).to_bytes()

>>> encoder = he.Encoder(params)
>>> x = np.linspace(-1, 1, params.slots)
>>> message = he.Encryptor(params, secret).encrypt(encoder.encode(x)).to_bytes()

The server, from bytes alone:

>>> keys = he.EvaluationKeys.from_bytes(evaluation_keys, params)
>>> evaluator = he.Evaluator(params, keys)
>>> ct = evaluator.attach(he.Ciphertext.from_bytes(message, params))
>>> answer = (0.5 * ct * ct + ct.rotate(1) - 1).to_bytes()

And the client again:

>>> ct = he.Ciphertext.from_bytes(answer, params)
>>> slots = encoder.decode_real(he.Decryptor(params, secret).decrypt(ct))
>>> bool(np.abs(slots - (0.5 * x * x + np.roll(x, -1) - 1)).max() < 2.0**-13)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names

if TYPE_CHECKING:
    from he.ckks.bootstrap.bootstrapper import Bootstrapper
    from he.ckks.bootstrap.parameters import Bootstrapping
    from he.ckks.ciphertext import Ciphertext, Plaintext
    from he.ckks.circuits.linear_transform import LinearTransform
    from he.ckks.circuits.polynomial import Polynomial
    from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial, evaluate_polynomial
    from he.ckks.encoding.encoder import Encoder
    from he.ckks.encryption import Decryptor, Encryptor
    from he.ckks.evaluator import Evaluator
    from he.ckks.noise import NoiseModel
    from he.ckks.params import CKKSParameters
    from he.ckks.publication import Flooding
    from he.errors import (
        CorruptBytesError,
        EncodingError,
        ForeignBytesError,
        HEError,
        InsecureParametersError,
        LevelExhaustedError,
        LevelMismatchError,
        MissingGaloisKeyError,
        MissingKeyError,
        MissingRelinearizationKeyError,
        NoEvaluatorError,
        ParameterError,
        ParametersMismatchError,
        PublicationError,
        ScaleMismatchError,
        ScaleOverflowError,
        SerializationError,
        SlowPrimesWarning,
        UnsupportedOperationError,
        VersionError,
        WrongObjectError,
    )
    from he.rlwe.evaluation_keys import EvaluationKeys
    from he.rlwe.galois import element_of_conjugation, element_of_rotation
    from he.rlwe.key_needs import KeyNeeds
    from he.rlwe.keygen import KeyGenerator
    from he.rlwe.keys import KeySwitchingKey, PublicKey, SecretKey
    from he.rlwe.stored_keys import StoredKeys
    from he.serialization import (
        ciphertexts_from_bytes,
        ciphertexts_to_bytes,
        from_bytes,
        serialized_bytes,
        to_bytes,
    )

__all__ = [
    "Bootstrapper",
    "Bootstrapping",
    "CKKSParameters",
    "Ciphertext",
    "CorruptBytesError",
    "Decryptor",
    "EncodedPolynomial",
    "Encoder",
    "EncodingError",
    "Encryptor",
    "EvaluationKeys",
    "Evaluator",
    "Flooding",
    "ForeignBytesError",
    "HEError",
    "InsecureParametersError",
    "KeyGenerator",
    "KeyNeeds",
    "KeySwitchingKey",
    "LevelExhaustedError",
    "LevelMismatchError",
    "LinearTransform",
    "MissingGaloisKeyError",
    "MissingKeyError",
    "MissingRelinearizationKeyError",
    "NoEvaluatorError",
    "NoiseModel",
    "ParameterError",
    "ParametersMismatchError",
    "Plaintext",
    "Polynomial",
    "PublicKey",
    "PublicationError",
    "ScaleMismatchError",
    "ScaleOverflowError",
    "SecretKey",
    "SerializationError",
    "SlowPrimesWarning",
    "StoredKeys",
    "UnsupportedOperationError",
    "VersionError",
    "WrongObjectError",
    "ciphertexts_from_bytes",
    "ciphertexts_to_bytes",
    "element_of_conjugation",
    "element_of_rotation",
    "evaluate_polynomial",
    "from_bytes",
    "serialized_bytes",
    "to_bytes",
]

# Modules are loaded when one of their names is first used, so that `import he` costs nothing and
# the parts without kernels (`he.errors`, `he.rlwe.security`) stay free of Numba.
__getattr__, __dir__ = lazy_names(
    "he",
    {
        "ckks.bootstrap.bootstrapper": "Bootstrapper",
        "ckks.bootstrap.parameters": "Bootstrapping",
        "ckks.ciphertext": "Ciphertext Plaintext",
        "ckks.encoding.encoder": "Encoder",
        "ckks.evaluator": "Evaluator",
        "ckks.circuits.linear_transform": "LinearTransform",
        "ckks.circuits.polynomial": "Polynomial",
        "ckks.circuits.polynomial_evaluation": "EncodedPolynomial evaluate_polynomial",
        "ckks.encryption": "Decryptor Encryptor",
        "ckks.publication": "Flooding",
        "errors": (
            "CorruptBytesError EncodingError ForeignBytesError HEError "
            "InsecureParametersError LevelExhaustedError LevelMismatchError "
            "MissingGaloisKeyError MissingKeyError MissingRelinearizationKeyError "
            "NoEvaluatorError ParameterError ParametersMismatchError PublicationError "
            "ScaleMismatchError ScaleOverflowError SerializationError "
            "SlowPrimesWarning UnsupportedOperationError VersionError WrongObjectError"
        ),
        "rlwe.galois": "element_of_conjugation element_of_rotation",
        "rlwe.keygen": "KeyGenerator",
        "rlwe.evaluation_keys": "EvaluationKeys",
        "rlwe.stored_keys": "StoredKeys",
        "rlwe.keys": "KeySwitchingKey PublicKey SecretKey",
        "rlwe.key_needs": "KeyNeeds",
        "ckks.noise": "NoiseModel",
        "ckks.params": "CKKSParameters",
        "serialization": (
            "ciphertexts_from_bytes ciphertexts_to_bytes from_bytes "
            "serialized_bytes to_bytes"
        ),
    },
)

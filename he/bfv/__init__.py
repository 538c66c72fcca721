"""The BFV scheme: exact arithmetic modulo t, on the same keys and key switching as CKKS.

>>> import numpy as np
>>> from he import KeyGenerator, KeyNeeds, bfv, element_of_rotation
>>> params = bfv.BFVParameters.build(depth=1, plain_bits=20)            # 128-bit security
>>> generator = KeyGenerator(params)
>>> secret = generator.secret_key()
>>> top = params.max_level
>>> needs = KeyNeeds(relinearization=top, galois={element_of_rotation(1, params.N): top})
>>> evaluator = bfv.Evaluator(params, generator.evaluation_keys(secret, needs))

>>> encoder = bfv.BatchEncoder(params)
>>> x = np.arange(params.slots) % 1000
>>> ct = bfv.Encryptor(params, secret).encrypt(encoder.encode(x))
>>> ct = evaluator.attach(ct)
>>> result = bfv.Decryptor(params, secret).decrypt(ct * ct - 3 * ct.rotate_rows(1) + x)
>>> rotated = np.roll(x.reshape(2, -1), -1, axis=1).ravel()
>>> bool((encoder.decode(result) % params.t == (x * x - 3 * rotated + x) % params.t).all())
True
"""

from he.bfv.ciphertext import Ciphertext, PlainFactor, Plaintext
from he.bfv.encoder import BatchEncoder, CoefficientEncoder
from he.bfv.encryption import Decryptor, Encryptor
from he.bfv.evaluator import Evaluator
from he.bfv.noise import Noise, NoiseModel
from he.bfv.params import BFVParameters

__all__ = [
    "BFVParameters",
    "BatchEncoder",
    "Ciphertext",
    "CoefficientEncoder",
    "Decryptor",
    "Encryptor",
    "Evaluator",
    "Noise",
    "NoiseModel",
    "PlainFactor",
    "Plaintext",
]

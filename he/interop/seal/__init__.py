"""Microsoft SEAL's bytes (3.4 to 4.x), which are Pyfhel's and TenSEAL's too: read and written.

`EncryptionParameters` and `CKKSConverter` carry objects over; `SEALEvaluator` computes
limb for limb what SEAL computes. `read_pyfhel_context` and `coeff_modulus` help to get there.
"""

from he.interop.seal.ckks import CKKSConverter
from he.interop.seal.envelope import DEFAULT_VERSION, Compression, Version
from he.interop.seal.errors import UnknownGeneratorError, UnsupportedObjectError
from he.interop.seal.evaluator import SEALEvaluator
from he.interop.seal.parameters import EncryptionParameters, Scheme, coeff_modulus
from he.interop.seal.pyfhel import read_pyfhel_context

__all__ = [
    "DEFAULT_VERSION",
    "CKKSConverter",
    "Compression",
    "EncryptionParameters",
    "SEALEvaluator",
    "Scheme",
    "UnknownGeneratorError",
    "UnsupportedObjectError",
    "Version",
    "coeff_modulus",
    "read_pyfhel_context",
]

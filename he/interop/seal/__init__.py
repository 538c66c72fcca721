"""Microsoft SEAL's bytes (3.4 to 4.x), which are Pyfhel's and TenSEAL's too: read and written.

`EncryptionParameters` (`read_pyfhel_context` for Pyfhel's) and the converter of a scheme carry
objects over; `SEALEvaluator` and `SEALBFVEvaluator` compute limb for limb what SEAL computes.
"""

from he.interop.seal.bfv import BFVConverter
from he.interop.seal.ckks import CKKSConverter
from he.interop.seal.envelope import DEFAULT_FORMAT, DEFAULT_VERSION, Compression, Format, Version
from he.interop.seal.errors import UnknownGeneratorError, UnsupportedObjectError
from he.interop.seal.evaluator import SEALBFVEvaluator, SEALEvaluator
from he.interop.seal.parameters import EncryptionParameters, Scheme, coeff_modulus
from he.interop.seal.pyfhel import read_pyfhel_context

__all__ = [
    "DEFAULT_FORMAT",
    "DEFAULT_VERSION",
    "BFVConverter",
    "CKKSConverter",
    "Compression",
    "EncryptionParameters",
    "Format",
    "SEALBFVEvaluator",
    "SEALEvaluator",
    "Scheme",
    "UnknownGeneratorError",
    "UnsupportedObjectError",
    "Version",
    "coeff_modulus",
    "read_pyfhel_context",
]

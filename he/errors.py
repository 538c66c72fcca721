"""The named errors of `he`.

Every error carries one message that states the actual value, the needed value and the way out;
it is written where the error is raised. Catch `HEError` to catch them all.

    HEError
        ParameterError (ValueError)
            InsecureParametersError
            BatchingError
        EncodingError (ValueError)
        LevelExhaustedError
        LevelMismatchError
        NoiseBudgetExhaustedError
        ScaleMismatchError
        ScaleOverflowError
        ParametersMismatchError
        NoEvaluatorError
        WrongObjectError (TypeError)
        UnsupportedOperationError (TypeError)
        MissingKeyError
            MissingRelinearizationKeyError
            MissingGaloisKeyError
        SerializationError (ValueError)
            ForeignBytesError
            CorruptBytesError
            VersionError

`SlowPrimesWarning` is the one warning.
"""


class HEError(Exception):
    """Base of every error that `he` raises on purpose."""


class ParameterError(HEError, ValueError):
    """A parameter lies outside its documented range, or parameters contradict each other."""


class InsecureParametersError(ParameterError):
    """log2(QP) is larger than the security table allows for this N, or the error is smaller."""


class BatchingError(ParameterError):
    """The plain modulus has no slots: it is no prime that is 1 modulo 2N."""


class EncodingError(HEError, ValueError):
    """Values cannot be encoded: NaN, infinite, too many, or too large for the scale and modulus."""


class LevelExhaustedError(HEError):
    """The operation consumes a level and none is left."""


class LevelMismatchError(HEError):
    """The operands are at different levels."""


class NoiseBudgetExhaustedError(HEError):
    """The noise of a ciphertext has reached, or may have reached, its message."""


class PublicationError(HEError):
    """A decrypted value cannot be published: the noise that hides its error leaves too little."""


class ScaleMismatchError(HEError):
    """An operand is not at the scale that the operation needs."""


class ScaleOverflowError(HEError):
    """The modulus of a level cannot hold values at this scale."""


class ParametersMismatchError(HEError):
    """The objects belong to different parameter sets."""


class NoEvaluatorError(HEError):
    """A Python operator was used on a ciphertext to which no evaluator is attached."""


class WrongObjectError(HEError, TypeError):
    """An argument is another kind of object than the call needs."""


class UnsupportedOperationError(HEError, TypeError):
    """A Python operation that has no meaning on what is encrypted."""


class MissingKeyError(HEError):
    """The operation needs a key that was not given."""


class MissingRelinearizationKeyError(MissingKeyError):
    """The operation needs the relinearization key."""


class MissingGaloisKeyError(MissingKeyError):
    """The operation needs the key of a Galois element that was not given."""


class SerializationError(HEError, ValueError):
    """The bytes cannot be read as the object asked for."""


class ForeignBytesError(SerializationError):
    """The bytes are not of this project, or hold another kind of object than the one asked for."""


class CorruptBytesError(SerializationError):
    """The bytes are of this project, but truncated, altered, too long or out of range."""


class VersionError(SerializationError):
    """The bytes were written in a format version that this release does not read."""


class SlowPrimesWarning(UserWarning):
    """Primes above 2^50 that were asked for: the fast kernels of this machine cannot hold them."""

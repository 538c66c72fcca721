"""CKKS between SEAL's objects and ours: the same residues, in other surroundings.

Both libraries transform with the smallest primitive 2N-th root and leave the result bit-reversed.
"""

from __future__ import annotations

import math

import numpy as np

from he import galois
from he.ciphertext import Ciphertext, Plaintext
from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.interop.seal import records
from he.interop.seal.envelope import DEFAULT_VERSION, Buffer, Compression, Version
from he.interop.seal.errors import UnsupportedObjectError
from he.interop.seal.parameters import EncryptionParameters, Scheme
from he.interop.seal.secret import secret_coefficients
from he.keys import EvaluationKeys, KeySwitchingKey, PublicKey, SecretKey
from he.params import CKKSParameters


class CKKSConverter:
    """Loads and saves SEAL's CKKS objects of one set of encryption parameters.

    SEAL's last prime is our special prime, every other one a digit. SEAL's ciphertexts carry any
    scale; ours have one canonical scale a level, which `scale` starts: ``scales[L] = scale`` and
    ``scales[l - 1] = scales[l]^2 / q_l``, what squaring and rescaling in SEAL gives, to the last
    bit. (Where that would leave [2, q_0 .. q_l], the chain does not fit the scale, and the nearer
    end is taken.) A loaded ciphertext keeps the scale it has: it can be added to, multiplied and
    rescaled at any, while what moves it to a canonical scale needs a canonical one.

    Parameters
    ----------
    parameters : SEAL's, or their bytes.
    scale : the scale at which the SEAL program encodes.
    insecure_reason : words that say why a set outside our security table is wanted. SEAL's table
        is an older one, and its own default sets (218 bits at N = 8192) lie beyond ours (214).

    Raises `UnsupportedObjectError` for BFV, BGV, or a single prime (SEAL then has no special one).
    """

    def __init__(
        self,
        parameters: EncryptionParameters | Buffer,
        scale: float,
        *,
        insecure_reason: str | None = None,
    ) -> None:
        if not isinstance(parameters, EncryptionParameters):
            parameters = EncryptionParameters.from_bytes(parameters)
        if parameters.scheme is not Scheme.CKKS or parameters.key_limbs < 2:
            raise UnsupportedObjectError(
                f"{parameters.scheme.name} with {parameters.key_limbs} primes: a CKKSConverter "
                f"needs CKKS with two or more, the last one for keys"
            )
        self.parameters = parameters
        *q, special = parameters.coeff_modulus
        self.params = CKKSParameters(
            N=parameters.N,
            q=tuple(q),
            p=(special,),
            digit_limbs=1,
            scales=_scales(q, scale),
            insecure_reason=insecure_reason,
        )

    # ------------------------------------------------------------ from SEAL

    def load_secret_key(self, data: Buffer) -> SecretKey:
        """SEAL's SecretKey. Raises `SerializationError`, `ParametersMismatchError`."""
        record = records.read_plaintext(data, self.parameters)
        return SecretKey(self.params, secret_coefficients(record, self.parameters))

    def load_public_key(self, data: Buffer) -> PublicKey:
        """SEAL's PublicKey, full or seeded."""
        return PublicKey(self.params, records.read_public_key(data, self.parameters))

    def load_plaintext(self, data: Buffer) -> Plaintext:
        """SEAL's Plaintext at a data level."""
        record = records.read_plaintext(data, self.parameters)
        if record.data.ndim != 2:
            raise CorruptBytesError("a plaintext that belongs to no level: CKKS's always do")
        self._check_level(len(record.data))
        return Plaintext(self.params, record.data, record.scale)

    def load_ciphertext(self, data: Buffer) -> Ciphertext:
        """SEAL's Ciphertext of two or three parts, full or seeded."""
        record = records.read_ciphertext(data, self.parameters, parts=3)
        if not record.is_ntt:
            raise CorruptBytesError("a CKKS ciphertext that is not in NTT form")
        self._check_level(record.data.shape[1])
        return Ciphertext(self.params, record.data, record.scale)

    def load_relin_keys(self, data: Buffer) -> KeySwitchingKey:
        """SEAL's RelinKeys: the key of s^2 (those of higher powers have no use here)."""
        keys = records.read_switching_keys(data, self.parameters)
        if 0 not in keys:
            raise CorruptBytesError("relinearization keys without the one of s^2")
        return KeySwitchingKey(self.params, self.params.max_level, 0, keys[0])

    def load_galois_keys(self, data: Buffer) -> dict[int, KeySwitchingKey]:
        """SEAL's GaloisKeys by Galois element."""
        keys = records.read_switching_keys(data, self.parameters)
        return {
            2 * index + 1: KeySwitchingKey(
                self.params,
                self.params.max_level,
                2 * index + 1,
                _permuted(key, pow(2 * index + 1, -1, 2 * self.params.N)),
            )
            for index, key in keys.items()
        }

    def load_evaluation_keys(
        self, relin_keys: Buffer | None = None, galois_keys: Buffer | None = None
    ) -> EvaluationKeys:
        """RelinKeys and GaloisKeys as what an evaluator is given."""
        return EvaluationKeys(
            self.params,
            None if relin_keys is None else self.load_relin_keys(relin_keys),
            {} if galois_keys is None else self.load_galois_keys(galois_keys),
        )

    # ------------------------------------------------------------ to SEAL

    def save_parameters(
        self, compression: Compression = Compression.NONE, version: Version = DEFAULT_VERSION
    ) -> bytes:
        """SEAL's EncryptionParameters."""
        return self.parameters.to_bytes(compression=compression, version=version)

    def save(
        self,
        obj: SecretKey | PublicKey | Plaintext | Ciphertext | EvaluationKeys,
        compression: Compression = Compression.NONE,
        version: Version = DEFAULT_VERSION,
    ) -> bytes:
        """SEAL's bytes of a key, plaintext or ciphertext; for sets of keys see the two below.

        Raises `ParametersMismatchError` for another parameter set, `ParameterError` for a type
        that has no counterpart in SEAL.
        """
        self._check_owner(obj)
        how = (self.parameters, compression, version)
        if isinstance(obj, SecretKey):
            return records.write_plaintext(
                records.PlaintextRecord(obj.transformed, 1.0), *how
            )
        if isinstance(obj, PublicKey):
            return records.write_ciphertext(records.CiphertextRecord(obj.data, True, 1.0), *how)
        if isinstance(obj, Plaintext):
            return records.write_plaintext(records.PlaintextRecord(obj.data, obj.scale), *how)
        if isinstance(obj, Ciphertext):
            record = records.CiphertextRecord(obj.data, True, obj.scale)
            return records.write_ciphertext(record, *how)
        raise ParameterError(f"a {type(obj).__name__} is no single SEAL object")

    def save_relin_keys(
        self,
        keys: EvaluationKeys,
        compression: Compression = Compression.NONE,
        version: Version = DEFAULT_VERSION,
    ) -> bytes:
        """SEAL's RelinKeys; raises `MissingRelinearizationKeyError` without it."""
        self._check_owner(keys)
        key = keys.for_relinearization(self.params.max_level)
        return records.write_switching_keys(
            {0: key.data}, 1, self.parameters, compression, version
        )

    def save_galois_keys(
        self,
        keys: EvaluationKeys,
        compression: Compression = Compression.NONE,
        version: Version = DEFAULT_VERSION,
    ) -> bytes:
        """SEAL's GaloisKeys; raises `MissingGaloisKeyError` for one below the top level."""
        self._check_owner(keys)
        entries = {
            (element - 1) // 2: _permuted(
                keys.for_element(element, self.params.max_level).data, element
            )
            for element in keys.galois
        }
        return records.write_switching_keys(
            entries, self.params.N, self.parameters, compression, version
        )

    # ------------------------------------------------------------ checks

    def _check_level(self, limbs: int) -> None:
        if limbs > self.parameters.data_limbs:
            raise CorruptBytesError(
                f"the special prime is among the {limbs} primes: only keys have it"
            )

    def _check_owner(
        self, obj: SecretKey | PublicKey | Plaintext | Ciphertext | EvaluationKeys
    ) -> None:
        if obj.params != self.params:
            raise ParametersMismatchError(
                f"the {type(obj).__name__} belongs to {obj.params}, the converter to {self.params}"
            )


def _scales(q: list[int], scale: float) -> tuple[float, ...]:
    """The canonical scales of levels 0 .. L, the top one being `scale`."""
    scales = [float(scale)]
    for level in range(len(q) - 1, 0, -1):
        below = scales[-1] * scales[-1] / q[level]
        scales.append(min(max(below, 2.0), float(min(math.prod(q[:level]), 1 << 500))))
    return tuple(reversed(scales))


def _permuted(key: np.ndarray, element: int) -> np.ndarray:
    """The automorphism of every limb of a key (digits, 2, limbs, N).

    SEAL's key of g carries sigma_g(s) to s, ours s to its preimage under g (`he.keys`): ours is
    SEAL's under the inverse of g.
    """
    return np.ascontiguousarray(key[..., galois.permutation(element, key.shape[-1])])

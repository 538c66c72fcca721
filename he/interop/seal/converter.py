"""What carrying SEAL's objects over has in common for every scheme: parameters and keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import numpy as np

from he.errors import CorruptBytesError
from he.interop.seal import records
from he.interop.seal.envelope import DEFAULT_FORMAT, Buffer, Format, checked_format
from he.interop.seal.errors import UnsupportedObjectError
from he.interop.seal.parameters import EncryptionParameters, Scheme
from he.interop.seal.secret import secret_coefficients
from he.interop.seal.seeded import (
    check_secret,
    image_of,
    seeded_switching_key,
    seeded_zero,
    square_of,
)
from he.rlwe import galois
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keys import KeySwitchingKey, PublicKey, SecretKey
from he.rlwe.operand_checks import check_owner
from he.rlwe.params import RLWEParameters, whole_numbers
from he.rlwe.rns import context
from he.trace import RELINEARIZATION
from ntt.memory import large_array

P = TypeVar("P", bound=RLWEParameters)


class Converter(Generic[P]):
    """Keys of one set of encryption parameters. SEAL's last prime is our special prime, every
    other one a digit; residues are the same.

    What saves or creates an object takes a `Format`: the compression, and the release of SEAL.

    Loading raises `SerializationError`, or `ParametersMismatchError` for objects of other
    parameters; saving raises `ParametersMismatchError` for ours.
    """

    scheme: Scheme

    def __init__(self, parameters: EncryptionParameters, params: P) -> None:
        self.parameters = parameters
        self.params = params

    @classmethod
    def _checked(cls, parameters: EncryptionParameters | Buffer) -> EncryptionParameters:
        """The parameters, or those in the bytes; `UnsupportedObjectError` for another scheme."""
        if not isinstance(parameters, EncryptionParameters):
            parameters = EncryptionParameters.from_bytes(parameters)
        if parameters.scheme is not cls.scheme or parameters.key_limbs < 2:
            raise UnsupportedObjectError(
                f"{parameters.scheme.name} with {parameters.key_limbs} primes: a {cls.__name__} "
                f"needs {cls.scheme.name} with two or more, the last one for keys"
            )
        return parameters

    # ------------------------------------------------------------ from SEAL

    def load_secret_key(self, data: Buffer) -> SecretKey:
        """SEAL's SecretKey."""
        record = records.read_plaintext(data, self.parameters)
        ops = context(self.params).qp(self.params.max_level)
        return SecretKey.from_read(self.params, secret_coefficients(record.data, ops))

    def load_public_key(self, data: Buffer) -> PublicKey:
        """SEAL's PublicKey, full or seeded."""
        return PublicKey.from_read(self.params, records.read_public_key(data, self.parameters))

    def load_relin_keys(self, data: Buffer) -> KeySwitchingKey:
        """SEAL's RelinKeys: the key of s^2 (those of higher powers have no use here)."""
        keys = records.read_relin_keys(data, self.parameters)
        if 0 not in keys:
            raise CorruptBytesError("relinearization keys without the one of s^2")
        return self._switching_key(RELINEARIZATION, keys[0])

    def load_galois_keys(self, data: Buffer) -> dict[int, KeySwitchingKey]:
        """SEAL's GaloisKeys by Galois element."""
        keys = records.read_galois_keys(data, self.parameters)
        loaded = {}
        for index, key in keys.items():
            element = 2 * index + 1
            ours = _permuted(key, pow(element, -1, 2 * self.params.N))
            loaded[element] = self._switching_key(element, ours)
        return loaded

    def _switching_key(self, element: int, data: np.ndarray) -> KeySwitchingKey:
        level = self.params.max_level
        return KeySwitchingKey.unchecked(
            params=self.params, level=level, element=element, data=data, seed=None
        )

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

    def save_parameters(self, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's EncryptionParameters."""
        return self.parameters.to_bytes(format)

    def save_secret_key(self, key: SecretKey, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's SecretKey."""
        check_owner(self.params, key, SecretKey, "converter")
        record = records.PlaintextRecord(key.transformed, 1.0)
        return records.write_plaintext(record, self.parameters, format)

    def save_public_key(self, key: PublicKey, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's PublicKey."""
        check_owner(self.params, key, PublicKey, "converter")
        record = records.CiphertextRecord(key.data, True, 1.0)
        return records.write_ciphertext(record, self.parameters, format)

    def save_relin_keys(self, keys: EvaluationKeys, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's RelinKeys; raises `MissingRelinearizationKeyError` without it."""
        check_owner(self.params, keys, EvaluationKeys, "converter")
        key = keys.for_relinearization(self.params.max_level)
        return records.write_switching_keys({0: key.data}, 1, self.parameters, format)

    def save_galois_keys(self, keys: EvaluationKeys, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's GaloisKeys; raises `MissingGaloisKeyError` for one below the top level."""
        check_owner(self.params, keys, EvaluationKeys, "converter")
        entries = {}
        for element in keys.galois:
            ours = keys.for_element(element, self.params.max_level)
            entries[(element - 1) // 2] = _permuted(ours.data, element)
        return records.write_switching_keys(entries, self.params.N, self.parameters, format)

    # ------------------------------------------------------------ new keys, seeded

    def create_public_key(self, secret: SecretKey, format: Format = DEFAULT_FORMAT) -> bytes:
        """A new public key as SEAL's seeded PublicKey, half as long as a full one.

        This and the others raise `MissingKeyError` for another key than a secret one.
        """
        check_secret(self.params, secret, "a seeded key")
        format = checked_format(format)
        ops = context(self.params).qp(self.params.max_level)
        data, seed = seeded_zero(secret, ops, format.version, transformed=True)
        record = records.CiphertextRecord(data, True, 1.0)
        return records.write_ciphertext(record, self.parameters, format, seed)

    def create_relin_keys(self, secret: SecretKey, format: Format = DEFAULT_FORMAT) -> bytes:
        """A new key of s^2 as SEAL's seeded RelinKeys."""
        check_secret(self.params, secret, "a seeded key")
        format = checked_format(format)
        key, seeds = seeded_switching_key(secret, square_of(secret), format.version)
        return records.write_switching_keys(
            {0: key}, 1, self.parameters, format, {0: seeds}
        )

    def create_galois_keys(
        self, secret: SecretKey, elements: Iterable[int], format: Format = DEFAULT_FORMAT
    ) -> bytes:
        """New keys of Galois elements as SEAL's seeded GaloisKeys."""
        check_secret(self.params, secret, "a seeded key")
        format = checked_format(format)
        keys, seeds = {}, {}
        for element in whole_numbers(elements, "the Galois elements"):
            index = (element - 1) // 2
            keys[index], seeds[index] = seeded_switching_key(
                secret, image_of(secret, element), format.version
            )
        return records.write_switching_keys(
            keys, self.params.N, self.parameters, format, seeds
        )

    # ------------------------------------------------------------ checks

    def _check_level(self, limbs: int) -> None:
        if limbs > self.parameters.data_limbs:
            raise CorruptBytesError(
                f"the special prime is among the {limbs} primes: only keys have it"
            )


def _permuted(key: np.ndarray, element: int) -> np.ndarray:
    """The automorphism of every limb of a key (digits, 2, limbs, N).

    SEAL's key of g carries sigma_g(s) to s, ours s to its preimage under g (`he.rlwe.keys`): ours
    is SEAL's under the inverse of g.
    """
    places = galois.permutation(element, key.shape[-1])
    return np.take(key, places, axis=-1, out=large_array(key.shape), mode="clip")

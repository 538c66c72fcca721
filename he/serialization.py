"""Objects to bytes and back, in the container of `he.format.container`.

Every object but parameter sets and `KeyNeeds` carries the 16-byte id of its parameter set and is
refused under another one. The half of a fresh symmetric ciphertext, of a public key or of a
switching key that is the expansion of a public seed is not stored: the seed is. Residues take as
many bits as their modulus has.

What is read is checked before anything is made of it: lengths, levels, scales, Galois elements,
and every residue against its modulus. Memory is allocated in proportion to the bytes given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from he.ckks.ciphertext import Ciphertext, CiphertextBatch, Plaintext
from he.ckks.params import CKKSParameters
from he.errors import ParameterError
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey, PublicKey, SecretKey
from he.rlwe.owned_object import OwnedObject
from he.rlwe.params import RLWEParameters
from he.rlwe.serializable import Buffer, Serializable
from he.validation import instance

T = TypeVar("T")

def to_bytes(obj: object) -> bytes:
    """The bytes of a parameter set, need-list, plaintext, ciphertext, key or set of keys.

    Raises `ParameterError` for any other type.
    """
    if not isinstance(obj, Serializable):
        raise _unknown(type(obj))
    return obj.to_bytes()


def from_bytes(data: Buffer, expected_type: type[T], params: RLWEParameters | None = None) -> T:
    """The object of `expected_type` that `data` holds.

    expected_type: the class of the object; bytes of another kind are refused. params: the parameter
    set that the object must belong to. All objects need one but parameter sets, which have a
    `from_bytes` of their own, and `KeyNeeds`, which are checked against it if it is given.

    Raises `ForeignBytesError`, `VersionError` or `CorruptBytesError` as
    `he.format.container.unpack`, and `CorruptBytesError` for contents out of range;
    `ParametersMismatchError` for an object of another parameter set; `InsecureParametersError` for
    a parameter set that the security table refuses; `ParameterError` where `expected_type` has no
    bytes or `params` are missing.
    """
    reader: Any = instance(expected_type, type, "the class of the object")
    if issubclass(expected_type, RLWEParameters):
        return cast(T, reader.from_bytes(data))
    if issubclass(expected_type, (OwnedObject, KeyNeeds)):
        return cast(T, reader.from_bytes(data, params))
    raise _unknown(expected_type)


def ciphertexts_to_bytes(batch: Sequence[Ciphertext]) -> bytes:
    """One container with a batch of at least one ciphertext, all of one parameter set.

    Raises `ParameterError` for none, `ParametersMismatchError` for a mixture.
    """
    return CiphertextBatch.of(batch).to_bytes()


def ciphertexts_from_bytes(data: Buffer, params: CKKSParameters) -> list[Ciphertext]:
    """The batch that `ciphertexts_to_bytes` wrote. Raises as `from_bytes`."""
    return list(CiphertextBatch.from_bytes(data, params).ciphertexts)


def serialized_bytes(params: RLWEParameters, needs: KeyNeeds) -> int:
    """Exactly how many bytes the evaluation keys for `needs` will take, before any is made.

    Raises `ParameterError` for levels or Galois elements that do not exist in `params`.
    """
    return EvaluationKeys.serialized_bytes(params, needs)


def _unknown(given: type[Any]) -> ParameterError:
    from he.bfv.params import BFVParameters

    types: tuple[type[Any], ...] = (
        CKKSParameters, KeyNeeds, Plaintext, Ciphertext, SecretKey, PublicKey, KeySwitchingKey,
        EvaluationKeys, BFVParameters,
    )  # fmt: skip
    known = ", ".join(sorted({known.__name__ for known in types}))
    return ParameterError(f"a {given.__name__} has no byte format; these have: {known}")

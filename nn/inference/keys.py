"""Keys of a client that say whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgpack

from he.errors import ParametersMismatchError
from he.format import container
from he.format.container import Contents
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import SecretKey
from he.rlwe.owned_object import bytes_with
from he.rlwe.params import RLWEParameters
from he.rlwe.serializable import Buffer, Encoded
from he.validation import wrong_object
from nn.errors import IdentityError
from nn.inference.identity import ID_BYTES, check_id

if TYPE_CHECKING:  # a server reads keys and has nothing that makes them
    from he.rlwe.keygen import KeyGenerator

_FIELD = "client"
"""The header's field with the id. Version 1 has none, and readers of version 1 leave it alone."""


@dataclass(frozen=True, eq=False)
class ClientKeys(EvaluationKeys):
    """Evaluation keys with the id of the secret key that they were made from.

    key_id: 16 bytes drawn at random with the secret key, of which they say nothing; empty for keys
    of version 1.
    """

    key_id: bytes = b""

    @classmethod
    def made(
        cls, generator: KeyGenerator, secret: SecretKey, needs: KeyNeeds, key_id: bytes
    ) -> Self:
        """Fresh keys."""
        keys = generator.evaluation_keys(secret, needs)
        return cls.of_client(keys, key_id)

    @classmethod
    def serialized_bytes(cls, params: RLWEParameters, needs: KeyNeeds) -> int:
        """Exactly how many bytes the (seeded) keys for `needs` take, before any is made."""
        field = len(msgpack.packb(_header(bytes(ID_BYTES)))) - len(msgpack.packb({}))
        return super().serialized_bytes(params, needs) + field

    @classmethod
    def of_client(cls, keys: EvaluationKeys, key_id: bytes) -> Self:
        """These keys with the id of their secret key."""
        return cls(keys.params, keys.relinearization, keys.galois, keys.lower, key_id)

    def _encoded(self) -> Encoded:
        header, sections = super()._encoded()
        return {**header, **_header(self.key_id)}, sections

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        keys = super()._decoded(contents, params)
        return cls.of_client(keys, _read_id(contents))


def key_memory(params: RLWEParameters, needs: KeyNeeds) -> int:
    """The memory in bytes that the keys for `needs` take in use; on the wire they are smaller."""
    words = 0
    for _, level in needs.made(params):
        limbs = len(params.primes(level) + params.special_primes(level))
        words += 2 * params.digits(level) * limbs * params.N
    return 8 * words


def take_keys(given: EvaluationKeys | Buffer, params: RLWEParameters) -> EvaluationKeys:
    """Evaluation keys of these parameters, an object or bytes.

    Raises `he.WrongObjectError` for any other object, `he.ParametersMismatchError` for keys of
    other parameters, `he.SerializationError` for other bytes.
    """
    if isinstance(given, Buffer):
        return ClientKeys.from_bytes(given, params)
    if not isinstance(given, EvaluationKeys):
        raise wrong_object(given, "he.EvaluationKeys or their bytes", "evaluation keys")
    if given.params != params:
        raise ParametersMismatchError(
            f"the evaluation keys belong to {given.params}, the plan needs {params}"
        )
    return given


def owner_of(keys: Sequence[EvaluationKeys]) -> bytes:
    """The id that all keys have; empty if some have none. Raises `IdentityError` for two ids."""
    return _only([key.key_id if isinstance(key, ClientKeys) else b"" for key in keys])


def secret_to_bytes(secret: SecretKey, key_id: bytes) -> bytes:
    """The secret key as bytes, with its id; no other copy of them is made."""
    return bytes_with(secret, _header(key_id))


def secrets_from_bytes(
    stored: Sequence[Buffer], params: Sequence[RLWEParameters]
) -> tuple[list[SecretKey], bytes]:
    """The secret key of each parameter set, and the id of them all; empty for version 1.

    Raises `he.SerializationError` for other bytes, `he.ParametersMismatchError` for keys of other
    parameters, `IdentityError` for keys of two clients.
    """
    secrets = [SecretKey.from_bytes(data, p) for data, p in zip(stored, params, strict=True)]
    ids = [_read_id(container.unpack(data, SecretKey.kind)) for data in stored]
    return secrets, _only(ids)


def _header(key_id: bytes) -> dict[str, bytes]:
    return {_FIELD: key_id} if key_id else {}


def _read_id(contents: Contents) -> bytes:
    return check_id(contents.header.get(_FIELD, b""), may_be_empty=True)


def _only(ids: Sequence[bytes]) -> bytes:
    if len(set(ids) - {b""}) > 1:
        raise IdentityError("the keys belong to two clients: use the keys of one")
    return ids[0] if all(ids) else b""

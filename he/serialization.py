"""Objects to bytes and back, in the container of `he.format.container`.

Every object but parameter sets and `KeyNeeds` carries the 16-byte id of its parameter set and is
refused under another one. The half of a fresh symmetric ciphertext, of a public key or of a
switching key that is the expansion of a public seed is not stored: the seed is. Residues take as
many bits as their modulus has.

What is read is checked before anything is made of it: lengths, levels, scales, Galois elements,
and every residue against its modulus. Memory is allocated in proportion to the bytes given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from he.bfv.ciphertext import Ciphertext as BFVCiphertext
from he.bfv.ciphertext import Plaintext as BFVPlaintext
from he.bfv.params import BFVParameters
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.params import CKKSParameters
from he.codecs import bfv, checks, ciphertexts, keys, parameters
from he.errors import ParameterError
from he.format.container import Contents, pack, unpack
from he.rlwe.keys import EvaluationKeys, KeyNeeds, KeySwitchingKey, PublicKey, SecretKey
from he.rlwe.params import RLWEParameters

Buffer = bytes | bytearray | memoryview
T = TypeVar("T")

_PARAMETERS = "ckks parameters"
_BATCH = "ciphertexts"


def to_bytes(obj: object) -> bytes:
    """The bytes of a parameter set, need-list, plaintext, ciphertext, key or set of keys.

    Raises `ParameterError` for any other type.
    """
    codec = _codec(type(obj))
    return pack(codec.kind, *codec.encode(obj))


def from_bytes(data: Buffer, expected_type: type[T], params: RLWEParameters | None = None) -> T:
    """The object of `expected_type` that `data` holds.

    Parameters
    ----------
    data : what `to_bytes` returned.
    expected_type : the class of the object; bytes of another kind are refused.
    params : the parameter set that the object must belong to; needed for all but parameter
        sets (which take none; see their own `from_bytes`) and `KeyNeeds` (checked against it, if
        given).

    Raises
    ------
    ForeignBytesError, VersionError, CorruptBytesError : as `he.format.container.unpack`, or
    contents out
        of range.
    ParametersMismatchError : the object belongs to another parameter set.
    InsecureParametersError : a parameter set that the security table refuses.
    ParameterError : `expected_type` has no bytes, or params are missing.
    """
    codec = _codec(expected_type)
    contents = unpack(data, codec.kind)
    if codec.bound:
        params = checks.owner(contents, params, codec.kind)
    decoded: T = codec.decode(contents, params)
    return decoded


def parameters_from_bytes(data: Buffer, *, insecure_reason: str | None = None) -> CKKSParameters:
    """The parameter set in `data`.

    insecure_reason: words that say why a set outside the security table may be read; the reason
    stored in the bytes is their writer's and does not speak for the reader. Raises as
    `from_bytes`.
    """
    return parameters.decode_parameters(unpack(data, _PARAMETERS), insecure_reason)


def ciphertexts_to_bytes(batch: Sequence[Ciphertext]) -> bytes:
    """One container with a batch of at least one ciphertext, all of one parameter set.

    Raises `ParameterError` for none, `ParametersMismatchError` for a mixture.
    """
    return pack(_BATCH, *ciphertexts.encode_ciphertexts(batch))


def ciphertexts_from_bytes(data: Buffer, params: CKKSParameters) -> list[Ciphertext]:
    """The batch that `ciphertexts_to_bytes` wrote. Raises as `from_bytes`."""
    contents = unpack(data, _BATCH)
    return ciphertexts.decode_ciphertexts(contents, checks.owner(contents, params, _BATCH))


def serialized_bytes(params: RLWEParameters, needs: KeyNeeds) -> int:
    """Exactly how many bytes the evaluation keys for `needs` will take, before any is made."""
    return keys.evaluation_bytes(params, needs)


class _Codec(NamedTuple):
    kind: str
    encode: Callable[[Any], checks.Encoded]
    decode: Callable[[Contents, Any], Any]
    bound: bool = True
    """Whether the object belongs to a parameter set."""


_CODECS: dict[type[Any], _Codec] = {
    CKKSParameters: _Codec(
        _PARAMETERS,
        parameters.encode_parameters,
        lambda contents, _: parameters.decode_parameters(contents),
        bound=False,
    ),
    KeyNeeds: _Codec("key needs", parameters.encode_needs, parameters.decode_needs, bound=False),
    Plaintext: _Codec("plaintext", ciphertexts.encode_plaintext, ciphertexts.decode_plaintext),
    Ciphertext: _Codec("ciphertext", ciphertexts.encode_ciphertext, ciphertexts.decode_ciphertext),
    SecretKey: _Codec("secret key", keys.encode_secret, keys.decode_secret),
    PublicKey: _Codec("public key", keys.encode_public, keys.decode_public),
    KeySwitchingKey: _Codec("switching key", keys.encode_switching, keys.decode_switching),
    EvaluationKeys: _Codec(keys.EVALUATION_KEYS, keys.encode_evaluation, keys.decode_evaluation),
    BFVParameters: _Codec(
        bfv.PARAMETERS,
        bfv.encode_parameters,
        lambda contents, _: bfv.decode_parameters(contents),
        bound=False,
    ),
    BFVPlaintext: _Codec("bfv plaintext", bfv.encode_plaintext, bfv.decode_plaintext),
    BFVCiphertext: _Codec("bfv ciphertext", bfv.encode_ciphertext, bfv.decode_ciphertext),
}


def _codec(of: type[Any]) -> _Codec:
    if of not in _CODECS:
        known = ", ".join(sorted(known.__name__ for known in _CODECS))
        raise ParameterError(f"a {of.__name__} has no byte format; these have: {known}")
    return _CODECS[of]

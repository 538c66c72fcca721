"""SEAL's EncryptionParameters, and the hash that names each of its levels."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from enum import IntEnum

from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.interop.seal.envelope import (
    DEFAULT_FORMAT,
    Buffer,
    Format,
    checked_format,
    envelope,
    open_envelope,
)
from he.interop.seal.reader import Reader, u64
from he.rlwe.params import whole_numbers
from he.validation import instance, whole_number
from ntt.errors import ArithmeticLayerError
from ntt.modulus import check_ntt_modulus, check_ring_degree, find_primes

_MAX_PRIMES = 64
_MEMBERS_LIMIT = 1 << 12


class Scheme(IntEnum):
    """SEAL's scheme_type."""

    BFV = 1
    CKKS = 2
    BGV = 3


@dataclass(frozen=True)
class EncryptionParameters:
    """SEAL's EncryptionParameters.

    N is SEAL's poly_modulus_degree. coeff_modulus: q_0, .., q_L and last the special prime, which
    only keys have. plain_modulus: t; 0 for CKKS.

    Raises `ParameterError` for values that SEAL refuses too.
    """

    scheme: Scheme
    N: int
    coeff_modulus: tuple[int, ...]
    plain_modulus: int = 0

    def __post_init__(self) -> None:
        instance(self.scheme, Scheme, "the scheme")
        object.__setattr__(self, "N", whole_number(self.N, "N"))
        primes = whole_numbers(self.coeff_modulus, "coeff_modulus")
        object.__setattr__(self, "coeff_modulus", primes)
        plain = whole_number(self.plain_modulus, "plain_modulus", 0, (1 << 64) - 1)
        object.__setattr__(self, "plain_modulus", plain)
        try:
            check_ring_degree(self.N)
            for prime in self.coeff_modulus:
                check_ntt_modulus(prime, self.N)
        except ArithmeticLayerError as error:
            raise ParameterError(f"no valid SEAL parameters: {error}") from error
        if not 1 <= len(set(self.coeff_modulus)) == len(self.coeff_modulus) <= _MAX_PRIMES:
            raise ParameterError(
                f"coeff_modulus {self.coeff_modulus}: from 1 to {_MAX_PRIMES} distinct primes"
            )
        if (self.scheme is Scheme.CKKS) != (self.plain_modulus == 0):
            raise ParameterError(
                f"plain modulus {self.plain_modulus} with {self.scheme.name}: CKKS has 0, the "
                f"other schemes have one"
            )

    @property
    def key_limbs(self) -> int:
        """K: the primes of a key."""
        return len(self.coeff_modulus)

    @property
    def data_limbs(self) -> int:
        """The primes of a fresh ciphertext: all but the special one."""
        return max(1, self.key_limbs - 1)

    @functools.cached_property
    def _levels(self) -> dict[bytes, int]:
        return {self.parms_id(limbs): limbs for limbs in range(1, self.key_limbs + 1)}

    def parms_id(self, limbs: int) -> bytes:
        """The 32 bytes that name the level with the first `limbs` primes.

        BLAKE2b-256 of the 64-bit words scheme, N, q_0, .., q_(limbs - 1), t.
        """
        limbs = whole_number(limbs, "limbs", 1, self.key_limbs)
        fields = (self.scheme, self.N, *self.coeff_modulus[:limbs], self.plain_modulus)
        return hashlib.blake2b(u64(*fields), digest_size=32).digest()

    def limbs(self, parms_id: bytes) -> int:
        """How many primes the level of this name has; raises `ParametersMismatchError`."""
        instance(parms_id, bytes, "the name of a level")
        if parms_id not in self._levels:
            raise ParametersMismatchError(
                f"the SEAL object belongs to other encryption parameters (parms_id "
                f"{parms_id.hex()[:16]}..) than to {self}"
            )
        return self._levels[parms_id]

    def to_bytes(self, format: Format = DEFAULT_FORMAT) -> bytes:
        """As SEAL's ``EncryptionParameters::save``."""
        format = checked_format(format)
        members = bytes([self.scheme]) + u64(self.N, self.key_limbs)
        for modulus in (*self.coeff_modulus, self.plain_modulus):
            members += envelope(u64(modulus), format.inner)
        return envelope(members, format)

    @classmethod
    def from_bytes(cls, data: Buffer) -> EncryptionParameters:
        """As SEAL's ``EncryptionParameters::load``.

        Raises `SerializationError` (`CorruptBytesError` for parameters that SEAL would refuse).
        """
        version, members = open_envelope(data, _MEMBERS_LIMIT)
        reader = Reader(members, version)
        scheme, N, count = reader.u8(), reader.u64(), reader.u64()
        if scheme not in Scheme._value2member_map_:
            raise CorruptBytesError(f"SEAL scheme {scheme}: 1 (BFV), 2 (CKKS) or 3 (BGV)")
        if not 1 <= count <= _MAX_PRIMES:
            raise CorruptBytesError(f"{count} primes: from 1 to {_MAX_PRIMES}")
        primes = tuple(_modulus(reader) for _ in range(count))
        plain_modulus = _modulus(reader)
        reader.end()
        try:
            return cls(Scheme(scheme), N, primes, plain_modulus)
        except ParameterError as error:
            raise CorruptBytesError(str(error)) from error


def _modulus(reader: Reader) -> int:
    modulus = reader.nested()
    value = modulus.u64()
    modulus.end()
    return value


def coeff_modulus(N: int, bits: tuple[int, ...]) -> tuple[int, ...]:
    """The primes that SEAL's ``CoeffModulus::Create(N, bits)`` takes.

    Of each size the largest ones that are 1 modulo 2N; of two of a size, the smaller comes first.
    Raises `ParameterError` where there are none.
    """
    N, bits = whole_number(N, "N"), whole_numbers(bits, "bits")
    if len(bits) > _MAX_PRIMES:
        raise ParameterError(f"{len(bits)} primes: at most {_MAX_PRIMES}")
    try:
        left = {size: list(find_primes(size, N, bits.count(size))) for size in set(bits)}
    except ArithmeticLayerError as error:
        raise ParameterError(str(error)) from error
    return tuple(left[size].pop() for size in bits)

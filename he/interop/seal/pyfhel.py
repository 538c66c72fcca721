"""Pyfhel's context bytes: SEAL's encryption parameters behind Pyfhel's own settings."""

from __future__ import annotations

import math
import struct

from he.errors import CorruptBytesError
from he.format.residue_packing import readonly_view
from he.interop.seal.envelope import Buffer
from he.interop.seal.parameters import EncryptionParameters

_START = struct.Struct("<iQ")
_MAX_SIZES = 64


def read_pyfhel_context(data: Buffer) -> tuple[EncryptionParameters, float]:
    """The encryption parameters and the scale (CKKS) of ``Pyfhel.to_bytes_context()``.

    Little-endian: ``i32 security bits | u64 n | n x i32 bits of a prime | f64 scale |
    EncryptionParameters``. Raises `SerializationError`.
    """
    view = readonly_view(data)
    if len(view) < _START.size:
        raise CorruptBytesError(f"{len(view)} bytes are no Pyfhel context")
    _, count = _START.unpack_from(view)
    start = _START.size + 4 * count
    if count > _MAX_SIZES or len(view) < start + 8:
        raise CorruptBytesError(f"a Pyfhel context of {len(view)} bytes with {count} prime sizes")
    (scale,) = struct.unpack_from("<d", view, start)
    if not (math.isfinite(scale) and scale >= 0):
        raise CorruptBytesError(f"scale {scale} of a Pyfhel context")
    return EncryptionParameters.from_bytes(view[start + 8 :]), scale

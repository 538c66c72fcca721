"""Lattigo, through the shared library in the wheel of `orion-fhe`, with its default circuit.

Slots pass through that library's doors as 32-bit floats: errors below 2^-24 are not seen.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.bootstrap.measurement import Subject, need_memory, timed_keys

FULL, DEPTH, SCALE_BITS = 1 << 16, 10, 40
_FIRST_BITS, _SPECIAL, _BOOTSTRAP_SPECIAL, _WEIGHT = 55, [61] * 3, [61] * 6, 192


class _Floats(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_float)), ("length", ctypes.c_ulong)]


def set_up(threads: int, N: int = FULL) -> Subject:
    """Full slots, ten levels of 40 bits left, a main secret of weight 192; its circuit is as secure
    as it claims at N = 2^16 only.

    Raises `ImportError` where the wheel is not installed, `NotMeasuredError` where memory is short.
    """
    os.environ["GOMAXPROCS"] = str(threads)  # read when the library is loaded
    library = _library()
    need_memory("Lattigo", 21e9 * N / FULL)
    slots = N // 2
    random = np.random.default_rng(2026)

    def integers(values: Sequence[int]) -> tuple[Any, ctypes.c_int]:
        return (ctypes.c_int * len(values))(*values), ctypes.c_int(len(values))

    moduli = [_FIRST_BITS, *[SCALE_BITS] * DEPTH]
    library.NewScheme(
        ctypes.c_int(N.bit_length() - 1), *integers(moduli), *integers(_SPECIAL),
        ctypes.c_int(SCALE_BITS), ctypes.c_int(_WEIGHT), b"standard", b"", b"none",
    )

    def make_keys() -> None:
        library.NewKeyGenerator()
        library.GenerateSecretKey()
        library.GeneratePublicKey()
        library.GenerateRelinearizationKey()
        library.GenerateEvaluationKeys()
        for name in ("NewEncoder", "NewEncryptor", "NewDecryptor", "NewEvaluator"):
            getattr(library, name)()
        library.NewBootstrapper(*integers(_BOOTSTRAP_SPECIAL), ctypes.c_int(slots))

    _, keys_s, key_memory = timed_keys(make_keys)

    def prepare() -> object:
        values = random.uniform(-1, 1, slots).astype(np.float32)
        data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        scale = ctypes.c_ulong(1 << SCALE_BITS)
        plain = library.Encode(data, ctypes.c_int(slots), ctypes.c_int(0), scale)
        return library.Encrypt(ctypes.c_int(plain))

    def reveal(ciphertext: object) -> np.ndarray:
        plain = library.Decrypt(ciphertext)
        found = library.Decode(ctypes.c_int(plain))
        values = np.ctypeslib.as_array(found.data, (found.length,)).astype(np.float64)
        library.FreeCArray(ctypes.cast(found.data, ctypes.c_void_p))
        return values

    return Subject(
        library="Lattigo",
        version=f"6, in orion-fhe {metadata.version('orion-fhe')}",
        N=N,
        slots=slots,
        levels=DEPTH,
        scale_bits=SCALE_BITS,
        parameters={
            "log_q": moduli, "log_p": _SPECIAL, "bootstrap_log_p": _BOOTSTRAP_SPECIAL,
            "weight": _WEIGHT,
            "security": "128 bits" if N >= FULL else "none",
            "values": "real, 32-bit floats at its doors",
        },
        keys_s=keys_s,
        key_memory_bytes=key_memory,
        prepare=prepare,
        refresh=lambda x: library.Bootstrap(x, ctypes.c_int(slots)),
        reveal=reveal,
    )


def _library() -> Any:
    try:
        files = metadata.files("orion-fhe") or []
    except metadata.PackageNotFoundError as error:
        raise ImportError(f"{error}: it comes with the package orion-fhe") from error
    found = [file for file in files if file.name == "lattigo-linux.so"]
    if not found:
        raise ImportError("this orion-fhe holds no lattigo-linux.so")
    library = ctypes.CDLL(str(Path(found[0].locate())))
    library.Decode.restype = _Floats
    return library

"""OpenFHE's Python package."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.peers.bootstrap.measurement import Subject, need_memory, timed_keys

FULL, DEPTH = 1 << 16, 9
_SCALE_BITS, _FIRST_BITS, _DIGITS, _BUDGET = 50, 57, 5, [4, 3]


def set_up(threads: int, N: int = FULL) -> Subject:
    """Full slots, nine levels left, sparse encapsulation, 128 bits by its own table; no security
    where N is smaller.

    Raises `ImportError` where the package is not installed, `NotMeasuredError` where memory is
    short.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when the library is loaded
    import openfhe

    need_memory("OpenFHE", 11.5e9 * N / FULL)
    secret = openfhe.SecretKeyDist.SPARSE_ENCAPSULATED
    chosen = openfhe.CCParamsCKKSRNS()
    chosen.SetSecretKeyDist(secret)
    level = "HEStd_128_classic" if N >= FULL else "HEStd_NotSet"
    chosen.SetSecurityLevel(getattr(openfhe.SecurityLevel, level))
    chosen.SetRingDim(N)
    chosen.SetScalingModSize(_SCALE_BITS)
    chosen.SetFirstModSize(_FIRST_BITS)
    chosen.SetScalingTechnique(openfhe.ScalingTechnique.FLEXIBLEAUTO)
    chosen.SetNumLargeDigits(_DIGITS)
    depth = DEPTH + openfhe.CryptoContext.GetBootstrapDepth(_BUDGET, secret)
    chosen.SetMultiplicativeDepth(depth)
    context = openfhe.GenCryptoContext(chosen)
    for feature in ("PKE", "KEYSWITCH", "LEVELEDSHE", "ADVANCEDSHE", "FHE"):
        context.Enable(getattr(openfhe.PKESchemeFeature, feature))
    slots = N // 2
    context.EvalBootstrapSetup(_BUDGET, [0, 0], slots)
    random = np.random.default_rng(2026)

    def make_keys() -> Any:
        pair = context.KeyGen()
        context.EvalMultKeyGen(pair.secretKey)
        context.EvalBootstrapKeyGen(pair.secretKey, slots)
        return pair

    pair, keys_s, key_memory = timed_keys(make_keys)

    def prepare() -> object:
        values = random.uniform(-1, 1, slots).tolist()
        plain = context.MakeCKKSPackedPlaintext(values, 1, depth - 1)
        return context.Encrypt(pair.publicKey, plain)  # type: ignore[attr-defined]

    def reveal(ciphertext: object) -> np.ndarray:
        plain = context.Decrypt(ciphertext, pair.secretKey)  # type: ignore[attr-defined]
        plain.SetLength(slots)
        return np.array(plain.GetRealPackedValue())

    levels = depth - context.EvalBootstrap(prepare()).GetLevel() - 1
    return Subject(
        library="OpenFHE",
        version=metadata.version("openfhe"),
        N=context.GetRingDimension(),
        slots=slots,
        levels=levels,
        scale_bits=_SCALE_BITS,
        parameters={
            "depth": depth, "first_bits": _FIRST_BITS, "digits": _DIGITS, "level_budget": _BUDGET,
            "secret": "SPARSE_ENCAPSULATED", "values": "real", "security": level,
        },
        keys_s=keys_s,
        key_memory_bytes=key_memory,
        prepare=prepare,
        refresh=context.EvalBootstrap,
        reveal=reveal,
    )

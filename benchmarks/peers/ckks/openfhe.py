"""CKKS of OpenFHE's Python package, whose parameters come from its own tables."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np
import openfhe

from benchmarks.peers.ckks.task import ROTATIONS
from benchmarks.peers.library import Case, Library, UnsupportedCase

_SCALES = (40, 38, 36)


def set_up(case: Case) -> Library:
    """Hybrid key switching at 128 bits, with the largest scale that the ring degree allows.

    Raises `UnsupportedCase`.
    """
    for scale_bits in _SCALES:
        try:
            return _library(case, scale_bits, _context(case, scale_bits))
        except RuntimeError as error:
            refusal = error
    raise UnsupportedCase(str(refusal))


def _context(case: Case, scale_bits: int) -> Any:
    chosen = openfhe.CCParamsCKKSRNS()
    chosen.SetMultiplicativeDepth(case.depth)
    chosen.SetScalingModSize(scale_bits)
    chosen.SetFirstModSize(scale_bits + 6)
    chosen.SetScalingTechnique(openfhe.ScalingTechnique.FIXEDMANUAL)
    chosen.SetRingDim(case.N)
    context = openfhe.GenCryptoContext(chosen)
    for feature in ("PKE", "KEYSWITCH", "LEVELEDSHE"):
        context.Enable(getattr(openfhe.PKESchemeFeature, feature))
    return context


def _library(case: Case, scale_bits: int, context: Any) -> Library:
    pair = context.KeyGen()
    context.EvalMultKeyGen(pair.secretKey)
    context.EvalRotateKeyGen(pair.secretKey, list(ROTATIONS))
    first, second = case.values
    plaintext = context.MakeCKKSPackedPlaintext(first.tolist())
    a, b = (
        context.Encrypt(pair.publicKey, context.MakeCKKSPackedPlaintext(values.tolist()))
        for values in (first, second)
    )

    def reveal(ciphertext: object) -> np.ndarray:
        decrypted = context.Decrypt(ciphertext, pair.secretKey)
        decrypted.SetLength(case.N // 2)
        return np.array(decrypted.GetRealPackedValue())

    def rotate16() -> object:
        digits = context.EvalFastRotationPrecompute(a)
        order = 2 * case.N
        return [context.EvalFastRotation(a, k, order, digits) for k in ROTATIONS][-1]

    return Library(
        name="OpenFHE",
        version=metadata.version("openfhe"),
        parameters={"scale_bits": scale_bits, "security_bits": 128},
        operations={
            "encode": lambda: context.MakeCKKSPackedPlaintext(first.tolist()),
            "encrypt": lambda: context.Encrypt(pair.publicKey, plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: context.Rescale(context.EvalMult(a, b)),
            "rotate": lambda: context.EvalRotate(a, 1),
            "rotate16": rotate16,
        },
        reveal=reveal,
    )

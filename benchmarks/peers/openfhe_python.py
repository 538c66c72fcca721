"""OpenFHE's Python package, as the benchmark calls it. Its parameters come from its own tables."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import openfhe

from benchmarks.peers import ROTATIONS, Case, UnsupportedCase

_SCALES = (40, 38, 36)


def set_up(case: Case) -> OpenFHE:
    """Hybrid key switching at 128 bits, with the largest scale that the ring degree allows."""
    for scale_bits in _SCALES:
        try:
            return OpenFHE(case, scale_bits)
        except RuntimeError as error:
            refusal = error
    raise UnsupportedCase(str(refusal))


class OpenFHE:
    """OpenFHE for one case."""

    name = "OpenFHE"

    def __init__(self, case: Case, scale_bits: int) -> None:
        self.version = metadata.version("openfhe")
        chosen = openfhe.CCParamsCKKSRNS()
        chosen.SetMultiplicativeDepth(case.depth)
        chosen.SetScalingModSize(scale_bits)
        chosen.SetFirstModSize(scale_bits + 6)
        chosen.SetScalingTechnique(openfhe.ScalingTechnique.FIXEDMANUAL)
        chosen.SetRingDim(case.N)
        context = openfhe.GenCryptoContext(chosen)
        for feature in ("PKE", "KEYSWITCH", "LEVELEDSHE"):
            context.Enable(getattr(openfhe.PKESchemeFeature, feature))
        self.parameters: dict[str, object] = {"scale_bits": scale_bits, "security_bits": 128}
        pair = context.KeyGen()
        context.EvalMultKeyGen(pair.secretKey)
        context.EvalRotateKeyGen(pair.secretKey, list(ROTATIONS))
        first, second = case.values
        plaintext = context.MakeCKKSPackedPlaintext(first.tolist())
        a, b = (
            context.Encrypt(pair.publicKey, context.MakeCKKSPackedPlaintext(values.tolist()))
            for values in (first, second)
        )
        slots = case.N // 2

        def reveal(ciphertext: object) -> np.ndarray:
            decrypted = context.Decrypt(ciphertext, pair.secretKey)
            decrypted.SetLength(slots)
            return np.array(decrypted.GetRealPackedValue())

        def rotate16() -> object:
            digits = context.EvalFastRotationPrecompute(a)
            order = 2 * case.N
            return [context.EvalFastRotation(a, k, order, digits) for k in ROTATIONS][-1]

        self._reveal = reveal
        self.operations = {
            "encode": lambda: context.MakeCKKSPackedPlaintext(first.tolist()),
            "encrypt": lambda: context.Encrypt(pair.publicKey, plaintext),
            "decrypt": lambda: reveal(a),
            "multiply": lambda: context.Rescale(context.EvalMult(a, b)),
            "rotate": lambda: context.EvalRotate(a, 1),
            "rotate16": rotate16,
        }

    def reveal(self, result: object) -> np.ndarray:
        return self._reveal(result)

"""CKKS between SEAL's objects and ours: the same residues, in other surroundings.

Both libraries transform with the smallest primitive 2N-th root and leave the result bit-reversed.
"""

from __future__ import annotations

import math

from he.ckks.ciphertext import Ciphertext, Plaintext, read_scale
from he.ckks.params import CKKSParameters
from he.errors import CorruptBytesError
from he.interop.seal import records
from he.interop.seal.converter import Converter
from he.interop.seal.envelope import DEFAULT_FORMAT, Buffer, Format, checked_format
from he.interop.seal.parameters import EncryptionParameters, Scheme
from he.interop.seal.seeded import check_secret, seeded_zero
from he.rlwe.keys import SecretKey
from he.rlwe.operand_checks import check_owner
from he.rlwe.rns import context
from he.validation import real_number


class CKKSConverter(Converter[CKKSParameters]):
    """Loads and saves SEAL's CKKS objects of one set of encryption parameters.

    SEAL's ciphertexts carry any scale; ours have one canonical scale a level, which `scale` starts:
    ``scales[L] = scale`` and ``scales[l - 1] = scales[l]^2 / q_l``, what squaring and rescaling in
    SEAL gives, to the last bit. (Where that would leave [2, q_0 .. q_l / 2], the chain does not fit
    the scale, and the nearer end is taken.) A loaded ciphertext keeps the scale it has: it can be
    added to, multiplied and rescaled at any, while what moves it to a canonical scale needs a
    canonical one.

    parameters: SEAL's, or their bytes. scale: the scale at which the SEAL program encodes.
    insecure_reason: words that say why a set outside our security table is wanted. SEAL's table is
    older than ours, and SEAL's own default sets (218 bits at N = 8192) lie beyond ours (214).

    Raises `UnsupportedObjectError` for BFV, BGV, or a single prime (SEAL then has no special one),
    `InsecureParametersError`, `ParameterError`, and for bytes `SerializationError`.
    """

    scheme = Scheme.CKKS

    def __init__(
        self,
        parameters: EncryptionParameters | Buffer,
        scale: float,
        *,
        insecure_reason: str | None = None,
    ) -> None:
        checked = self._checked(parameters)
        *q, special = checked.coeff_modulus
        params = CKKSParameters(
            N=checked.N,
            q=tuple(q),
            p=(special,),
            digit_limbs=1,
            scales=_scales(q, scale),
            insecure_reason=insecure_reason,
        )
        super().__init__(checked, params)

    def load_plaintext(self, data: Buffer) -> Plaintext:
        """SEAL's Plaintext at a data level."""
        record = records.read_plaintext(data, self.parameters)
        if record.data.ndim != 2:
            raise CorruptBytesError("a plaintext that belongs to no level: CKKS's always do")
        self._check_level(len(record.data))
        level = len(record.data) - 1
        scale = read_scale(self.params, level, record.scale)
        return Plaintext.unchecked(
            params=self.params, data=record.data, scale=scale, level=len(record.data) - 1
        )

    def load_ciphertext(self, data: Buffer) -> Ciphertext:
        """SEAL's Ciphertext of two or three parts, full or seeded."""
        record = records.read_ciphertext(data, self.parameters, parts=3)
        if not record.is_ntt:
            raise CorruptBytesError("a CKKS ciphertext that is not in NTT form")
        limbs = record.data.shape[1]
        self._check_level(limbs)
        scale = read_scale(self.params, limbs - 1, record.scale)
        return Ciphertext.unchecked(
            params=self.params,
            data=record.data,
            scale=scale,
            seed=None,
            level=limbs - 1,
            _evaluator=None,
        )

    def save_plaintext(self, plaintext: Plaintext, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's Plaintext."""
        check_owner(self.params, plaintext, Plaintext, "converter")
        record = records.PlaintextRecord(plaintext.data, plaintext.scale)
        return records.write_plaintext(record, self.parameters, format)

    def save_ciphertext(self, ciphertext: Ciphertext, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's Ciphertext, in full."""
        check_owner(self.params, ciphertext, Ciphertext, "converter")
        record = records.CiphertextRecord(ciphertext.data, True, ciphertext.scale)
        return records.write_ciphertext(record, self.parameters, format)

    def encrypt_seeded(
        self, plaintext: Plaintext, secret: SecretKey, format: Format = DEFAULT_FORMAT
    ) -> bytes:
        """A fresh encryption as SEAL's seeded Ciphertext, half as long as a full one."""
        check_owner(self.params, plaintext, Plaintext, "converter")
        check_secret(self.params, secret, "a seeded ciphertext")
        format = checked_format(format)
        ops = context(self.params).q(plaintext.level)
        data, seed = seeded_zero(secret, ops, format.version, transformed=True)
        ops.add(data[0], data[0], plaintext.data)
        record = records.CiphertextRecord(data, True, plaintext.scale)
        return records.write_ciphertext(record, self.parameters, format, seed)


def _scales(q: list[int], scale: float) -> tuple[float, ...]:
    """The canonical scales of levels 0 .. L, the top one being `scale`."""
    scales = [real_number(scale, "scale")]
    for level in range(len(q) - 1, 0, -1):
        below = scales[-1] * scales[-1] / q[level]
        scales.append(min(max(below, 2.0), float(min(math.prod(q[:level]), 1 << 500)) / 2))
    return tuple(reversed(scales))

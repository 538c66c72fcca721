"""BFV between SEAL's objects and ours: SEAL keeps ciphertexts in coefficients, we transformed."""

from __future__ import annotations

from he.bfv.ciphertext import Ciphertext, Plaintext
from he.bfv.lift import plain_lift
from he.bfv.noise import Noise
from he.bfv.params import BFVParameters
from he.errors import CorruptBytesError
from he.interop.seal import records
from he.interop.seal.converter import Converter
from he.interop.seal.envelope import DEFAULT_FORMAT, Buffer, Format, checked_format
from he.interop.seal.parameters import EncryptionParameters, Scheme
from he.interop.seal.seeded import check_secret, seeded_zero
from he.rlwe.keys import SecretKey
from he.rlwe.operand_checks import check_owner
from he.rlwe.rns import context
from he.validation import instance
from ntt.memory import large_copy, large_zeros


class BFVConverter(Converter[BFVParameters]):
    """Loads and saves SEAL's BFV objects of one set of encryption parameters.

    Batched slots are the same matrix of two rows in both libraries.

    parameters: SEAL's, or their bytes. insecure_reason: words that say why a set outside our
    security table is wanted. SEAL's table is older than ours, and SEAL's own default sets (218 bits
    at N = 8192) lie beyond ours (214).

    Raises `UnsupportedObjectError` for CKKS, BGV, or a single prime (SEAL then has no special one),
    `InsecureParametersError`, `ParameterError`, and for bytes `SerializationError`.
    """

    scheme = Scheme.BFV

    def __init__(
        self, parameters: EncryptionParameters | Buffer, *, insecure_reason: str | None = None
    ) -> None:
        checked = self._checked(parameters)
        *q, special = checked.coeff_modulus
        params = BFVParameters(
            N=checked.N,
            q=tuple(q),
            p=(special,),
            digit_limbs=1,
            t=checked.plain_modulus,
            insecure_reason=insecure_reason,
        )
        super().__init__(checked, params)
        self._context = context(params)
        self._model = params.noise_model

    def load_plaintext(self, data: Buffer) -> Plaintext:
        """SEAL's Plaintext: coefficients modulo t, missing ones being zero."""
        record = records.read_plaintext(data, self.parameters)
        if record.data.ndim != 1:
            raise CorruptBytesError(
                "a BFV plaintext in NTT form belongs to a product: load the untransformed one"
            )
        coefficients = large_zeros((self.params.N,))
        coefficients[: record.data.size] = record.data
        return Plaintext.unchecked(params=self.params, data=coefficients)

    def load_ciphertext(self, data: Buffer, noise: Noise | None = None) -> Ciphertext:
        """SEAL's Ciphertext of two or three parts, full or seeded.

        noise: its predicted noise, which the bytes do not tell; by default that of a fresh
        encryption with the public key. Measure what it really has with `Decryptor.noise_budget`.
        """
        record = records.read_ciphertext(data, self.parameters, parts=3)
        if record.is_ntt:
            raise CorruptBytesError("a BFV ciphertext in NTT form: transform it back in SEAL")
        level = record.data.shape[1] - 1
        self._check_level(level + 1)
        residues = self._context.q(level).forward(record.data)
        if noise is None:
            noise = self._model.fresh_public(level)
        instance(noise, Noise, "the noise")
        return Ciphertext.unchecked(
            params=self.params, data=residues, noise=noise, seed=None, _evaluator=None
        )

    def save_plaintext(self, plaintext: Plaintext, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's Plaintext."""
        check_owner(self.params, plaintext, Plaintext, "converter")
        record = records.PlaintextRecord(plaintext.data, 1.0)
        return records.write_plaintext(record, self.parameters, format)

    def save_ciphertext(self, ciphertext: Ciphertext, format: Format = DEFAULT_FORMAT) -> bytes:
        """SEAL's Ciphertext, in full."""
        check_owner(self.params, ciphertext, Ciphertext, "converter")
        coefficients = self._context.q(ciphertext.level).inverse(large_copy(ciphertext.data))
        record = records.CiphertextRecord(coefficients, False, 1.0)
        return records.write_ciphertext(record, self.parameters, format)

    def encrypt_seeded(
        self, plaintext: Plaintext, secret: SecretKey, format: Format = DEFAULT_FORMAT
    ) -> bytes:
        """A fresh encryption as SEAL's seeded Ciphertext, half as long as a full one."""
        check_owner(self.params, plaintext, Plaintext, "converter")
        check_secret(self.params, secret, "a seeded ciphertext")
        format = checked_format(format)
        level = self.params.max_level
        ops = self._context.q(level)
        data, seed = seeded_zero(secret, ops, format.version, transformed=False)
        message = plain_lift(self.params, level).scaled(plaintext.data)
        ops.add(data[0], data[0], message)
        record = records.CiphertextRecord(ops.inverse(data), False, 1.0)
        return records.write_ciphertext(record, self.parameters, format, seed)

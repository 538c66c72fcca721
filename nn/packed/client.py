"""The client of a packed plan: it holds the secret key, encrypts images and decrypts answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.rlwe.keygen import KeyGenerator
from he.rlwe.keys import EvaluationKeys, SecretKey
from he.rlwe.serializable import Buffer
from he.serialization import from_bytes, to_bytes
from he.validation import instance
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.network.images import as_batch, check_pixels
from nn.network.layers import FloatArray
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.plan import InferencePlan, take_plan


class PackedClient:
    """Encrypts images and decrypts answers: it holds the secret key of one plan.

    plan: what `nn.compile` made, or its bytes. secret_key: a key that `secret_key_bytes` gave
    before; None makes a fresh key from the operating system's randomness. limits: what the client
    does for a plan at most.

    Raises `NetworkError` for an object that is no packed plan, `LimitError` for a plan beyond the
    limits, and `he.SerializationError` or `he.ParametersMismatchError` for other bytes.
    """

    def __init__(
        self,
        plan: InferencePlan | Buffer,
        secret_key: bytes | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.plan = plan = take_plan(plan)
        instance(limits, Limits, "limits").check(plan)
        params = plan.params
        self._generator = KeyGenerator(params)
        self._secret = (
            self._generator.secret_key()
            if secret_key is None
            else from_bytes(secret_key, SecretKey, params)
        )
        self._encoder = Encoder(params)
        self._encryptor = Encryptor(params, self._secret)
        self._decryptor = Decryptor(params, self._secret)

    def __repr__(self) -> str:
        return f"PackedClient({self.plan.network!r}, {self.plan.params})"

    def evaluation_keys(self) -> EvaluationKeys:
        """The keys that the server needs; they reveal neither images nor answers."""
        return self._generator.evaluation_keys(self._secret, self.plan.needs)

    def secret_key_bytes(self) -> bytes:
        """The secret key, to be stored where only the client reads it."""
        return to_bytes(self._secret)

    def encrypt(self, images: ArrayLike) -> EncryptedBatch:
        """Encrypt images (B, *input_shape), real, inside the network's input range.

        Raises `ShapeError` for another shape, and `InputRangeError` for anything but real numbers
        and for values outside the range, for which the plan predicts nothing.
        """
        plan = self.plan
        tensor = as_batch(images, plan.input_layout.shape, f"the plan for {plan.network!r}")
        check_pixels(tensor, plan.input_range)
        ciphertexts = [
            self._encryptor.encrypt(self._encoder.encode(slots))
            for image in plan.input_layout.pack(tensor)
            for slots in image
        ]
        return EncryptedBatch(tuple(ciphertexts), plan.input_layout.ciphertexts)

    def decrypt(self, answer: EncryptedBatch | bytes) -> FloatArray:
        """The logits (B, classes) of a server's answer, an object or bytes."""
        layout = self.plan.output_layout
        if isinstance(answer, bytes | bytearray | memoryview):
            answer = EncryptedBatch.from_bytes(
                bytes(answer), self.plan.params, layout.ciphertexts
            )
        slots = np.array(
            [
                [self._encoder.decode_real(self._decryptor.decrypt(part)) for part in image]
                for image in answer.images
            ]
        )
        logits: FloatArray = layout.unpack(slots).reshape(len(answer), -1)
        return logits

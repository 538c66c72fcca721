"""The client of a packed plan: it holds the secret key, encrypts images and decrypts answers."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keygen import KeyGenerator
from he.rlwe.serializable import Buffer
from he.validation import instance
from nn.inference.identity import new_id
from nn.inference.keys import ClientKeys, secret_to_bytes, secrets_from_bytes
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.inference.promise import check_promise, decoded
from nn.inference.publication import published
from nn.inference.requests import Request, Requests
from nn.memory import check_memory
from nn.network.images import as_batch, check_pixels
from nn.network.layers import FloatArray
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.plan import InferencePlan, take_plan


class PackedClient:
    """Encrypts images and decrypts answers: it holds the secret key of one plan.

    plan: what `nn.compile` made, or its bytes. secret_key: a key that `secret_key_bytes` gave
    before; None makes a fresh key from the operating system's randomness. limits: what the client
    does for a plan at most.

    The secret key is wiped when nothing refers to the client any more, by `close`, or at the end of
    a ``with`` block.

    Raises `NetworkError` for an object that is no packed plan, `LimitError` for a plan beyond the
    limits, and `he.SerializationError` or `he.ParametersMismatchError` for other bytes.
    """

    def __init__(
        self,
        plan: InferencePlan | Buffer,
        secret_key: Buffer | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.plan = plan = take_plan(plan)
        instance(limits, Limits, "limits").check(plan)
        params = plan.params
        self._generator = KeyGenerator(params)
        if secret_key is None:
            self._secret, self._key_id = self._generator.secret_key(), new_id()
        else:
            (self._secret,), self._key_id = secrets_from_bytes([secret_key], [params])
        self._requests = Requests(plan.id, self._key_id)
        self._encoder = Encoder(params)
        self._encryptor = Encryptor(params, self._secret)
        self._decryptor = Decryptor(params, self._secret)

    def __repr__(self) -> str:
        return f"PackedClient({self.plan.network!r}, {self.plan.params})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wipe the secret key. A call that needs the key then raises `he.MissingKeyError`."""
        self._secret.wipe()

    @property
    def key_id(self) -> bytes:
        """The id that the keys and the images of this client have; empty for version 1."""
        return self._key_id

    def evaluation_keys(self) -> EvaluationKeys:
        """The keys that the server needs; they reveal neither images nor answers.

        Raises `MemoryBudgetError` where they do not fit this machine's memory.
        """
        check_memory(
            self.plan.key_memory_bytes,
            f"the evaluation keys of {self.plan.network!r}",
            "use a machine with more memory, or a network of fewer levels or smaller layers",
        )
        return ClientKeys.made(self._generator, self._secret, self.plan.needs, self._key_id)

    def secret_key_bytes(self) -> bytes:
        """The secret key, to be stored where only the client reads it."""
        return secret_to_bytes(self._secret, self._key_id)

    def encrypt(self, images: ArrayLike) -> EncryptedBatch:
        """Encrypt images (B, *input_shape), real, inside the network's input range.

        Raises `ShapeError` for another shape, and `InputRangeError` for anything but real numbers
        and for values outside the range, for which the plan predicts nothing.
        """
        plan = self.plan
        tensor = as_batch(images, plan.input_layout.shape, f"the plan for {plan.network!r}")
        check_pixels(tensor, plan.input_range)
        ciphertexts = [
            self._encryptor.encrypt(self._encoder.encode(slots, plan.input_level))
            for image in plan.input_layout.pack(tensor)
            for slots in image
        ]
        ids = self._requests.new(len(tensor))
        return EncryptedBatch(tuple(ciphertexts), plan.input_layout.ciphertexts, ids=ids)

    def decrypt(
        self, answer: EncryptedBatch | Buffer, *, request: Request | None = None
    ) -> FloatArray:
        """The logits (B, *output_shape) of a server's answer, an object or bytes.

        ``plan.finished`` turns them into what the original model returns.

        request: the encrypted images, or their ``ids.request``, where the answer must be to these
        images and no others. One answer to a request is decrypted, as `Requests` says; the same
        object may be decrypted again.

        Raises `IdentityError` for an answer to another plan, client or request, and for another
        number of images; what `EncryptedBatch.check` raises for ciphertexts that are not the plan's
        answers; `AnswerError` for logits that the plan excludes; `he.SerializationError` for other
        bytes.
        """
        plan = self.plan
        if isinstance(answer, Buffer):
            answer = EncryptedBatch.from_bytes(
                answer, plan.params, plan.output_layout.ciphertexts
            )
        instance(answer, EncryptedBatch, "the answer")
        level = plan.stages[-1].level_out
        answer.check(plan.params, plan.output_layout.ciphertexts, level, "answers")
        self._requests.take(answer, request)
        slots = [
            [decoded(self._encoder, self._decryptor.decrypt(part)) for part in image]
            for image in answer.images
        ]
        found = plan.output_layout.unpack(np.array(slots)).reshape(len(answer), -1)
        logits = check_promise(found, plan.predicted_error, plan.largest_logit)
        return logits.reshape(len(answer), *plan.output_layout.shape)

    def publish(
        self,
        answer: EncryptedBatch | Buffer,
        *,
        queries: int,
        security_bits: int = 30,
        request: Request | None = None,
    ) -> FloatArray:
        """The logits (B, *output_shape) as they may leave the client, behind fresh noise.

        queries: the answers, one an image, that will ever be published under this secret key.
        security_bits: the statistical security. `he.ckks.publication` has the proof, and the cost.
        It holds for images within the network's statistics and for a server that keeps to
        the plan. Raises what `decrypt` raises, and `he.PublicationError` where less than a
        bit would be left: compile with more `precision_bits`.
        """
        plan, logits = self.plan, self.decrypt(answer, request=request)
        bounds = plan.worst_case_error, plan.largest_logit, plan.failure_probability
        flat = published(logits.reshape(len(logits), -1), *bounds, queries, security_bits)
        return flat.reshape(logits.shape)

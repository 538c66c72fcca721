"""Decrypted logits beside what their plan promises."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from he.ckks.ciphertext import Plaintext
from he.ckks.encoding.encoder import Encoder
from nn.errors import AnswerError
from nn.network.layers import FloatArray

SLACK = 2
"""Logits may be this many times as large as the largest logit of a plan.

The largest logit comes from statistics, which an unseen image may exceed. Parameters hold twice the
values that the planner knows: `nn.inference.search.required_integer_bits` has a bit to spare.
"""

_CAUSES = (
    "the keys or the plan are not those of the server, the server did something else, or an image "
    "is unlike all images that the plan's statistics know"
)


def decoded(encoder: Encoder, plaintext: Plaintext) -> NDArray[np.complex128]:
    """The slots of a plaintext. The real parts have the bits of `Encoder.decode_real`."""
    slots: NDArray[np.complex128] = encoder.decode(plaintext)
    slots.real = encoder.decode_real(plaintext)
    return slots


def check_promise(slots: NDArray[np.complex128], errors: FloatArray, largest: float) -> FloatArray:
    """The logits (B, classes), the real parts of these slots, if they are what a plan promises.

    The network's values are real, so an imaginary part is error alone, as large as the error of the
    logit beside it. errors: the bounds on the errors of the logits, (classes,). largest: the plan's
    largest logit.

    Raises `AnswerError` for a logit beyond `SLACK` times the largest, for an imaginary part beyond
    its bound, and for NaN. The message tells nothing of what was decrypted: an error of a
    decryption is a function of the secret key.
    """
    logits: FloatArray = np.ascontiguousarray(slots.real)
    most = SLACK * largest + float(errors.max())
    if not np.abs(logits).max() <= most:  # also for NaN
        raise AnswerError(
            f"a logit is larger than {most:.4g}, {SLACK} times what the plan says: {_CAUSES}; the "
            f"predicted error holds for none of these logits, which `logits` of this error has",
            logits,
        )
    beyond = ~(np.abs(slots.imag) <= errors)
    if beyond.any():
        bound = errors[np.flatnonzero(beyond.any(axis=0))[0]]
        raise AnswerError(
            f"a logit has a larger error than the {bound:.3g} that the plan predicts: {_CAUSES}; "
            f"`logits` of this error has the logits",
            logits,
        )
    return logits


def check_integers(integers: NDArray[Any], largest: int | None, logits: NDArray[Any]) -> None:
    """Raise `AnswerError` for an integer (B, classes) beyond a plan's bound on all answers.

    largest: None where the plan, of version 1, names none. logits: what the error has.
    """
    if largest is not None and any(abs(int(value)) > largest for value in integers.ravel()):
        raise AnswerError(
            f"an answer is larger than {largest}, the plan's bound on all answers: the keys or the "
            f"plan are not those of the server, or the server did something else",
            logits,
        )

"""Answers that may leave the client: logits behind the noise of `he.ckks.publication`."""

from __future__ import annotations

import math

import numpy as np

from he.ckks.noise import tail_factor
from he.ckks.publication import MOST_SECURITY_BITS, Flooding
from he.errors import PublicationError
from he.validation import whole_number
from nn.network.layers import FloatArray


def published(
    logits: FloatArray,
    errors: FloatArray,
    largest: float,
    failure_probability: float,
    queries: int,
    security_bits: int,
) -> FloatArray:
    """The logits (B, classes) with the noise that `queries` published answers need.

    errors: bounds on the errors (classes,), which hold but for `failure_probability`; they are
    widened until all published logits together exceed them with a probability of at most
    2^-security_bits / 24. Raises `he.PublicationError` where less than one bit of the
    largest logit would be left, and `he.ParameterError` for numbers out of range.
    """
    security_bits = whole_number(security_bits, "security_bits", 1, MOST_SECURITY_BITS)
    count = whole_number(queries, "queries", 1, 1 << 30) * logits.shape[-1]
    probability = min(failure_probability, 2.0**-security_bits / (24 * count))
    wider = tail_factor(probability) / tail_factor(failure_probability)
    largest_error = float(np.max(errors))
    if not math.isfinite(largest_error):
        raise PublicationError(
            "no bound on the worst case of the errors is known: calibrate the network "
            "(Network.calibrated) and compile it again"
        )
    flooding = Flooding(largest_error * wider, count, security_bits)
    return flooding.publish(logits, size=largest)

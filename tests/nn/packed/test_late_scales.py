"""Scales of levels whose squares are not rescaled, against a slow evaluation and random changes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.divided_levels import WORD_BITS
from he.ckks.params import CKKSParameters
from nn.packed.answer_errors import Term
from nn.packed.late_scales import LateScales, ScaleChoice

DEPTH, INTEGER_BITS = 6, 5
PARAMS = CKKSParameters.build(2, N=2048, scale_bits=30, insecure_reason="unit test")
SQUARES = range(1, DEPTH)
seeds = st.integers(0, 2**32 - 1)


def terms_of(seed: int) -> list[Term]:
    """Of a network of matrices and squares, as `AnswerErrors` has them, with 2 answers."""
    rng = np.random.default_rng(seed)

    def weights() -> np.ndarray:
        return 4.0 ** rng.uniform(-4, 4, 2)

    terms = [Term("fresh", (DEPTH,), weights())]
    for level in range(DEPTH):
        power = 2 if level + 1 in SQUARES else 1
        terms.append(Term("rounding", (level,), weights()))
        terms.append(Term("weights", (level + 1, power, 256), weights()))
        terms.append(Term("square", (level,), weights()))
    return terms


def variance(terms: list[Term], scales: np.ndarray, divisors: np.ndarray) -> float:
    """The sum of all variances that the scales decide, the larger answer of each term."""
    noise, total = PARAMS.noise_model, 0.0
    for kind, at, weights in terms:
        level, largest = at[0], float(weights.max())
        if kind == "fresh":
            total += largest * (noise.fresh_symmetric + noise.encoding) / 4 ** scales[level]
        elif kind == "rounding":
            total += largest * noise.rounding / 4 ** scales[level]
        elif kind == "weights":
            bits = scales[level - 1] + divisors[level] - at[1] * scales[level]
            total += largest * noise.encoding * 2 * at[2] / PARAMS.N / 4**bits
    return total


def most(divisors: np.ndarray) -> np.ndarray:
    powers = np.array([2 if level in SQUARES else 1 for level in range(DEPTH + 1)])
    return (np.cumsum(divisors) - INTEGER_BITS - 1) / powers


def parts(choice: ScaleChoice) -> tuple[np.ndarray, np.ndarray]:
    return np.array(choice.scale_bits), np.array([WORD_BITS, *choice.divisor_bits])


@given(seeds)
def test_best__no_change_of_scales_is_better(seed: int) -> None:
    terms = terms_of(seed)
    scales, divisors = parts(next(LateScales(terms, DEPTH, INTEGER_BITS, PARAMS).choices()))
    assert (scales <= most(divisors) + 1e-3).all()
    found = variance(terms, scales, divisors)
    rng = np.random.default_rng(seed)
    for size in (0.01, 0.3, 3.0):
        for _ in range(20):
            changed = scales.copy()
            changed[1:] += rng.normal(size=DEPTH) * size
            changed = np.minimum(changed, most(divisors))
            assert found <= variance(terms, changed, divisors) * 1.01


@given(seeds)
def test_choices__more_words_are_less_noise(seed: int) -> None:
    terms = terms_of(seed)
    choices = list(LateScales(terms, DEPTH, INTEGER_BITS, PARAMS).choices())
    assert len(choices) == DEPTH + 1
    for number, choice in enumerate(choices):
        assert sum(bits > WORD_BITS for bits in choice.divisor_bits) == number
        slow = variance(terms, *parts(choice))
        assert math.isclose(choice.variance, slow, rel_tol=0.01)
    for fewer, more in pairwise(choices):
        assert more.variance <= fewer.variance * 1.001

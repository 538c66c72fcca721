"""Which answers an exact pass takes, at which points, and how the others follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nn.network.error_growth import MOST_ANSWERS
from nn.network.layers import FloatArray

IntArray = NDArray[np.int64]


def worst_answers(variances: FloatArray, most: int = MOST_ANSWERS) -> tuple[IntArray, IntArray]:
    """The answers with the largest variances (points, outputs), and the worst point of each.

    most: how many answers at most.
    """
    answers = np.argsort(-variances.max(axis=0), kind="stable")[:most]
    return answers, variances.argmax(axis=0)[answers]


def all_deviations(variances: FloatArray, answers: IntArray, exact: FloatArray) -> FloatArray:
    """The deviations of all answers, (outputs,).

    variances: of independent errors, (points, outputs). exact: the deviations of `answers`. The
    other answers grow as these do, if they grow.
    """
    found: FloatArray = np.sqrt(variances.max(axis=0))
    growth = float(np.max(exact / found[answers], initial=1.0))
    others = np.ones(len(found), dtype=bool)
    others[answers] = False
    found[others] *= growth
    found[answers] = exact
    return found

"""Which answers the exact pass takes, and how the others follow."""

from __future__ import annotations

import numpy as np

from nn.inference.worst_answers import all_deviations, worst_answers

VARIANCES = np.array([[1.0, 9.0, 4.0], [16.0, 1.0, 2.0]])


def test_worst_answers__are_the_largest_at_their_worst_point() -> None:
    answers, points = worst_answers(VARIANCES)
    assert answers.tolist() == [0, 1, 2]
    assert points.tolist() == [1, 0, 0]
    answers, points = worst_answers(VARIANCES, 2)
    assert (answers.tolist(), points.tolist()) == ([0, 1], [1, 0])


def test_all_deviations__the_rest_grows_as_the_exact_ones() -> None:
    answers = np.array([0, 1])
    assert all_deviations(VARIANCES, answers, np.array([8.0, 3.0])).tolist() == [8.0, 3.0, 4.0]
    # They do not shrink.
    assert all_deviations(VARIANCES, answers, np.array([2.0, 1.0])).tolist() == [2.0, 1.0, 2.0]

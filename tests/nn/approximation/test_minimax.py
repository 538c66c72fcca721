"""Minimax polynomials: alternation, known errors, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

from nn.approximation.minimax import largest_error, minimax
from nn.errors import ApproximationError


def sigmoid(x):
    return 1 / (1 + np.exp(-4 * x))


@pytest.mark.parametrize("degree", [1, 2, 3, 7, 15, 31, 63, 127])
@pytest.mark.parametrize(
    ("function", "kinks"),
    [(np.abs, (0.0,)), (np.exp, ()), (sigmoid, ()), (lambda x: np.maximum(x - 0.2, 0), (0.2,))],
)
def test_minimax__error_alternates_at_two_more_points_than_the_degree(degree, function, kinks):
    """De la Vallee-Poussin: a smaller error would need fewer changes of sign."""
    coefficients = minimax(function, degree, kinks=kinks)
    x = np.union1d(np.cos(np.linspace(0, np.pi, 20001)), kinks)
    error = function(x) - chebval(x, coefficients)
    largest = np.abs(error).max()
    found = largest_error(function, coefficients, kinks=kinks)
    assert largest <= found
    if largest < 1e-12:  # rounding alone, whose signs mean nothing
        return
    assert found <= 1.03 * largest + 1e-12
    signs = np.sign(error[np.abs(error) > 0.98 * largest])
    changes = int((signs[1:] != signs[:-1]).sum())
    assert changes + 1 >= degree + 2


def test_minimax__degree_one_of_the_absolute_value_is_a_half():
    """|x| on [-1, 1] by a line or a parabola: 1/2 and 1/8."""
    assert largest_error(np.abs, minimax(np.abs, 1, kinks=(0.0,)), density=64) == pytest.approx(
        0.5, rel=1e-3
    )
    parabola = minimax(np.abs, 2, kinks=(0.0,))
    assert parabola == pytest.approx([5 / 8, 0, 1 / 2], abs=1e-4)


@pytest.mark.parametrize("low", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("degree", [3, 7, 15, 27])
def test_minimax__odd_polynomials_serve_both_intervals_of_a_sign(low, degree):
    coefficients = minimax(np.ones_like, degree, low=low, parity="odd")
    assert (coefficients[::2] == 0).all()
    error = largest_error(np.ones_like, coefficients, low=low, density=64)
    x = np.concatenate([-np.geomspace(low, 1, 5001), np.geomspace(low, 1, 5001)])
    assert np.abs(chebval(x, coefficients) - np.sign(x)).max() <= error
    # No polynomial of the next lower odd degree is as good.
    lower = minimax(np.ones_like, degree - 2, low=low, parity="odd")
    assert largest_error(np.ones_like, lower, low=low) > error or error < 1e-11


def test_minimax__refuses_what_has_no_answer():
    with pytest.raises(ApproximationError, match="degree 0"):
        minimax(np.abs, 0)
    with pytest.raises(ApproximationError, match=r"low = -0\.5"):
        minimax(np.abs, 3, low=-0.5, parity="even")
    with np.errstate(divide="ignore"), pytest.raises(ApproximationError, match="no finite value"):
        minimax(lambda x: 1 / (x * 0), 3)

"""The sine as polynomials, in the clear, against `mpmath`."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.ckks.bootstrap.circuits import circuits
from he.ckks.bootstrap.cosine import half_width, sine_polynomials
from he.ckks.bootstrap.inverse_sine import interpolated, taylor
from he.ckks.bootstrap.parameters import Bootstrapping


def _circuits(precision_bits: float) -> list[tuple[BootstrapCircuit, float]]:
    found = circuits(Bootstrapping(precision_bits=precision_bits, slots=64), 1 << 12, 40.0)
    return [(circuit, 2 ** (s.first_modulus - s.lowest)) for circuit, s in found]


@pytest.mark.parametrize("precision_bits", [8, 14, 20])
def test_polynomials__give_the_fraction_of_every_overflow(precision_bits: int) -> None:
    """All circuits that are offered: sine and cosine each leave a fourth of what was asked for."""
    for circuit, ratio in _circuits(precision_bits):
        messages = np.linspace(-circuit.largest, circuit.largest, 65)
        whole = np.arange(-circuit.interval, circuit.interval + 1)[:, None]
        values = (whole + messages / ratio) / half_width(circuit)
        for polynomial in sine_polynomials(circuit, ratio):
            values = np.asarray(polynomial(values))
        assert np.abs(values - messages).max() <= 2 * 2.0 ** -(precision_bits + 2)


def test_cosine__is_mpmaths() -> None:
    for circuit, ratio in _circuits(20)[:6]:
        cosine, *doublings = sine_polynomials(circuit, ratio)[: circuit.doublings + 1]
        K = half_width(circuit)
        inverse = interpolated(circuit.inverse_sine, float(np.sin(2 * np.pi / ratio)))
        slope = inverse[1] if circuit.inverse_sine == 1 else 1.0
        with mpmath.workdps(40):
            last = mpmath.mpf(ratio) / (2 * mpmath.pi) * slope
            for u in (-1.0, -0.37, 0.0, 0.11, 0.93):
                angle = 2 * mpmath.pi * (K * mpmath.mpf(u) - mpmath.mpf("0.25"))
                amplitude = last ** (mpmath.mpf(1) / 2**circuit.doublings)
                expected = amplitude * mpmath.cos(angle / 2**circuit.doublings)
                value = float(cosine(u))
                assert abs(value - float(expected)) <= float(amplitude) * 2.0**-27
                for polynomial in doublings:
                    value = float(polynomial(value))
                exact = float(last * mpmath.sin(2 * mpmath.pi * K * mpmath.mpf(u)))
                # The error of the cosine grows fourfold with each doubling, at most.
                bound = float(last) * 2.0**-27 * 4**circuit.doublings
                assert abs(value - exact) <= bound


@pytest.mark.parametrize("degree", [1, 3, 5, 7])
def test_inverse_sine__lacks_the_first_term_of_half_the_angle(degree: int) -> None:
    largest = 0.05
    x = np.linspace(-largest, largest, 401)
    found = np.polynomial.polynomial.polyval(x, interpolated(degree, largest))
    missing = {1: 1 / 6, 3: 3 / 40, 5: 15 / 336, 7: 105 / 3456}[degree]
    bound = missing * largest ** (degree + 2) / 2 ** (degree + 1)
    assert np.abs(found - np.arcsin(x)).max() <= 1.05 * bound + 1e-16
    exact = np.polynomial.polynomial.polyval(x, taylor(degree))
    bound = missing * largest ** (degree + 2)
    assert np.abs(exact - np.arcsin(x)).max() <= 1.05 * bound + 1e-16

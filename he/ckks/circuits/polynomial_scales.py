"""The levels and the scales of a polynomial's sums and basis elements, under one parameter set."""

from __future__ import annotations

from he.ckks.circuits.polynomial_circuit import PolynomialCircuit, halves
from he.ckks.params import CKKSParameters


class PolynomialScales:
    """Levels and scales of a circuit whose input stands at `level`, at the canonical scale."""

    def __init__(self, params: CKKSParameters, circuit: PolynomialCircuit, level: int) -> None:
        self.params = params
        self.circuit = circuit
        self._out = level - circuit.polynomial.depth
        self._elements = {1: params.scales[self.level(circuit.height(1))]}

    def level(self, height: int) -> int:
        """The level at a height."""
        return self._out + height

    @property
    def total(self) -> float:
        """The scale of the whole sum: one rescaling leads to the canonical scale of the result."""
        return self.params.scales[self._out] * self.params.q[self._out + 1]

    def quotient(self, height: int, scale: float, g: int) -> float:
        """The scale of a sum that is rescaled and multiplied by B_g, to be added at `scale`."""
        return scale / self.element(g) * self.params.q[self.level(height + 1)]

    def element(self, i: int) -> float:
        """The scale of basis element i, as its computation leaves it: its halves', rescaled."""
        if i not in self._elements:
            a, b = halves(i)
            dropped = self.params.q[self.level(self.circuit.height(i) + 1)]
            self._elements[i] = self.element(a) * self.element(b) / dropped
        return self._elements[i]

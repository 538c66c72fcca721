"""The levels and the scales of a polynomial's sums and basis elements, under one parameter set."""

from __future__ import annotations

from he.ckks.circuits.polynomial_circuit import PolynomialCircuit, halves
from he.ckks.scaled_levels import ScaledLevels


class PolynomialScales:
    """Levels and scales of a circuit whose input stands at `level`, at the canonical scale."""

    def __init__(self, params: ScaledLevels, circuit: PolynomialCircuit, level: int) -> None:
        self.params = params
        self.circuit = circuit
        self._out = level - circuit.polynomial.depth
        self._elements = {1: params.scales[self.level(circuit.height(1))]}
        self._at: dict[tuple[int, int], float] = {}

    def level(self, height: int) -> int:
        """The level at a height."""
        return self._out + height

    @property
    def total(self) -> float:
        """The scale of the whole sum: one rescaling leads to the canonical scale of the result."""
        return self.params.scales[self._out] * self.params.divisors[self._out + 1]

    def quotient(self, height: int, scale: float, g: int) -> float:
        """The scale of a sum that is rescaled and multiplied by B_g, to be added at `scale`."""
        level = self.level(height)
        return scale / self.element_at(g, level) * self.params.divisors[level + 1]

    def element(self, i: int) -> float:
        """The scale of basis element i, as its computation leaves it: its halves', rescaled."""
        if i not in self._elements:
            a, b = halves(i)
            level = self.level(self.circuit.height(i) + 1)
            product = self.element_at(a, level) * self.element_at(b, level)
            self._elements[i] = product / self.params.divisors[level]
        return self._elements[i]

    def relinearizations(self) -> set[int]:
        """The levels at which products of ciphertexts are relinearized."""
        circuit = self.circuit
        heights = [circuit.height(i) + 1 for i in circuit.needed if i > 1]
        heights += [part.height for part in circuit.total.inner() if part.products]
        return {self.level(height) for height in heights}

    def moves(self) -> set[tuple[int, int]]:
        """The basis elements and the lower levels to which they are moved by a rounded division."""
        circuit, levels = self.circuit, self.params.levels
        used: set[tuple[int, int]] = set()
        for part in circuit.total.inner():
            level = self.level(part.height)
            used.update((i, level) for i, _ in part.terms)
            for product in part.products:
                used.add((product.right, level))
                if isinstance(product.left, int):
                    used.add((product.left, level))
        for i in circuit.needed:
            if i > 1:
                a, b = halves(i)
                level = self.level(circuit.height(i) + 1)
                used |= {(a, level), (b, level)}
                if circuit.is_chebyshev and a != b:
                    used.add((a - b, level))
        return {
            (i, level)
            for i, level in used
            if not levels[self.level(circuit.height(i))].holds(levels[level])
        }

    def element_at(self, i: int, level: int) -> float:
        """The scale of basis element i at a level at or below its own (`Evaluator.drop_limbs`)."""
        if (i, level) not in self._at:
            own = self.level(self.circuit.height(i))
            _, ratio = self.params.dropped(own, level)
            self._at[i, level] = self.element(i) * ratio
        return self._at[i, level]

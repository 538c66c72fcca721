"""The nodes that compute an activation by polynomials, and how far they can be off."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from he.ckks.circuits.polynomial import depth
from nn.approximation.fitting import fit
from nn.approximation.minimax import Function
from nn.approximation.samples import Samples
from nn.approximation.signs import CompositeSign, nearest_composite, shortest_composite
from nn.errors import ApproximationError
from nn.network.activation import Chebyshev, Polynomial
from nn.network.graph import Node
from nn.network.layers import FloatArray
from nn.network.nonlinear import ScalarFunction
from nn.network.two_inputs import Multiply


@dataclass(frozen=True)
class Method:
    """How a function is approximated: by one polynomial of a degree, or by a composite sign.

    One of the three is set. bits: those of ``|x|`` on [-1, 1], by `shortest_composite`. degrees: of
    the sign's factors, by `nearest_composite`.
    """

    degree: int | None = None
    bits: float | None = None
    degrees: tuple[int, ...] = ()

    @property
    def sign(self) -> CompositeSign:
        """The composition."""
        if self.degrees:
            return nearest_composite(self.degrees)
        assert self.bits is not None
        return shortest_composite(self.bits)

    @property
    def levels(self) -> int:
        """The levels that it takes behind a linear layer."""
        if self.degree is None:
            return self.sign.depth + 1
        # A square is completed by the linear layers around it.
        return 1 if self.degree == 2 else depth(self.degree)

    @property
    def label(self) -> str:
        """A few words for tables."""
        if self.degree is not None:
            return f"degree {self.degree}"
        return "x sign x, degrees " + " ".join(map(str, self.sign.degrees))


SINGLE = tuple(Method(degree=d) for d in (2, 3, 7, 15, 31, 63, 127))
"""One polynomial, with the highest degree of each number of levels."""

EVEN = tuple(Method(degree=d) for d in (2, 6, 14, 30, 62, 126))
"""The same for the absolute value, which is even."""

COMPOSITE = tuple(Method(bits=float(b)) for b in (9, 10, 11, 12, 13))
"""Where one polynomial would need more than 7 levels."""


@dataclass(frozen=True, eq=False)
class Replaced:
    """nodes: the last has the name of the replaced node. bound: says how far its value can be off.

    low, high: the range of the values that the first node reads, over all channels.
    """

    nodes: tuple[Node, ...]
    bound: Callable[[], float]
    low: float
    high: float

    @functools.cached_property
    def error(self) -> float:
        """A bound on ``|f - p|`` in the range; it takes longer than the polynomial itself."""
        return self.bound()


def kinks_of(function: str, parameters: Mapping[str, float]) -> tuple[float, ...]:
    """Where the derivative of a function of `nn.network.nonlinear` jumps, or bends at once."""
    if function in ("relu", "leaky_relu", "abs", "elu", "celu", "selu", "softsign"):
        return (0.0,)
    if function == "clip":
        return parameters["low"], parameters["high"]
    if function == "hard_sigmoid":
        slope, shift = parameters["slope"], parameters["shift"]
        return tuple(sorted((-shift / slope, (1 - shift) / slope))) if slope else ()
    return (-3.0, 3.0) if function == "hard_swish" else ()


def bent_line(layer: ScalarFunction) -> tuple[float, float] | None:
    """(a, b) of a function ``a x + b |x|``; None for any other function."""
    slopes = {"relu": 0.0, "abs": -1.0, "leaky_relu": layer.parameters.get("slope", 0.0)}
    if layer.function not in slopes:
        return None
    slope = slopes[layer.function]
    return (1 + slope) / 2, (1 - slope) / 2


def replaced_function(
    name: str, source: str, layer: ScalarFunction, method: Method, samples: Samples
) -> Replaced:
    """The nodes for an activation `name` that reads `source`.

    samples: with symmetric ranges for a composition. Raises `ApproximationError` for a composition
    of a function that is no bent line.
    """
    if method.degree is not None:
        kinks = kinks_of(layer.function, layer.parameters)
        return one_polynomial(name, source, layer, samples, method.degree, kinks=kinks)
    line = bent_line(layer)
    if line is None:
        raise ApproximationError(
            f"node {name!r}: {layer.function} is no sum of x and |x|: a composition approximates "
            f"relu, leaky_relu and abs"
        )
    return times_sign(name, source, line, method.sign, samples)


def one_polynomial(
    name: str,
    source: str,
    function: Function,
    samples: Samples,
    degree: int,
    *,
    kinks: tuple[float, ...] = (),
    even: bool = False,
) -> Replaced:
    """One polynomial, of each channel its own; ``name.range`` maps the range to [-1, 1].

    A polynomial of degree 2 stands in powers of the value itself, so that its square is completed.
    """
    found = fit(function, samples, degree, parity="even" if even else "none", kinks=kinks)
    low, high = float(samples.low.min()), float(samples.high.max())
    if degree == 2:
        rows = [
            _moved(row, centre, radius)
            for row, centre, radius in zip(
                found.coefficients, samples.centre, samples.radius, strict=True
            )
        ]
        polynomial = Polynomial(_shared(np.array(rows)))
        return Replaced((Node(name, polynomial, (source,)),), lambda: found.error, low, high)
    nodes = (
        range_node(f"{name}.range", source, samples),
        Node(name, Chebyshev(_shared(found.coefficients)), (f"{name}.range",)),
    )
    return Replaced(nodes, lambda: found.error, low, high)


def times_sign(
    name: str, source: str, line: tuple[float, float], sign: CompositeSign, samples: Samples
) -> Replaced:
    """``a x + b |x|`` as ``t (a r + b r sign t)`` with ``t = x / r`` of the radius r."""
    a, b = line
    radius = samples.radius[:, None]
    nodes = [range_node(f"{name}.range", source, samples)]
    for index, factor in enumerate(sign.factors[:-1]):
        nodes.append(Node(f"{name}.sign{index + 1}", Chebyshev(factor), (nodes[-1].name,)))
    last = b * radius * sign.factors[-1]
    last[:, 0] += a * radius[:, 0]
    nodes.append(Node(f"{name}.sign", Chebyshev(_shared(last)), (nodes[-1].name,)))
    nodes.append(Node(name, Multiply(), (nodes[0].name, nodes[-1].name)))
    largest = abs(b) * float(radius.max())
    low, high = float(samples.low.min()), float(samples.high.max())
    return Replaced(tuple(nodes), lambda: largest * sign.absolute_error, low, high)


def range_node(name: str, source: str, samples: Samples) -> Node:
    """The linear map of each range to [-1, 1]; the layer in front takes it in."""
    rows = np.stack([-samples.centre / samples.radius, 1 / samples.radius], axis=1)
    return Node(name, Polynomial(_shared(rows)), (source,))


def _moved(row: FloatArray, centre: float, radius: float) -> FloatArray:
    """The powers of x of a polynomial of degree 2 in (x - centre) / radius, in Chebyshev basis."""
    c, b, a = cheb2poly(row)
    a, b = a / radius**2, b / radius
    return np.array([c - b * centre + a * centre**2, b - 2 * a * centre, a])


def _shared(rows: FloatArray) -> FloatArray:
    """Rows ``(channels, n)``, or the one row of all."""
    return rows[0] if len(rows) == 1 else rows

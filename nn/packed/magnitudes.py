"""How large the numbers of a packed run get, and the first prime that holds all of them.

A number at level l wraps around if ``scale_l |number| >= Q_l / 2``. A level holds the coefficients
of a polynomial, which are averages over the slots. So the mean of the slots' absolute values
counts, with the slots between the elements, where a fold leaves partial sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from he.ckks.circuits.polynomial import Polynomial
from nn.inference.search import Magnitude
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.packed_network import PackedStage, network_input_layout, slot_polynomials
from nn.stages.levels import kept_squares
from nn.stages.stage import AddStage, BootstrapStage, PolynomialStage, ProductStage, SquareStage


def packed_magnitudes(
    packed: Sequence[PackedStage], largest: Mapping[str, FloatArray], levels: Mapping[str, int]
) -> Iterator[Magnitude]:
    """Bounds on every value and on every weight, with the levels that must hold them.

    largest, levels: bounds (size,) on the elements of each stage's value, and of "input", and their
    levels.
    """
    kept = kept_squares((item.stage for item in packed), levels)
    first = network_input_layout([item.stage for item in packed], packed[0].layout.n_slots)
    slots = {INPUT: first.pack_flat(largest[INPUT])}
    yield Magnitude("the input", levels[INPUT], _mean(slots[INPUT]))
    for item in packed:
        name = item.name
        with np.errstate(over="ignore", invalid="ignore"):
            slots[name] = _slots(item, slots, largest)
        yield Magnitude(f"stage {name!r}", levels[name], _mean(slots[name]), 1 + (name in kept))
        weights = _largest_weight(item)
        if weights:
            # Encoded at q_l s_{l-1} / s_l, which is s_l: a weight fits where a value does.
            yield Magnitude(f"a weight of {name!r}", levels[name] + 1, weights)


def _slots(
    item: PackedStage, slots: Mapping[str, FloatArray], largest: Mapping[str, FloatArray]
) -> FloatArray:
    """A bound on every slot of the stage's value, (ciphertexts, n_slots)."""
    if item.affine is not None:
        # The diagonals read the elements alone.
        return item.affine.bound(largest[item.inputs[0]])
    inputs = [slots[name] for name in item.inputs]
    if isinstance(item.stage, SquareStage):
        found = inputs[0] ** 2
    elif isinstance(item.stage, AddStage):
        found = inputs[0] + inputs[1]
    elif isinstance(item.stage, ProductStage):
        found = inputs[0] * inputs[1]
    elif isinstance(item.stage, BootstrapStage):
        found = inputs[0]
    else:
        found = _polynomial(item, inputs[0])
    elements = item.layout.pack_flat(np.ones(item.stage.size)) > 0
    known = item.layout.pack_flat(largest[item.name])
    result: FloatArray = np.where(elements, np.minimum(found, known), found)
    return result


def _polynomial(item: PackedStage, slots: FloatArray) -> FloatArray:
    bounds = []
    for polynomial, reached in zip(slot_polynomials(item), slots, strict=True):
        positive = Polynomial([np.abs(c) for c in polynomial.coefficients], polynomial.basis)
        # T_k is at most 1 on [-1, 1], and grows beyond.
        chebyshev = polynomial.basis == "chebyshev"
        bounds.append(positive(np.maximum(reached, 1.0) if chebyshev else reached))
    return np.stack(bounds)


def _largest_weight(item: PackedStage) -> float:
    """The largest weight or coefficient of a stage; 0 if it has none."""
    if item.affine is not None:
        return item.affine.largest_weight
    if isinstance(item.stage, PolynomialStage):
        return float(np.abs(item.stage.coefficients).max())
    return 0.0


def _mean(slots: FloatArray) -> float:
    """The largest mean over the slots of a ciphertext; infinite where bounds have overflowed."""
    largest = float(slots.mean(axis=-1).max())
    return math.inf if math.isnan(largest) else largest

"""The errors of answers, backwards through the slots, against perturbed and encrypted runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nn
from he.ckks.params import CKKSParameters
from nn.inference.level_noise import LevelNoise
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.answer_errors import answer_errors
from nn.packed.operating_points import OperatingPoints
from nn.packed.packed_network import PackedStage, network_input_layout, pack_network
from nn.packed.planner import levels_above_answer
from nn.packed.prediction import Prediction, variances
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage, SquareStage
from tests.nn.cleartext import apply
from tests.nn.samples import NETWORKS

REASON = "unit test"
SLOTS = 128


def growing(rng: np.random.Generator) -> nn.Network:
    """Positive weights: all outputs of a layer share the errors of the layer before."""
    layers = (
        nn.Linear(np.full((16, 16), 1 / 16), np.zeros(16)),
        nn.Polynomial.square(),
        nn.Linear(np.ones((16, 16)), np.zeros(16)),
        nn.Polynomial.square(),
        nn.Linear(np.full((2, 16), 1 / 16), np.zeros(2)),
    )
    names = [INPUT, *(f"layer{i}" for i in range(len(layers)))]
    nodes = [
        nn.Node(name, layer, (before,))
        for name, before, layer in zip(names[1:], names, layers, strict=False)
    ]
    return nn.Network("growing", (16,), tuple(nodes))


MAKERS = [*NETWORKS, growing]


def parameters(depth: int, N: int = 2 * SLOTS) -> CKKSParameters:
    return CKKSParameters.build(
        depth, N=N, scale_bits=30, integer_bits=10, dnum=depth + 1, insecure_reason=REASON
    )


class Perturbed:
    """A packed network in the clear, with an error in one slot of one value: the slow twin."""

    def __init__(self, packed: list[PackedStage], image: FloatArray) -> None:
        self.packed = packed
        layout = network_input_layout([item.stage for item in packed], SLOTS)
        self.values = {INPUT: layout.pack(image[None])[0]}
        for item in packed:
            self.values[item.name] = apply(item, *(self.values[name] for name in item.inputs))

    def squares(self, name: str) -> FloatArray:
        """The sums over all slots of a value of each answer's squared derivative."""
        value, step = self.values[name], 1e-4
        total = np.zeros(self.packed[-1].stage.size)
        for place in np.ndindex(value.shape):
            ahead, behind = value.copy(), value.copy()
            ahead[place] += step
            behind[place] -= step
            total += ((self._answer(name, ahead) - self._answer(name, behind)) / (2 * step)) ** 2
        return total

    def _answer(self, name: str, value: FloatArray) -> FloatArray:
        values = dict(self.values)
        values[name] = value
        changed = {name}
        for item in self.packed:
            if changed.intersection(item.inputs):
                values[item.name] = apply(item, *(values[read] for read in item.inputs))
                changed.add(item.name)
        last = self.packed[-1]
        found: FloatArray = last.layout.unpack(values[last.name]).ravel()
        return found


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_weights__are_the_squared_derivatives_by_every_slot(
    make: Callable[[np.random.Generator], nn.Network],
) -> None:
    rng = np.random.default_rng(7)
    network = make(rng)
    image = rng.uniform(0, 1, network.input_shape)
    packed = pack_network(rewrite(network.calibrated(image[None])), SLOTS)
    levels = levels_above_answer(item.stage for item in packed)
    noise = LevelNoise(parameters(levels[INPUT]))
    points = OperatingPoints.of_images(packed, image[None])
    outputs = np.arange(packed[-1].stage.size)
    rows = np.zeros(len(outputs), dtype=np.int64)
    forward = variances(packed, levels, points, noise)
    chosen = {name: variance[rows] for name, variance in forward.items()}
    errors = answer_errors(packed, levels, points.rows(rows), chosen, outputs, noise)
    twin = Perturbed(packed, image)
    fresh = [term.weights for term in errors.terms if term.kind == "fresh"]
    assert np.allclose(fresh, [twin.squares(INPUT)], rtol=1e-5)
    # A bias is added to a whole value, as the rescaling of a square is.
    kinds = {AffineStage: ("encoding", -1), SquareStage: ("product", 0)}
    for item in packed:
        if type(item.stage) in kinds:
            kind, moved = kinds[type(item.stage)]
            level = min(levels[name] for name in item.inputs) + moved
            noted = [t.weights for t in errors.terms if (t.kind, t.at) == (kind, (level,))]
            assert any(np.allclose(w, twin.squares(item.name), rtol=1e-5) for w in noted)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_deviations__are_what_is_measured(
    make: Callable[[np.random.Generator], nn.Network],
) -> None:
    """One image, encrypted 4 times under each of 40 keys.

    The squared error of an answer is that of a Gaussian times the size of the secret in a slot,
    which is exponential over the keys: over 4 encryptions the mean has the variance 2 (1 + 2 / 4) -
    1 = 2. So the mean quotient of the measured and the predicted variance over 40 keys and two or
    more answers is within 5 sqrt(2 / 80) = 0.79 of 1.
    """
    rng = np.random.default_rng(5)
    network = make(rng)
    image = rng.uniform(0, 1, (1, *network.input_shape))
    network = network.calibrated(image)
    plan = nn.compile(network, N=512, precision_bits=1, insecure_reason=REASON)
    assert plan.packed is not None
    levels = levels_above_answer(item.stage for item in plan.packed)
    points = OperatingPoints.of_images(plan.packed, image)
    deviations = Prediction(plan.packed, levels, points).deviations(plan.params)
    squares = []
    for _ in range(40):
        client = nn.Client(plan)
        server = nn.Server(plan, network, client.evaluation_keys())
        many = np.repeat(image, 4, axis=0)
        error = client.decrypt(server.run(client.encrypt(many))) - network(many)
        squares.append(np.mean(error**2, axis=0))
    quotients = np.mean(squares, axis=0) / deviations**2
    assert abs(quotients.mean() - 1) < 0.79


def test_deviations__of_shared_errors_are_larger_than_of_independent_ones() -> None:
    network = growing(np.random.default_rng(0))
    images = np.random.default_rng(1).uniform(0, 1, (3, 16))
    packed = pack_network(rewrite(network.calibrated(images)), SLOTS)
    levels = levels_above_answer(item.stage for item in packed)
    points, params = OperatingPoints.of_images(packed, images), parameters(levels[INPUT])
    independent = variances(packed, levels, points, LevelNoise(params))[packed[-1].name]
    exact = Prediction(packed, levels, points).deviations(params)
    assert (exact > 2 * np.sqrt(independent.max(axis=0))).all()

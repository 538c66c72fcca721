"""A network as a small graph of stages: sparse affine maps, squares, polynomials, sums.

Consecutive linear layers become one affine map. A polynomial of degree 2 becomes a plain square,
and the affine maps around the square take in its factors and constants
(`nn.stages.completed_square`). So a layer takes one multiplicative level wherever that is possible
exactly. A polynomial of a higher degree becomes a sum of Chebyshev polynomials where that keeps
more precision (`nn.stages.conditioning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from he.ckks.circuits.polynomial import Basis
from nn.errors import GraphError, UnsupportedLayerError
from nn.network.activation import Chebyshev, Polynomial
from nn.network.folding import fold_batch_norms
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, BatchNorm, Flatten, FloatArray, Shape
from nn.network.linear_map import Reshape
from nn.network.nonlinear import MaxPool2d, ScalarFunction
from nn.network.two_inputs import Maximum, Multiply
from nn.stages.affine import affine_from_layer, identity, is_affine
from nn.stages.bounded import bound_values
from nn.stages.completed_square import complete_squares
from nn.stages.conditioning import condition_polynomials
from nn.stages.ranges import Interval
from nn.stages.stage import (
    AddStage,
    AffineStage,
    PolynomialStage,
    ProductStage,
    SquareStage,
    Stage,
)

MERGE_GROWTH = 4
"""Two affine maps are merged if their product has at most this many times their entries.

A merged map saves a level, which makes everything before the map cheaper. But the product of a wide
map and a narrow map in front of it (1000 -> 10 -> 1000 features) would multiply the work.
"""


def rewrite(network: Network, *, bounded: bool = False) -> tuple[Stage, ...]:
    """The stages of the folded network in topological order; the last one is the output.

    The name of a stage joins the names of its layers with "+". A Flatten or Reshape is no stage;
    its name joins that of the stage that reads it. A value that is no vector and no image counts as
    an image: see `planes`.

    `max_abs` comes from the network's statistics, if it has any: the largest values over the
    calibration images, carried through the rewriting. Without statistics `max_abs` comes from the
    input range by interval arithmetic, and no input in the range exceeds it, up to rounding.

    bounded: values are scaled into [-1, 1] (`nn.stages.bounded`), as bootstraps need them.

    Raises `GraphError` if two joined names collide.
    """
    _check_polynomials(network)
    folded = fold_batch_norms(network)
    made = _merge_affine(_translate(folded))
    made = complete_squares(made, _max_abs(folded, made))
    made = condition_polynomials(made, _max_abs(folded, made))
    if bounded:
        made = bound_values(made, _max_abs(folded, made))
    made = _with_output_shape(_renamed(made), folded.output_shape)
    bounds = _max_abs(folded, made)
    return tuple(replace(stage, max_abs=bounds[stage.name]) for stage in made)


def _check_polynomials(network: Network) -> None:
    """Raise `UnsupportedLayerError`, which lists all layers that are no polynomials."""
    found = [
        f"{layer.function if isinstance(layer, ScalarFunction) else type(layer).__name__} at "
        f"{node.name!r}"
        for node in network.nodes
        if isinstance(layer := node.layer, ScalarFunction | MaxPool2d | Maximum)
    ]
    if found:
        raise UnsupportedLayerError(
            f"network {network.name!r} has layers that are no polynomials ({', '.join(found)}): "
            "replace all of them first, by nn.approximate(network, images)"
        )


def planes(shape: Shape) -> Shape:
    """A vector's or an image's shape, with the same elements in the same order as `shape`.

    Signals (C, L) become images (C, 1, L), and all axes before the last two become channels.
    """
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return shape if len(shape) <= 3 else (int(np.prod(shape[:-2])), *shape[-2:])


def _translate(network: Network) -> list[Stage]:
    """One stage for each node, with the node's name; none where no element moves."""
    alias: dict[str, str] = {INPUT: INPUT}
    shapes: dict[str, Shape] = {INPUT: planes(network.input_shape)}
    unnamed: dict[str, tuple[str, ...]] = {}
    made: list[Stage] = []
    for node in network.nodes:
        layers = (*(name for i in node.inputs for name in unnamed.pop(i, ())), node.name)
        inputs = tuple(alias[name] for name in node.inputs)
        if not isinstance(node.layer, (Flatten, Reshape)):
            stage = _stage(node, layers, inputs, network.shapes[node.inputs[0]], shapes[inputs[0]])
            made.append(stage)
        elif node is not network.output:
            alias[node.name] = inputs[0]
            unnamed[node.name] = layers
            continue
        elif inputs[0] == INPUT:
            fields = _fields(node.name, layers, inputs, shapes[INPUT])
            made.append(AffineStage(*fields, identity(shapes[INPUT])))
        else:
            # Every node leads to the output, so the stage that it reads is the last one.
            made[-1] = replace(made[-1], layers=made[-1].layers + layers)
        alias[node.name] = node.name
        shapes[node.name] = made[-1].shape
    return made


def _with_output_shape(made: list[Stage], shape: Shape) -> list[Stage]:
    """The stages, the last one with the network's output shape."""
    last = made[-1]
    if last.shape != shape and INPUT in last.inputs and not isinstance(last, AffineStage):
        # The activation also tells the input's shape, so a stage behind it flattens the image.
        flat = replace(identity(last.shape), out_shape=shape, stride=None)
        name = f"{last.name}:flatten"
        common = (name, (), (last.name,), shape, last.node, last.scale, last.shift, last.max_abs)
        return [*made, AffineStage(*common, flat)]
    return [*made[:-1], replace(last, shape=shape)]


def _stage(
    node: Node, layers: tuple[str, ...], inputs: tuple[str, ...], in_shape: Shape, image: Shape
) -> Stage:
    """The stage of one node. `image` is `in_shape`, the shape that it reads, before flattening."""
    layer = node.layer
    if is_affine(layer):
        affine = affine_from_layer(layer, in_shape)
        stride = affine.stride if in_shape == image else None
        affine = replace(affine, in_shape=image, out_shape=planes(affine.out_shape), stride=stride)
        if isinstance(layer, (BatchNorm, Polynomial)):
            stride = (1, 1) if len(image) == 3 else None
            affine = replace(affine, out_shape=image, stride=stride)
        return AffineStage(*_fields(node.name, layers, inputs, affine.out_shape), affine)
    fields = _fields(node.name, layers, inputs, image)
    if isinstance(layer, Polynomial | Chebyshev):
        coefficients = layer.coefficients
        if layer.per_channel:
            repeats = int(np.prod(in_shape)) // len(coefficients)
            coefficients = coefficients.repeat(repeats, axis=0)
        basis: Basis = "chebyshev" if isinstance(layer, Chebyshev) else "power"
        return PolynomialStage(*fields, coefficients, basis)
    if isinstance(layer, Add):
        return AddStage(*fields)
    if isinstance(layer, Multiply):
        return ProductStage(*fields)
    raise UnsupportedLayerError(
        f"node {node.name!r}: no stage computes {type(layer).__name__}; linear layers, Add, "
        "Multiply, Flatten, Polynomial and Chebyshev are possible"
    )


def _fields(
    name: str, layers: tuple[str, ...], inputs: tuple[str, ...], shape: Shape
) -> tuple[str, tuple[str, ...], tuple[str, ...], Shape, str, FloatArray, FloatArray, FloatArray]:
    """The fields that all stages have, for the node's own value; its bound is not yet known."""
    size = int(np.prod(shape))
    return name, layers, inputs, shape, name, np.ones(size), np.zeros(size), np.full(size, np.inf)


def _merge_affine(made: list[Stage]) -> list[Stage]:
    """The stages, with each affine stage joined to an affine stage that alone reads it."""
    result: list[Stage] = []
    for stage in made:
        if isinstance(stage, AffineStage) and stage.input != INPUT:
            index = next(i for i, other in enumerate(result) if other.name == stage.input)
            before = result[index]
            readers = [other for other in made if stage.input in other.inputs]
            if isinstance(before, AffineStage) and len(readers) == 1:
                affine = before.affine.then(stage.affine)
                separate = before.affine.nonzeros + stage.affine.nonzeros
                if affine.nonzeros <= MERGE_GROWTH * separate:
                    del result[index]
                    stage = replace(
                        stage,
                        layers=before.layers + stage.layers,
                        inputs=before.inputs,
                        affine=affine,
                    )
        result.append(stage)
    return result


def _max_abs(network: Network, made: Sequence[Stage]) -> dict[str, FloatArray]:
    """The bound on every stage's value, and on "input", by name."""
    if network.statistics is None:
        return _interval_max_abs(network, made)
    found = {INPUT: _largest_pixels(network)}
    for stage in made:
        reached = network.statistics[stage.node].max_abs.ravel()
        bound = np.abs(stage.scale) * reached + np.abs(stage.shift)
        if isinstance(stage, SquareStage) and stage.input in found:
            bound = np.minimum(bound, found[stage.input] ** 2)
        found[stage.name] = bound
    return found


def _interval_max_abs(network: Network, made: Sequence[Stage]) -> dict[str, FloatArray]:
    size = int(np.prod(network.input_shape))
    low, high = network.input_range
    intervals: dict[str, Interval] = {INPUT: (np.full(size, low), np.full(size, high))}
    # Bounds that overflow become infinite; the planner refuses them.
    with np.errstate(over="ignore", invalid="ignore"):
        for stage in made:
            intervals[stage.name] = stage.bounds(*(intervals[name] for name in stage.inputs))
    largest = {
        name: np.maximum(np.abs(least), np.abs(greatest))
        for name, (least, greatest) in intervals.items()
    }
    return {name: np.where(np.isnan(bound), np.inf, bound) for name, bound in largest.items()}


def _largest_pixels(network: Network) -> FloatArray:
    return np.full(int(np.prod(network.input_shape)), max(map(abs, network.input_range)))


def _renamed(made: list[Stage]) -> list[Stage]:
    """The stages under the joined names of their layers."""
    names = {INPUT: INPUT} | {stage.name: "+".join(stage.layers) for stage in made}
    for name in names.values():
        if list(names.values()).count(name) > 1:
            raise GraphError(f"two stages would be called {name!r}; rename a layer")
    return [
        replace(stage, name=names[stage.name], inputs=tuple(names[i] for i in stage.inputs))
        for stage in made
    ]

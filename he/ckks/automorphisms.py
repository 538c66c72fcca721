"""Rotations and conjugation: many of one ciphertext with one decomposition (hoisting).

Halevi and Shoup, CRYPTO 2018, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from he import galois
from he.ciphertext import Ciphertext
from he.ckks import operands
from he.errors import ParameterError
from he.memory import large_array
from he.workspace import workspace

if TYPE_CHECKING:
    from he.ckks.evaluator import Evaluator


def automorphisms(
    evaluator: Evaluator, a: Ciphertext, elements: Sequence[int]
) -> list[Ciphertext]:
    """The images of a under x -> x^element, at the same level and scale.

    Their data are views of one block of memory, which lives as long as any of them.
    """
    operands.check_owner(evaluator.params, a)
    operands.check_two_parts(a, "an automorphism")
    switched_elements = [e for e in elements if e != 1]
    keys = [evaluator.keys.for_element(e, a.level) for e in switched_elements]
    switcher = evaluator.switcher(a.level)
    images = iter(switcher.switched(a.data[1], keys) if keys else ())
    # One block for all: memory of large blocks is used again.
    blocks = iter(large_array((len(keys), *a.data.shape)))
    results = []
    for element in elements:
        if element == 1:
            results.append(evaluator.result(a.data, a.scale))
            continue
        pair = switcher.mod_down(next(images), workspace("rotation", a.data.shape))
        switcher.q.add(pair[0], pair[0], a.data[0])
        data = switcher.permute(next(blocks), pair, element)
        results.append(evaluator.result(data, a.scale))
    if evaluator.tracer is not None:
        images_data = [image.data for image in results]
        evaluator.tracer.record(
            "automorphisms", a.level, [a.data], images_data, elements=elements, keys=keys
        )
    return results


def inner_sum(evaluator: Evaluator, a: Ciphertext, count: int, stride: int) -> Ciphertext:
    """result[i] = sum of a[i + j stride] for j < count, count a power of two."""
    steps = inner_sum_steps(count, stride)
    operands.check_owner(evaluator.params, a)
    operands.check_two_parts(a, "an inner sum")
    for step in steps:
        element = galois.element_of_rotation(step, evaluator.params.N)
        if element != 1:
            evaluator.keys.for_element(element, a.level)
    total = a
    for step in steps:
        total = evaluator.add(total, evaluator.rotate(total, step))
    return total


def inner_sum_steps(count: int, stride: int = 1) -> list[int]:
    """The rotations that `inner_sum` uses: stride, 2 stride, 4 stride, .. below count stride."""
    if count < 1 or count & (count - 1):
        raise ParameterError(f"count = {count}: a power of two is needed")
    return [stride << k for k in range(count.bit_length() - 1)]

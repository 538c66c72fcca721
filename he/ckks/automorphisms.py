"""Rotations and conjugation: many of one ciphertext with one decomposition (hoisting)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from he.ckks import operands
from he.ckks.ciphertext import Ciphertext
from he.errors import ParameterError
from he.rlwe import galois

if TYPE_CHECKING:
    from he.ckks.evaluator import Evaluator


def automorphisms(
    evaluator: Evaluator, a: Ciphertext, elements: Sequence[int]
) -> list[Ciphertext]:
    """The images of a under x -> x^element, at the same level and scale.

    Their data may be views of one block of memory (`KeySwitcher.automorphisms`).
    """
    operands.check_owner(evaluator.params, a)
    operands.check_two_parts(a, "an automorphism")
    keys = {e: evaluator.keys.for_element(e, a.level) for e in elements if e != 1}
    images = evaluator.switcher(a.level).automorphisms(a.data, elements, keys)
    if evaluator.tracer is not None:
        used = [keys[e] for e in elements if e != 1]
        evaluator.tracer.record(
            "automorphisms", a.level, [a.data], images, elements=elements, keys=used
        )
    return [evaluator.result(image, a.scale) for image in images]


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

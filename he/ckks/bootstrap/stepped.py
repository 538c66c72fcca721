"""Linear maps by few keys: giant steps by Horner's rule, with one key for all of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.errors import LevelMismatchError
from he.rlwe.operand_checks import check_owner, check_two_parts
from ntt.workspace import workspace


@dataclass(frozen=True, eq=False)
class SteppedTransform:
    """``y = sum_g R^g(sum_b d[g, b] r_b(x))``, the outer sum by Horner's rule.

    With a key for each baby step r_b, all r_b(x) share a decomposition; with one key, they are
    r(r(.. x)) (the minimum key switching of ARK: Kim et al., MICRO 2022, section 4.1).

    babies: the Galois elements of the baby steps but the first, which is 1. giant: that of R.
    chained: whether each baby step is applied to the one before. sums: of each giant step, from 0
    on, the number of its first baby step and its diagonals (baby steps, limbs, N), encoded at
    `level` and rotated by minus the giant step.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giant: int
    chained: bool
    sums: tuple[tuple[int, np.ndarray], ...]

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The map of x, one level lower. Raises `LevelMismatchError` for another level."""
        check_owner(self.params, x, Ciphertext)
        check_two_parts(x, "a linear transform")
        if x.level != self.level:
            raise LevelMismatchError(
                f"the transform is encoded for level {self.level}, the ciphertext is at level "
                f"{x.level}: use drop_to"
            )
        stepwise = evaluator.tracer is not None
        total = (self.by_operations if stepwise else self._by_sums)(evaluator, x)
        return evaluator.rescale(total)

    def by_operations(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The map, not rescaled, operation by operation: what a trace shows."""
        images = [x]
        if self.chained:
            for element in self.babies:
                images.append(evaluator.automorphism(images[-1], element))
        else:
            images = evaluator.automorphisms(x, [1, *self.babies])
        total: Ciphertext | None = None
        for (first, _), diagonals in reversed(list(zip(self.sums, self._plaintexts, strict=True))):
            if total is not None:
                total = evaluator.automorphism(total, self.giant)
            for image, diagonal in zip(images[first:], diagonals, strict=False):
                term = evaluator.multiply_plain(image, diagonal, rescale=False)
                total = term if total is None else evaluator.add(total, term)
        assert total is not None
        return total

    def _by_sums(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The same bits: each sum at once, so that a product goes through no memory."""
        switcher = evaluator.switcher(self.level)
        shape = x.data.shape
        images = workspace("stepped images", (len(self.babies) + 1, *shape))
        np.copyto(images[0], x.data)
        keys = [evaluator.keys.for_element(e, self.level) for e in self.babies]
        if self.chained:
            for place, key in enumerate(keys):
                switcher.fill_images(images[place], [key], images[place + 1 : place + 2])
        elif keys:
            switcher.fill_images(images[0], keys, images[1:])
        rows = np.arange(shape[1])
        total = workspace("stepped sum", shape)
        turned = workspace("stepped and turned", (1, *shape))
        for place, (first, diagonals) in enumerate(reversed(self.sums)):
            if place:
                key = evaluator.keys.for_element(self.giant, self.level)
                switcher.fill_images(total, [key], turned)
            switcher.q.gadget_product(total, diagonals, images[first:], rows)
            if place:
                switcher.q.add(total, total, turned[0])
        scale = x.scale * self.params.scales[self.level]
        return evaluator.result(total, scale, self.level)

    @functools.cached_property
    def _plaintexts(self) -> list[list[Plaintext]]:
        scale = self.params.scales[self.level]
        return [
            [
                Plaintext.unchecked(
                    params=self.params, data=diagonal, scale=scale, level=self.level
                )
                for diagonal in diagonals
            ]
            for _, diagonals in self.sums
        ]

"""Hybrid key switching (Han and Ki, CT-RSA 2020): decompose once, multiply by many keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from he.rlwe import galois
from he.rlwe.division import Division
from he.rlwe.keys import KeySwitchingKey
from he.rlwe.limb_blocks import even_blocks, fewest_blocks
from he.rlwe.rns import Decomposition, RNSContext
from ntt import threads
from ntt.hoisting import VECTOR, KeyOperands
from ntt.memory import large_array
from ntt.workspace import workspace

# The most that hoisted results may take at once.
_ACCUMULATOR_BYTES = 192 << 20
# Digits that are made as a whole and read by every key: from a last-level cache, or from memory,
# which costs what writing and reading the products with a key would.
_WHOLE_DIGIT_BYTES = 192 << 20
# Sets of keys whose addresses and moves are remembered, 72 KB for sixteen keys of N = 2^13.
_KNOWN_OPERANDS = 64


class KeySwitcher:
    """The steps of key switching at one level. Inputs and outputs are in the transformed domain."""

    centred_digits = True
    """Whether digits are centred (see `he.rlwe.rns.Decomposition`)."""

    def __init__(self, context: RNSContext, level: int) -> None:
        self.context = context
        self.level = level
        self.q = context.q(level)
        self.qp = context.qp(level)
        self.limbs_q = len(self.q.moduli)
        self.limbs_qp = len(self.qp.moduli)
        self._known_operands: dict[tuple[KeySwitchingKey, ...], KeyOperands] = {}

    @property
    def decomposition(self) -> Decomposition:
        """The digits' decomposition at this level."""
        return self.context.decomposition(self.level, self.centred_digits)

    def decompose(self, c: np.ndarray) -> np.ndarray:
        """The digits (dnum, limbs_QP, N) of c (limbs_Q, N), in scratch memory."""
        return self._digits(c, self.decomposition)

    def _digits(self, c: np.ndarray, decomposition: Decomposition) -> np.ndarray:
        out = workspace("digits", (len(decomposition), self.limbs_qp, c.shape[-1]))
        return decomposition(c, out)

    def switched(
        self, c: np.ndarray, keys: Sequence[KeySwitchingKey]
    ) -> Iterator[np.ndarray]:
        """The gadget product of c's digits with each key in turn: (2, limbs_QP, N), in scratch
        memory that the next one overwrites.

        Digits that are too many for the cache are made, and met by every key, a few limbs at a
        time, so that only the keys come from memory.
        """
        shape = (2, self.limbs_qp, c.shape[-1])
        blocks = self._blocks()
        if len(blocks) == 1:
            digits = self.decompose(c)
            for key in keys:
                yield self.gadget_product(digits, key, workspace("switched", shape))
            return
        together = max(1, _ACCUMULATOR_BYTES // (8 * math.prod(shape)))
        for start in range(0, len(keys), together):
            chosen = keys[start : start + together]
            accumulators = workspace("switched by many", (len(chosen), *shape))
            self._switch_blocks(c, chosen, accumulators, blocks)
            yield from accumulators

    def _switch_blocks(
        self,
        c: np.ndarray,
        keys: Sequence[KeySwitchingKey],
        accumulators: np.ndarray,
        blocks: Sequence[range],
    ) -> None:
        decomposition = self.decomposition
        terms = decomposition.terms(c)
        rows = self.context.qp_rows(self.level)
        key_rows = [key.rows(self.level) for key in keys]
        N = c.shape[-1]

        def work(first: int, last: int) -> None:
            for block in blocks[first:last]:
                lo, hi = block.start, block.stop
                digits = workspace("digits", (len(decomposition), hi - lo, N))
                decomposition.fill(digits, c, terms, lo, hi)
                ops = self.context.limbs(rows[lo:hi])
                for key, of_key, accumulator in zip(keys, key_rows, accumulators, strict=True):
                    ops.gadget_product(accumulator[:, lo:hi], digits, key.data, of_key[lo:hi])

        threads.split(len(blocks), work)

    def _blocks(self) -> list[range]:
        """QP's limbs in blocks whose digits fit the cache, and one a thread where they do not."""
        limb_bytes = 8 * len(self.decomposition) * self.context.params.N
        count = fewest_blocks(self.limbs_qp, limb_bytes)
        if count > 1:
            count = -(-count // threads.get_threads()) * threads.get_threads()
        return even_blocks(self.limbs_qp, count)

    def gadget_product(
        self, digits: np.ndarray, key: KeySwitchingKey, out: np.ndarray
    ) -> np.ndarray:
        """out (2, limbs_QP, N) = sum_j digits[j] key[j]: P times the switched pair."""
        return self.qp.gadget_product(out, digits, key.data, key.rows(self.level))

    def add_special_multiple(self, accumulator: np.ndarray, c: np.ndarray) -> None:
        """accumulator (limbs_QP, N) += P c for c (limbs_Q, N); P is 0 modulo its own primes."""
        scaled = workspace("special multiple", c.shape)
        self.q.multiply_scalar(scaled, c, self.context.special_factor(self.level))
        self.q.add(accumulator[: self.limbs_q], accumulator[: self.limbs_q], scaled)

    def mod_down(self, pair: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """round(pair / P): (2, limbs_QP, N) -> out (2, limbs_Q, N), default new."""
        return self._divide(pair, self.context.mod_down(self.level), self.limbs_q, out)

    def mod_down_part(self, x: np.ndarray) -> np.ndarray:
        """round(x / P) of one part: (limbs_QP, N) -> (limbs_Q, N) in scratch."""
        out = workspace("mod down part", (self.limbs_q, x.shape[-1]))
        return self.context.mod_down(self.level)(x, out)

    def mod_down_rescale(self, pair: np.ndarray) -> np.ndarray:
        """(2, limbs_QP, N) -> a new (2, limbs, N) one level below: divided by P, and rescaled."""
        division = self.context.mod_down_rescale(self.level)
        return self._divide(pair, division, division.limbs)

    def images(
        self, pair: np.ndarray, elements: Sequence[int], keys: Mapping[int, KeySwitchingKey]
    ) -> list[np.ndarray]:
        """The images of pair (2, limbs_Q, N) under x -> x^element, with one decomposition: hoisting
        (Halevi and Shoup, CRYPTO 2018, section 5).

        keys: by element, but for 1, whose image is the pair itself. The others are views of one
        block of memory, which lives as long as any of them.
        """
        chosen = [keys[e] for e in elements if e != 1]
        results = large_array((len(chosen), *pair.shape))
        if chosen:
            self.fill_images(pair, chosen, results)
        images = iter(results)
        return [pair if e == 1 else next(images) for e in elements]

    def fill_images(
        self, pair: np.ndarray, keys: Sequence[KeySwitchingKey], out: np.ndarray
    ) -> None:
        """out (keys, 2, limbs_Q, N), not the pair = its images under the elements of the keys."""
        whole = self._fuses(len(keys), pair.shape[-1])
        (self._switch_whole if whole else self._switch_stepwise)(pair, keys, out)

    def _fuses(self, keys: int, N: int) -> bool:
        """Whether the digits may be made as a whole and the parts keep all threads busy."""
        digit_bytes = 8 * len(self.decomposition) * self.limbs_qp * N
        is_busy = 2 * keys >= threads.free_threads()
        return digit_bytes <= _WHOLE_DIGIT_BYTES and N >= VECTOR and is_busy

    def _switch_whole(
        self, pair: np.ndarray, keys: Sequence[KeySwitchingKey], out: np.ndarray
    ) -> None:
        """out (keys, 2, limbs_Q, N) = the images under the elements of keys, one by one."""
        radix = self.qp.product_radix
        scaled = self.context.scaled_decomposition(self.level, self.centred_digits, radix)
        digits = self._digits(pair[1], scaled)
        operands = self._operands(keys, pair.shape[-1])
        division = self.context.mod_down(self.level).constants
        memory = workspace("quotients", (threads.free_threads(), self.qp.quotient_words))
        self.qp.hoisted_quotients(
            out, digits, pair[0], operands, division, memory, slice(0, 2 * len(keys))
        )

    def _operands(self, keys: Sequence[KeySwitchingKey], N: int) -> KeyOperands:
        """The keys as the kernels take them, remembered: a network uses few sets, and often."""
        together = tuple(keys)
        operands = self._known_operands.get(together)
        if operands is None:
            rows = {key.level: key.rows(self.level) for key in keys}
            operands = KeyOperands.of(
                [key.data for key in keys],
                [rows[key.level] for key in keys],
                [galois.vector_moves(key.element, N) for key in keys],
            )
            if len(self._known_operands) >= _KNOWN_OPERANDS:
                self._known_operands.clear()
            self._known_operands[together] = operands
        return operands

    def _switch_stepwise(
        self, pair: np.ndarray, keys: Sequence[KeySwitchingKey], out: np.ndarray
    ) -> None:
        """The same bits step by step, each step on all threads."""
        division = self.context.mod_down(self.level)
        switched = self.switched(pair[1], keys)
        for key, product, target in zip(keys, switched, out, strict=True):
            moves = galois.vector_moves(key.element, pair.shape[-1])
            division.parts(product, target, pair[0], moves)

    def permute(self, out: np.ndarray, x: np.ndarray, element: int) -> np.ndarray:
        """out = the automorphism of x (.., limbs, N); out is not x."""
        return self.qp.permute(out, x, galois.permutation(element, x.shape[-1]))

    def permute_add(self, accumulator: np.ndarray, x: np.ndarray, element: int) -> None:
        """accumulator (.., limbs_QP, N) += the automorphism of x."""
        self.qp.permute_add(accumulator, x, galois.permutation(element, x.shape[-1]))

    @staticmethod
    def _divide(
        pair: np.ndarray, division: Division, limbs: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        if out is None:
            out = large_array((2, limbs, pair.shape[-1]))
        return division.parts(pair, out)

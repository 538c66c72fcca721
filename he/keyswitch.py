"""Hybrid key switching (Han and Ki, CT-RSA 2020): decompose once, multiply by many keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from he import galois, rns_kernels
from he.keys import KeySwitchingKey
from he.rns import Division, RNSContext
from he.workspace import workspace
from ntt import threads


class KeySwitcher:
    """The steps of key switching at one level. Inputs and outputs are in the transformed domain."""

    def __init__(self, context: RNSContext, level: int) -> None:
        self.context = context
        self.level = level
        self.q = context.q(level)
        self.qp = context.qp(level)
        self.limbs_q = level + 1
        self.limbs_qp = len(self.qp.moduli)
        self._moduli = np.array(self.qp.moduli, dtype=np.uint64)

    def decompose(self, c: np.ndarray) -> np.ndarray:
        """The digits (dnum, limbs_QP, N) of c (limbs_Q, N), in scratch memory."""
        decomposition = self.context.decomposition(self.level)
        out = workspace("digits", (len(decomposition), self.limbs_qp, c.shape[-1]))
        return decomposition(c, out)

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

    def special_multiple(self, pair: np.ndarray, out: np.ndarray) -> np.ndarray:
        """out (2, limbs_QP, N) = P pair for pair (2, limbs_Q, N)."""
        for part in range(2):
            self.q.multiply_scalar(
                out[part, : self.limbs_q], pair[part], self.context.special_factor(self.level)
            )
            out[part, self.limbs_q :] = 0
        return out

    def mod_down(self, pair: np.ndarray) -> np.ndarray:
        """round(pair / P): (2, limbs_QP, N) -> a new (2, limbs_Q, N); the input is spent."""
        return self._divide(pair, self.context.mod_down(self.level), self.limbs_q)

    def mod_down_part(self, x: np.ndarray) -> np.ndarray:
        """round(x / P) of one part: (limbs_QP, N) -> (limbs_Q, N) in scratch; x is spent."""
        out = workspace("mod down part", (self.limbs_q, x.shape[-1]))
        return self.context.mod_down(self.level)(x, out)

    def mod_down_rescale(self, pair: np.ndarray) -> np.ndarray:
        """round(pair / (P q_level)): (2, limbs_QP, N) -> a new (2, limbs_Q - 1, N); input spent."""
        return self._divide(pair, self.context.mod_down_rescale(self.level), self.limbs_q - 1)

    def permute(self, out: np.ndarray, x: np.ndarray, element: int) -> np.ndarray:
        """out = the automorphism of x (.., limbs, N); out is not x."""
        N = x.shape[-1]
        table = galois.permutation(element, N)
        flat_out, flat_x = out.reshape(-1, N), x.reshape(-1, N)
        _split(len(flat_x), N, lambda lo, hi: rns_kernels.permute(flat_out, flat_x, table, lo, hi))
        return out

    def permute_add(self, accumulator: np.ndarray, x: np.ndarray, element: int) -> None:
        """accumulator (.., limbs_QP, N) += the automorphism of x."""
        N = x.shape[-1]
        table = galois.permutation(element, N)
        target, source = accumulator.reshape(-1, N), x.reshape(-1, N)
        _split(
            len(source),
            N,
            lambda lo, hi: rns_kernels.permute_add(target, source, table, self._moduli, lo, hi),
        )

    @staticmethod
    def _divide(pair: np.ndarray, division: Division, limbs: int) -> np.ndarray:
        out = np.empty((2, limbs, pair.shape[-1]), dtype=np.uint64)
        for part in range(2):
            division(pair[part], out[part])
        return out


def _split(rows: int, N: int, work: Callable[[int, int], object]) -> None:
    """Over the threads in force, unless the work is over before a second one would start."""
    threads.split(rows, work, None if rows * N >= 1 << 17 else 1)

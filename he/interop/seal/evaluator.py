"""Evaluation in SEAL's own order of steps: the same residues as SEAL, limb for limb.

These evaluators check one library against the other. They differ from their parents where SEAL
does: digits are not centred, and an automorphism comes before the decomposition of its result, not
after the key switching, so that nothing is hoisted. Within the noise, results decrypt to the same
values. The parameter sets have one special prime and digits of one limb, as the converters make
them.
"""

from __future__ import annotations

import math

import numpy as np

from he import bfv
from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from he.ckks.operands import check_level_left
from he.ckks.params import CKKSParameters
from he.interop.seal.keyswitch import SEALKeySwitcher
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.operand_checks import check_owner
from he.validation import whole_number
from ntt.memory import large_copy


class SEALEvaluator(Evaluator):
    """The CKKS `Evaluator` in SEAL's order.

    Relinearization and rescaling, too, are two divisions, by P and then by q_level. There is no
    tracer, because a trace stands for the order of `he.Evaluator`.
    """

    def __init__(self, params: CKKSParameters, keys: EvaluationKeys | None = None) -> None:
        super().__init__(params, keys)

    def switcher(self, level: int) -> SEALKeySwitcher:
        """The key-switching steps at `level`."""
        level = whole_number(level, "level", 0, self.params.max_level)
        return SEALKeySwitcher(self.context, level)

    def relinearize_rescale(self, a: Ciphertext) -> Ciphertext:
        """`relinearize`, then `rescale`."""
        check_owner(self.params, a, Ciphertext)
        check_level_left(a)
        return self.rescale(self.relinearize(a))


class SEALBFVEvaluator(bfv.Evaluator):
    """The BFV `Evaluator` in SEAL's order, and with SEAL's rounding of an added plaintext.

    Products of ciphertexts remain ours (SEAL's are those of Bajard, Eynard, Hasan, Zucca, SAC
    2016): they decrypt to the same messages, with other noise.
    """

    def switcher(self, level: int) -> SEALKeySwitcher:
        """The key-switching steps at `level`."""
        level = whole_number(level, "level", 0, self.params.max_level)
        return SEALKeySwitcher(self.context, level)

    def _sum_plain(
        self, a: bfv.Ciphertext, b: bfv.Plaintext, *, subtract: bool
    ) -> bfv.Ciphertext:
        noise = super()._sum_plain(a, b, subtract=subtract).noise
        ops, data = self._q(a), large_copy(a.data)
        scaled = ops.forward(_scaled(b.data, ops.moduli, self.params.t))
        (ops.subtract if subtract else ops.add)(data[0], data[0], scaled)
        return self.result(data, noise)


def _scaled(m: np.ndarray, moduli: tuple[int, ...], t: int) -> np.ndarray:
    """(limbs, N) of floor(Q / t) m + floor(((Q mod t) m + floor((t + 1) / 2)) / t).

    For an odd t it rounds a remainder of (t - 1) / 2, just below one half, up; Q m / t rounded to
    the nearest, as we do it elsewhere, rounds it down. (SEAL, util/scalingvariant.cpp.)
    """
    Q = math.prod(moduli)
    wide = m.astype(object)
    scaled = Q // t * wide + (Q % t * wide + (t + 1) // 2) // t
    return np.array([scaled % q for q in moduli], dtype=np.uint64)

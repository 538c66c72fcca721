"""Evaluation in SEAL's own order of steps: the same residues as SEAL, limb for limb.

For checking one library against the other. Both evaluators differ from their parents where SEAL
does: digits are not centred, and an automorphism comes before the decomposition of its result
instead of after the key switching, so that nothing is hoisted. Results decrypt to the same within
the noise. The parameter sets have one special prime and digits of one limb, as the converters'.
"""

from __future__ import annotations

from collections.abc import Sequence

from he import bfv
from he.bfv import operands as bfv_operands
from he.ciphertext import Ciphertext
from he.ckks import operands as ckks_operands
from he.ckks.evaluator import Evaluator
from he.interop.seal.keyswitch import SEALKeySwitcher


class SEALEvaluator(Evaluator):
    """The CKKS `Evaluator` in SEAL's order: also relinearization and rescaling are two divisions,
    by P and by q_level, one after the other.
    """

    def switcher(self, level: int) -> SEALKeySwitcher:
        """The key-switching steps at `level`."""
        return SEALKeySwitcher(self.context, level)

    def relinearize_rescale(self, a: Ciphertext) -> Ciphertext:
        """`relinearize`, then `rescale`."""
        ckks_operands.check_level_left(a)
        return self.rescale(self.relinearize(a))

    def automorphisms(self, a: Ciphertext, elements: Sequence[int]) -> list[Ciphertext]:
        """Many automorphisms of one ciphertext."""
        ckks_operands.check_owner(self.params, a)
        ckks_operands.check_two_parts(a, "an automorphism")
        keys = {e: self.keys.for_element(e, a.level) for e in elements if e != 1}
        switcher = self.switcher(a.level)
        return [
            self.result(a.data if e == 1 else switcher.automorphism(a.data, keys[e]), a.scale)
            for e in elements
        ]


class SEALBFVEvaluator(bfv.Evaluator):
    """The BFV `Evaluator` in SEAL's order.

    Products of ciphertexts are ours all the same (SEAL's are those of Bajard, Eynard, Hasan,
    Zucca, SAC 2016): they decrypt to the same with other noise.
    """

    def switcher(self, level: int) -> SEALKeySwitcher:
        """The key-switching steps at `level`."""
        return SEALKeySwitcher(self.context, level)

    def automorphisms(self, a: bfv.Ciphertext, elements: Sequence[int]) -> list[bfv.Ciphertext]:
        """Many automorphisms of one ciphertext."""
        bfv_operands.check_owner(self.params, a)
        bfv_operands.check_two_parts(a, "an automorphism")
        keys = {e: self.keys.for_element(e, a.level) for e in elements if e != 1}
        noise = self._allowed(self.model.key_switch(a.noise, a.level), "the rotation")
        switcher = self.switcher(a.level)
        return [
            a.copy() if e == 1 else self.result(switcher.automorphism(a.data, keys[e]), noise)
            for e in elements
        ]

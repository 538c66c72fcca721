"""CKKS evaluation in SEAL's own order of steps: the same residues as SEAL, limb for limb."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from he.ciphertext import Ciphertext
from he.ckks import operands
from he.ckks.evaluator import Evaluator
from he.keyswitch import KeySwitcher
from he.workspace import workspace


class SEALKeySwitcher(KeySwitcher):
    """Key switching whose digits are SEAL's: integers in [0, q_j), not centred ones."""

    def decompose(self, c: np.ndarray) -> np.ndarray:
        """The digits (dnum, limbs_QP, N) of c (limbs_Q, N), in scratch memory."""
        decomposition = self.context.decomposition(self.level, centred=False)
        out = workspace("digits", (len(decomposition), self.limbs_qp, c.shape[-1]))
        return decomposition(c, out)


class SEALEvaluator(Evaluator):
    """An `Evaluator` that agrees with SEAL bit for bit, for checking one against the other.

    It differs from its parent where SEAL does: digits are not centred, an automorphism comes before
    the decomposition of its result instead of after the key switching (so that nothing is hoisted),
    and relinearization and rescaling divide by P and q_level one after the other. Results decrypt
    to the same within the noise. The parameter set has one special prime and digits of one limb,
    as those of `CKKSConverter` do.
    """

    def switcher(self, level: int) -> KeySwitcher:
        """The key-switching steps at `level`."""
        if level not in self._switchers:
            self._switchers[level] = SEALKeySwitcher(self.context, level)
        return self._switchers[level]

    def relinearize_rescale(self, a: Ciphertext) -> Ciphertext:
        """`relinearize`, then `rescale`."""
        operands.check_level_left(a)
        return self.rescale(self.relinearize(a))

    def automorphisms(self, a: Ciphertext, elements: Sequence[int]) -> list[Ciphertext]:
        """Many automorphisms of one ciphertext."""
        operands.check_owner(self.params, a)
        operands.check_two_parts(a, "an automorphism")
        for element in elements:
            if element != 1:
                self.keys.for_element(element, a.level)
        return [a if element == 1 else self._automorphism(a, element) for element in elements]

    def _automorphism(self, a: Ciphertext, element: int) -> Ciphertext:
        """SEAL: c0' + round(sum digits(c1') key' / P), ' being the automorphism g.

        Our key is the preimage of SEAL's under g, so the digits go back through g before the
        product and the result through g after it. The division commutes with g: P is odd, so that
        rounding to the nearest has no ties and -round(x) = round(-x).
        """
        N = self.params.N
        switcher = self.switcher(a.level)
        image = switcher.permute(workspace("image", a.data[1].shape), a.data[1], element)
        digits = switcher.decompose(image)
        back = pow(element, -1, 2 * N)
        preimages = switcher.permute(workspace("digit preimages", digits.shape), digits, back)
        accumulator = workspace("switched", (2, switcher.limbs_qp, N))
        switcher.gadget_product(preimages, self.keys.for_element(element, a.level), accumulator)
        pair = switcher.mod_down(accumulator)
        switcher.q.add(pair[0], pair[0], a.data[0])
        return self.result(switcher.permute(np.empty_like(pair), pair, element), a.scale)


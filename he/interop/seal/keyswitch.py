"""Key switching in SEAL's own order of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from he.rlwe.keys import KeySwitchingKey
from he.rlwe.keyswitch import KeySwitcher
from ntt.memory import large_array
from ntt.workspace import workspace


class SEALKeySwitcher(KeySwitcher):
    """Key switching whose digits are SEAL's: integers in [0, q_j), not centred ones."""

    centred_digits = False

    def images(
        self, pair: np.ndarray, elements: Sequence[int], keys: Mapping[int, KeySwitchingKey]
    ) -> list[np.ndarray]:
        """As `KeySwitcher.images`, but the automorphism comes before the decomposition."""
        return [pair if e == 1 else self.image(pair, keys[e]) for e in elements]

    def image(self, pair: np.ndarray, key: KeySwitchingKey) -> np.ndarray:
        """A new (2, limbs_Q, N): c0' + round(sum digits(c1') key' / P), ' being the automorphism g.

        Our key is the preimage of SEAL's under g, so the digits go back through g before the
        product and the result through g after it. The division commutes with g: P is odd, so that
        rounding to the nearest has no ties and -round(x) = round(-x).
        """
        N = pair.shape[-1]
        image = self.permute(workspace("image", pair[1].shape), pair[1], key.element)
        digits = self.decompose(image)
        back = pow(key.element, -1, 2 * N)
        preimages = self.permute(workspace("digit preimages", digits.shape), digits, back)
        accumulator = workspace("switched", (2, self.limbs_qp, N))
        switched = self.mod_down(self.gadget_product(preimages, key, accumulator))
        self.q.add(switched[0], switched[0], pair[0])
        return self.permute(large_array(switched.shape), switched, key.element)

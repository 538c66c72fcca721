"""The result of one encrypted run, which the tables and the picture of `demo` show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from he.ckks.noise import precision_bits
from nn.cli.data import LabelledImages
from nn.inference.roles import StageTime
from nn.network.layers import FloatArray
from nn.packed.plan import InferencePlan

SHALLOW_STAGES = 12
"""Up to so many stages each gets a bar in the picture; more are drawn as a way through the levels.
"""


@dataclass(frozen=True, eq=False)
class Demonstration:
    """The result of one encrypted run of n images.

    encrypted, cleartext: logits (n, classes). profile: the server's seconds for all n images.
    residues: (n, N), the first row of each encrypted image, as the server sees it.
    """

    names: tuple[str, ...]
    data: LabelledImages
    plan: InferencePlan
    encrypted: FloatArray
    cleartext: FloatArray
    profile: tuple[StageTime, ...]
    residues: NDArray[np.uint64]
    sent_bytes: int
    answer_bytes: int
    key_bytes: int

    @property
    def bits(self) -> list[float]:
        """The precision of each image's logits, in bits of the plan's largest logit."""
        errors = np.abs(self.encrypted - self.cleartext).max(axis=1)
        return [precision_bits(float(e), self.plan.largest_logit) for e in errors]

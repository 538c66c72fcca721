"""What `secret_holder` and `test_wiping` agree on."""

from __future__ import annotations

from he import CKKSParameters

ELEMENT = 3
VALUES = [1.5, -2.25, 0.125]


def parameters(N: int) -> CKKSParameters:
    """Several limbs and digits, so that every step has work."""
    return CKKSParameters.build(4, N=N, scale_bits=36, dnum=2, insecure_reason="unit test")

"""Every difference between our counts and SimFHE's is explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_model.validation.count_differences import OPERATIONS, total
from accel_model.validation.simfhe import Shape

shapes = st.builds(
    lambda limbs, dnum: Shape(64, limbs, min(dnum, limbs)), st.integers(2, 14), st.integers(1, 14)
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@given(shape=shapes)
def test_differences__account_for_every_transform_product_and_sum(operation, shape):
    ours, theirs = operation.ours(shape), operation.simfhe(shape)
    assert ours - theirs == total(operation.differences(shape))


def test_differences__ragged_digits_are_named():
    rotate = OPERATIONS[2]
    reasons = [d.reason for d in rotate.differences(Shape(64, 7, 3))]
    assert any("last digit has fewer limbs" in reason for reason in reasons)
    assert not any("last digit" in d.reason for d in rotate.differences(Shape(64, 6, 3)))

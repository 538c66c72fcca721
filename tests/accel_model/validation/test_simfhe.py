"""SimFHE's formulas."""

from __future__ import annotations

from accel_model.validation.simfhe import Work, simfhe_operations


def test_simfhe__a_transform_costs_what_poly_py_says():
    # N = 8: 12 products and 24 sums of butterflies, 12 products for twiddle factors.
    assert simfhe_operations(Work(transforms=1), 8) == 12 + 24 + 12
    assert simfhe_operations(Work(0, 2, 3), 8) == 5 * 8

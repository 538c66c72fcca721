"""Operation counts beside SimFHE's: its own run, and a reason for every difference."""

from __future__ import annotations

from accel_model.validation.count_differences import OPERATIONS
from accel_model.validation.operation_counts import count_lines, explained, simfhe_run


def test_simfhe__its_formulas_count_what_a_run_of_it_counted():
    checks = simfhe_run()
    assert [check.subject.rpartition(": ")[2] for check in checks] == [
        "multiply, Gop", "rotate, Gop",
    ]  # fmt: skip
    assert all(check.holds for check in checks)


def test_table__holds_and_names_a_reason_for_every_difference():
    assert all(check.holds for check in explained())
    lines = list(count_lines())
    assert sum(" ours " in line for line in lines) == 2 * len(OPERATIONS)
    assert all(len(line.split()) > 6 for line in lines)

"""docs/security.md names tests that exist, and bounds that are enforced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from he.rlwe.security import max_log_qp
from tools.security_estimate import BOUNDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
ESTIMATES = re.findall(rf"^\| (\d+) \| (\d+) \| (\d+) {3 * '[|] [0-9.]+ '}\|$", PAGE, re.M)


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_security__names_tests_that_exist(path: str, name: str) -> None:
    assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


def test_security__estimates_every_bound_of_the_table() -> None:
    cells = {(int(level), int(N)): int(bound) for level, N, bound in ESTIMATES}
    assert cells == {(level, N): bound for level in BOUNDS for N, bound in BOUNDS[level].items()}
    assert all(bound == max_log_qp(N, level) for (level, N), bound in cells.items())

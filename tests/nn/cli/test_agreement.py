"""The counts by which `accuracy` judges."""

from __future__ import annotations

import numpy as np
import pytest

from nn.cli.agreement import compare

BOUND = np.array([0.1, 0.1, 0.1])
LABELS = np.zeros(1, dtype=np.int64)


def logits(*rows: list[float]) -> np.ndarray:
    return np.array(rows)


def test_compare__equal_logits_miss_nothing() -> None:
    cleartext = logits([1.0, 0.0, -1.0], [0.0, 0.05, 0.0])
    found = compare(cleartext, cleartext, BOUND, np.array([0, 2]))
    assert (found.images, found.logits, found.misses) == (2, 6, 0)
    assert (found.decided, found.close) == (1, 0)
    assert (found.right_encrypted, found.right_cleartext) == (1, 1)
    assert found.largest_error == found.largest_ratio == 0


def test_compare__each_class_has_its_own_bound() -> None:
    cleartext = logits([1.0, 0.0, -1.0])
    encrypted = logits([1.0, 0.05, -1.05])
    bound = np.array([0.2, 0.1, 0.01])
    found = compare(encrypted, cleartext, bound, LABELS)
    assert found.outside == found.misses == 1
    assert found.largest_ratio == pytest.approx(5)
    assert found.largest_error == pytest.approx(0.05)


def test_compare__an_error_at_the_bound_is_within() -> None:
    found = compare(logits([0.5, 0.0, 0.0]), logits([0.0, 0.0, 0.0]), np.full(3, 0.5), LABELS)
    assert found.outside == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_compare__nan_and_infinity_are_outside(value: float) -> None:
    found = compare(logits([value, 0.0, 0.0]), logits([0.0, 0.0, 0.0]), BOUND, LABELS)
    assert found.outside == 1


@pytest.mark.parametrize(
    ("margin", "decided", "close"), [(0.05, 0, 0), (0.15, 0, 1), (0.25, 1, 0), (5.0, 1, 0)]
)
def test_compare__changed_classes_count_above_the_bound(
    margin: float, decided: int, close: int
) -> None:
    cleartext, encrypted = logits([margin, 0.0, -9.0]), logits([0.0, margin, -9.0])
    found = compare(encrypted, cleartext, np.full(3, 0.1), LABELS)
    assert (found.decided, found.decided_changed) == (decided, decided)
    assert (found.close, found.close_changed) == (close, close)
    assert found.misses == found.outside + decided + close


def test_compare__errors_within_the_bound_cannot_change_a_decided_class() -> None:
    """The derivation itself: two logits move by at most e each, so margins above 2 e stand."""
    rng = np.random.default_rng(3)
    cleartext = rng.normal(size=(5000, 3)) / 4
    encrypted = cleartext + rng.uniform(-1, 1, cleartext.shape) * BOUND
    found = compare(encrypted, cleartext, BOUND, np.zeros(5000, dtype=np.int64))
    assert found.outside == found.decided_changed == 0
    assert found.close_changed > 0


def test_compare__one_class_is_always_decided() -> None:
    found = compare(logits([0.05], [1.0]), logits([0.0], [1.0]), np.array([0.1]), np.zeros(2, int))
    assert (found.decided, found.misses) == (2, 0)

"""What the evaluator refuses, with which named error, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from he.errors import (
    EncodingError,
    LevelExhaustedError,
    LevelMismatchError,
    MissingGaloisKeyError,
    MissingRelinearizationKeyError,
    NoEvaluatorError,
    ParameterError,
    ParametersMismatchError,
    ScaleMismatchError,
)
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds


@pytest.fixture
def a(small) -> Ciphertext:
    return small.encrypt(small.random(1)).ct


def test_sum_of_different_scales__is_refused(small, a) -> None:
    ev = small.evaluator
    unrescaled = ev.tensor(a, a)
    for operation in (ev.add, ev.subtract):
        with pytest.raises(ScaleMismatchError, match="rescale the product, or use drop_to"):
            operation(a, unrescaled)
    with pytest.raises(ScaleMismatchError):
        ev.add(a, small.encoder.encode(1.0, scale=2.0**20))
    with pytest.raises(ScaleMismatchError, match="canonical"):
        ev.multiply_scalar(unrescaled, 2.5)
    with pytest.raises(ScaleMismatchError, match="canonical"):
        ev.multiply(unrescaled, small.random(2))
    with pytest.raises(ScaleMismatchError, match="rescale the product first"):
        ev.drop_to(unrescaled, 0)
    with pytest.raises(ScaleMismatchError):
        ev.add(unrescaled, ev.drop_to(a, 1))


def test_plaintext_of_another_level__is_refused(small, a) -> None:
    plain = small.encoder.encode(1.0, level=1)
    for operation in (small.evaluator.add, small.evaluator.multiply, small.evaluator.subtract):
        with pytest.raises(LevelMismatchError, match=r"levels 4 and 1 differ.*level 4"):
            operation(a, plain)


def test_tensor__needs_one_level_and_two_parts(small, a) -> None:
    ev = small.evaluator
    with pytest.raises(LevelMismatchError):
        ev.tensor(a, ev.drop_to(a, 1))
    three = ev.tensor(a, a)
    with pytest.raises(ParameterError, match="2 parts, not 3: relinearize"):
        ev.tensor(three, three)
    with pytest.raises(ParameterError, match="2 parts, not 3: relinearize"):
        ev.rotate(three, 1)
    with pytest.raises(ParameterError, match="2 parts, not 3: relinearize"):
        ev.inner_sum(three, 4)


def test_exhausted_levels__are_refused(small, a) -> None:
    ev = small.evaluator
    bottom = ev.drop_to(a, 0)
    for operation in (
        lambda: ev.multiply(bottom, bottom),
        lambda: ev.multiply(a, bottom),
        lambda: ev.square(bottom),
        lambda: ev.rescale(bottom),
        lambda: ev.multiply(bottom, 2.0),
        lambda: ev.multiply(bottom, small.random(1)),
        lambda: bottom**3,
    ):
        with pytest.raises(LevelExhaustedError, match="larger depth"):
            operation()
    small.evaluator.add(bottom, bottom)


@pytest.mark.parametrize("level", [-1, 5])
def test_drop__to_a_level_that_is_not_there(small, a, level: int) -> None:
    with pytest.raises(LevelMismatchError, match="level"):
        small.evaluator.drop_to(a, level)
    with pytest.raises(LevelMismatchError, match="level"):
        small.evaluator.drop_limbs(a, level)


def test_missing_keys__are_named_with_what_makes_them(small, a) -> None:
    bare = Evaluator(small.params)
    with pytest.raises(MissingRelinearizationKeyError, match=r"KeyNeeds\(relinearization=4\)"):
        bare.multiply(a, a)
    with pytest.raises(MissingGaloisKeyError, match=r"element 3 .*it is missing.*KeyNeeds"):
        bare.rotate(a, 1)
    with pytest.raises(MissingGaloisKeyError, match="element 511"):
        bare.conjugate(a)
    with pytest.raises(MissingGaloisKeyError):
        bare.inner_sum(a, 4)
    low = small.generator.evaluation_keys(small.secret, KeyNeeds(2, {3: 1}))
    with pytest.raises(MissingRelinearizationKeyError, match="serves level 2"):
        Evaluator(small.params, low).square(a)
    with pytest.raises(MissingGaloisKeyError, match="serves level 1"):
        Evaluator(small.params, low).rotate(a, 1)
    # The identity and sums need none.
    assert (bare.rotate(a, 0).data == a.data).all()
    bare.add(a, a)


def test_foreign_objects__are_refused(schemes, small, a) -> None:
    other = schemes("two digits")
    foreign = other.encrypt(other.random(1)).ct
    ev = small.evaluator
    for operation in (
        lambda: ev.add(a, foreign),
        lambda: ev.subtract(foreign, a),
        lambda: ev.multiply(a, foreign),
        lambda: ev.multiply(foreign, 2.0),
        lambda: ev.negate(foreign),
        lambda: ev.rescale(foreign),
        lambda: ev.rotate(foreign, 1),
        lambda: ev.inner_sum(foreign, 2),
        lambda: ev.attach(foreign),
        lambda: ev.drop_to(foreign, 0),
        lambda: ev.add(a, other.encoder.encode(1.0)),
        lambda: ev.multiply(a, other.encoder.encode(1.0)),
        lambda: Evaluator(small.params, other.keys),
        lambda: EvaluationKeys(small.params, other.keys.relinearization),
    ):
        with pytest.raises(ParametersMismatchError, match="belong"):
            operation()


def test_keys_in_the_wrong_place__are_refused(small) -> None:
    key = small.keys.galois[3]
    with pytest.raises(ParameterError, match="element 3 stands in the place of 9"):
        EvaluationKeys(small.params, None, {9: key})
    with pytest.raises(ParameterError, match="element 3 stands in the place of 0"):
        EvaluationKeys(small.params, key)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_operands__are_refused(small, a, bad: float) -> None:
    for operand in (bad, np.full(4, bad), complex(0, bad)):
        for operation in (small.evaluator.add, small.evaluator.multiply, small.evaluator.subtract):
            with pytest.raises(EncodingError, match="finite"):
                operation(a, operand)


@pytest.mark.parametrize("operand", [1e40, np.full(4, 1e40), 1e40j])
def test_operands_beyond_the_modulus__are_refused(small, operand) -> None:
    low = small.encrypt(small.random(1), 1).ct
    for operation in (small.evaluator.add, small.evaluator.multiply):
        with pytest.raises(EncodingError):
            operation(low, operand)


@pytest.mark.parametrize("operand", ["text", None, [[1.0]], np.zeros(129), {}])
def test_operands_that_are_no_slots__are_refused(small, a, operand) -> None:
    with pytest.raises(EncodingError):
        small.evaluator.add(a, operand)
    with pytest.raises(EncodingError):
        a * operand


@pytest.mark.parametrize("exponent", [0, -1, 0.5, 2.0, "2"])
def test_power__needs_a_whole_positive_exponent(a, exponent) -> None:
    with pytest.raises(ParameterError, match="exponent"):
        a**exponent


def test_whole_numbers__are_needed(small, a) -> None:
    with pytest.raises(ParameterError, match=r"factor is 2\.5"):
        small.evaluator.multiply_integer(a, 2.5)
    with pytest.raises(ParameterError, match=r"steps is 1\.5"):
        small.evaluator.rotate(a, 1.5)


def test_operators_without_an_evaluator__say_how_to_get_one(small) -> None:
    fresh = small.encryptor.encrypt(small.encoder.encode(1.0))
    for operation in (lambda: fresh + 1, lambda: 2 * fresh, lambda: -fresh, lambda: fresh**2):
        with pytest.raises(NoEvaluatorError, match="attach"):
            operation()

"""Bootstraps of small rings: messages, options, orders, keys, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import he
import ntt
from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.cosine import half_width
from he.ckks.bootstrap.overflow import failure_probability, probability
from he.ckks.bootstrap.prediction import RARE
from he.trace import FROM_SPARSE, TO_SPARSE
from tests.he.ckks.bootstrap.refreshing import REASON, refreshing

OPTIONS: dict[str, dict[str, Any]] = {
    "complex": {},
    "real": {"real": True},
    "sparse": {"slots": 64},
    "sparse and real": {"slots": 8, "real": True},
    "four slots": {"slots": 4},
    "modulus first": {"slots_first": False, "precision_bits": 8},
    "modulus first, sparse": {"slots_first": False, "precision_bits": 8, "slots": 32},
    "small keys": {"small_keys": True},
    "small keys, sparse": {"small_keys": True, "slots": 128},
    "one level a step": {"levels": (9, 9), "precision_bits": 8},
    "one level in all": {"levels": (1, 1), "slots": 16},
    "inverse sine": {"precision_bits": 20, "scale_bits": 40},
    "two words a level": {"precision_bits": 24, "scale_bits": 44, "N": 1 << 11},
    "large values": {"largest": 4.0},
    "two passes": {"precision_bits": 33, "scale_bits": 52, "N": 1 << 9},
    "two passes, real": {"iterations": 2, "real": True},
    "two passes, large values": {"iterations": 2, "largest": 4.0, "small_keys": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_apply__keeps_the_slots_within_the_predicted_error(options: dict[str, Any]) -> None:
    it = refreshing(**options)
    bootstrapper = it.bootstrapper
    assert bootstrapper.precision_bits >= options.get("precision_bits", 12) - 0.1
    predicted = bootstrapper.error.within()
    largest = bootstrapper.circuit.largest
    shape = np.ones(bootstrapper.circuit.slots)
    adversarial = {
        "random": it.messages(1),
        "zero": 0 * shape,
        "largest": shape,
        "least": -shape,
        "alternating": np.cumprod(-shape),
        "one": np.eye(1, shape.size)[0],
    }
    for values in adversarial.values():
        x = it.encrypted(largest * values)
        refreshed = bootstrapper.apply(it.evaluator, x)
        assert refreshed.level == bootstrapper.output_level
        assert refreshed.scale == it.params.scales[refreshed.level]
        assert it.error(x, refreshed) <= predicted


def test_apply__starts_from_any_level() -> None:
    it = refreshing()
    bootstrapper = it.bootstrapper
    for level in range(bootstrapper.input_level, bootstrapper.output_level + 1):
        x = it.encrypted(it.messages(level), level)
        lowered = it.evaluator.drop_to(x, bootstrapper.input_level)
        refreshed = bootstrapper.apply(it.evaluator, x)
        assert it.error(lowered, refreshed) <= bootstrapper.error.within()


def test_apply__again_and_again_with_work_between() -> None:
    """The errors of thirty bootstraps add up as independent ones do."""
    it = refreshing()
    bootstrapper, evaluator = it.bootstrapper, it.evaluator
    values = it.messages(5)
    x = it.encrypted(values)
    for _ in range(30):
        x = bootstrapper.apply(evaluator, x)
        # (x + x)(1 / 2): a product between two bootstraps.
        x = evaluator.multiply(evaluator.add(x, x), 0.5)
    found = it.decrypted(x)[: values.size] - values
    one = bootstrapper.error
    bound = np.sqrt(30) * (one.within() - one.bound) + 30 * one.bound
    assert np.abs([found.real, found.imag]).max() <= bound


def test_apply__is_the_same_on_any_number_of_threads() -> None:
    it = refreshing()
    x = it.encrypted(it.messages(7))
    found = []
    before = ntt.get_threads()
    try:
        for threads in (1, 2):
            ntt.set_threads(threads)
            found.append(it.bootstrapper.apply(it.evaluator, x).data)
    finally:
        ntt.set_threads(before)
    assert np.array_equal(*found)


def test_apply__leaves_its_operand_alone_and_tells_of_its_steps() -> None:
    it = refreshing()
    x = it.encrypted(it.messages(8))
    before = x.data.copy()
    steps = list(it.bootstrapper.steps(it.evaluator, x))
    assert np.array_equal(x.data, before)
    assert [name for name, _ in steps] == list(it.bootstrapper.step_names)
    assert steps[1][1].level == 0
    assert steps[2][1].level == it.params.max_level
    assert np.array_equal(steps[-1][1].data, it.bootstrapper.apply(it.evaluator, x).data)


def test_failure__shows_where_the_interval_is_made_too_small() -> None:
    """With |I| <= 1 in place of 14 as many coefficients leave the interval as the distribution of I
    says. Slots within it are right, and those far outside wrong.
    """
    it = refreshing()
    narrow = replace(it.bootstrapper.circuit, interval=1)
    params = replace(it.params, bootstrap=narrow)
    bootstrapper = Bootstrapper(params)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    evaluator = he.Evaluator(params, generator.evaluation_keys(secret, bootstrapper.needs))
    assert bootstrapper.failure_probability == 1
    values = it.messages(2)
    plain = evaluator.encoder.encode(values, bootstrapper.input_level)
    x = he.Encryptor(params, secret).encrypt(plain)
    decryptor = he.Decryptor(params, secret)
    slots = {
        name: evaluator.encoder.decode(decryptor.decrypt(made))
        for name, made in bootstrapper.steps(evaluator, x)
    }
    # CoeffsToSlots leaves half of x / K, x = I and a fraction, one for each part of a slot.
    turned = 2 * half_width(narrow) * slots["CoeffsToSlots"]
    overflow = np.abs(np.round([turned.real, turned.imag]))
    expected = overflow.size * sum(probability(n) for n in range(-16, 17) if abs(n) > 1)
    assert abs(np.count_nonzero(overflow > 1) - expected) <= 6 * np.sqrt(expected)
    # What goes wrong in one part of a slot reaches the other.
    largest = overflow.max(axis=0)
    error = np.abs(slots["EvalMod"] - values)
    assert error[largest <= 1].max() <= np.sqrt(2) * it.bootstrapper.error.within()
    assert error[largest >= 5].min(initial=np.inf) > 2.0**-8


def test_report__says_what_to_expect() -> None:
    bootstrapper = refreshing().bootstrapper
    report = bootstrapper.report()
    assert f"precision {bootstrapper.precision_bits:.1f} bits" in report
    assert "2 levels between bootstraps" in report
    assert f"keys of {bootstrapper.key_bytes / 1e6:.0f} MB (fast: one for each rotation)" in report
    assert "(small: one for all baby steps" in refreshing(small_keys=True).bootstrapper.report()
    assert bootstrapper.predicted_seconds() > 0


# ---------------------------------------------------------------- two passes


def test_two_passes__are_what_arithmetic_on_slots_says() -> None:
    """The second pass refreshes what the first is off by, times 2^k, and mends it."""
    it = refreshing(iterations=2)
    bootstrapper, evaluator = it.bootstrapper, it.evaluator
    x = it.encrypted(it.messages(3))
    made = dict(bootstrapper.steps(evaluator, x))
    slots = {name: it.decrypted(ciphertext) for name, ciphertext in made.items()}
    factor = 2.0 ** bootstrapper._prediction.factor_bits
    off = factor * (slots["drop"] - slots["EvalMod"])
    pass_error = bootstrapper._prediction.pass_error.within()
    assert np.abs([off.real, off.imag]).max() <= bootstrapper.circuit.largest
    # The first pass is found at the input's level, where it is rounded.
    rounded = factor * bootstrapper.error.within()
    difference = slots["residual"] - off
    assert np.abs([difference.real, difference.imag]).max() <= rounded
    difference = slots["EvalMod, again"] - slots["residual"]
    assert np.abs([difference.real, difference.imag]).max() <= pass_error
    mended = slots["EvalMod"] + slots["EvalMod, again"] / factor
    difference = slots["sum"] - mended
    assert np.abs([difference.real, difference.imag]).max() <= bootstrapper.error.within()
    assert made["residual"].level == bootstrapper.input_level
    assert made["sum"].level == bootstrapper.output_level == made["EvalMod"].level - 1


TWO_PASSES = {name: options for name, options in OPTIONS.items() if name.startswith("two passes")}


@pytest.mark.parametrize("options", TWO_PASSES.values(), ids=TWO_PASSES)
def test_two_passes__of_zero_have_the_predicted_variance(options: dict[str, Any]) -> None:
    """Where the cosine's own error is nothing, in the first pass and in both."""
    it = refreshing(**options)
    bootstrapper = it.bootstrapper
    made = dict(bootstrapper.steps(it.evaluator, it.encrypted(0 * it.messages(1))))
    slots = {name: it.decrypted(made[name]) for name in ("drop", "EvalMod", "sum")}
    predicted = {"EvalMod": bootstrapper._prediction.pass_error, "sum": bootstrapper.error}
    for name, error in predicted.items():
        off = slots[name] - slots["drop"]
        parts = off.real if bootstrapper.circuit.real else np.array([off.real, off.imag])
        # Six standard deviations of the mean square of so many parts.
        most = error.variance * (1 + 6 * np.sqrt(2 / parts.size))
        assert np.mean(parts**2) <= most


def test_two_passes__fail_and_take_twice_as_much() -> None:
    one, two = refreshing().bootstrapper, refreshing(iterations=2).bootstrapper
    assert two.levels == one.levels
    assert two.precision_bits > 12
    passes = 2 * failure_probability(2 * two.circuit.slots, two.circuit.interval)
    rare = 2 * two.circuit.slots * RARE
    assert two.failure_probability == pytest.approx(passes + rare, rel=1e-12, abs=0)
    report = two.report()
    assert "two passes of " in report
    assert f"times 2^{two._prediction.factor_bits}" in report


def test_apply__without_a_key_names_it() -> None:
    it = refreshing()
    needs = it.bootstrapper.needs
    x = it.encrypted(it.messages(4))
    generator = he.KeyGenerator(it.params)
    galois = {e: level for e, level in needs.galois.items() if e not in (TO_SPARSE, FROM_SPARSE)}
    for missing, error in (
        (he.KeyNeeds(needs.relinearization, galois, needs.lower), "bootstrapping key"),
        (he.KeyNeeds(None, needs.galois, ()), "key"),
    ):
        keys = generator.evaluation_keys(it.secret, missing)
        with pytest.raises(he.MissingKeyError, match=error):
            it.bootstrapper.apply(he.Evaluator(it.params, keys), x)


# ---------------------------------------------------------------- what is refused


def test_apply__refuses_what_it_cannot_refresh() -> None:
    it = refreshing()
    low = it.encrypted(it.messages(1), it.bootstrapper.input_level - 1)
    with pytest.raises(he.LevelMismatchError, match="SlotsToCoeffs"):
        it.bootstrapper.apply(it.evaluator, low)
    x = it.encrypted(it.messages(1))
    unscaled = it.evaluator.multiply_plain(
        x, it.evaluator.encoder.encode(0.5, x.level), rescale=False
    )
    with pytest.raises(he.ScaleMismatchError):
        it.bootstrapper.apply(it.evaluator, unscaled)
    other = he.CKKSParameters.build(1, N=64, scale_bits=30, insecure_reason=REASON)
    with pytest.raises(he.ParameterError, match="no levels for a bootstrap"):
        Bootstrapper(other)
    with pytest.raises(he.ParametersMismatchError):
        it.bootstrapper.apply(he.Evaluator(other), x)


@pytest.mark.parametrize(
    "values",
    [1.5, [0.5, -1.01], [0.5, 1 + 1.01j], [np.nan], [np.inf], np.array([-128], dtype=np.int8)],
)
def test_check_values__refuses_parts_beyond_the_bound(values: Any) -> None:
    bootstrapper = refreshing().bootstrapper
    bootstrapper.check_values([1.0, -1 - 1j])
    with pytest.raises(he.EncodingError, match="keeps parts within 1: scale the values"):
        bootstrapper.check_values(values)
    refreshing(largest=4.0).bootstrapper.check_values([3.9])


def test_apply_pair__refreshes_two_real_vectors() -> None:
    it = refreshing()
    random = np.random.default_rng(8)
    a, b = (it.encrypted(random.uniform(-1, 1, it.bootstrapper.circuit.slots)) for _ in range(2))
    refreshed = it.bootstrapper.apply_pair(it.evaluator, a, b)
    for one, made in zip((a, b), refreshed, strict=True):
        assert made.level == it.bootstrapper.output_level
        assert made.scale == it.params.scales[made.level]
        error = it.decrypted(made) - it.decrypted(one)
        assert np.abs(error.real).max() <= it.bootstrapper.error.within()
        product = it.evaluator.multiply(made, made)
        expected = it.decrypted(one).real ** 2
        assert np.abs(it.decrypted(product).real - expected).max() < 2.0**-9


def test_apply_pair__takes_any_level_and_sparse_slots() -> None:
    it = refreshing(slots=64)
    random = np.random.default_rng(9)
    a = it.encrypted(random.uniform(-1, 1, 64), it.bootstrapper.output_level)
    b = it.encrypted(random.uniform(-1, 1, 64))
    refreshed = it.bootstrapper.apply_pair(it.evaluator, a, b)
    for one, made in zip((a, b), refreshed, strict=True):
        error = it.decrypted(made) - it.decrypted(one)
        assert np.abs(error.real).max() <= 2 * it.bootstrapper.error.within()


@pytest.mark.parametrize("wanted", [{"real": True}, {"slots_first": False}, {"iterations": 2}])
def test_apply_pair__refuses_circuits_without_two_parts(wanted: dict[str, Any]) -> None:
    it = refreshing(precision_bits=8, **wanted)
    x = it.encrypted(np.zeros(it.bootstrapper.circuit.slots))
    with pytest.raises(he.ParameterError, match="iterations=1"):
        it.bootstrapper.apply_pair(it.evaluator, x, x)

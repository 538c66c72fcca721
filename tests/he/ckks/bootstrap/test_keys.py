"""The keys of a bootstrap: which they are, how many bytes they take, and of which kind."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import he
from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.circuit import KeyKind
from he.ckks.bootstrap.stepped import SteppedTransform
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.trace import FROM_SPARSE, TO_SPARSE
from tests.he.ckks.bootstrap.refreshing import REASON, Refreshing, refreshing

KINDS: tuple[KeyKind, ...] = ("fast", "medium", "small")

def test_needs__are_the_keys_that_are_used() -> None:
    it = refreshing()
    needs = it.bootstrapper.needs
    assert needs.galois[TO_SPARSE] == 0
    assert needs.galois[FROM_SPARSE] == it.params.max_level
    keys = he.KeyGenerator(it.params).evaluation_keys(it.secret, needs)
    assert len(keys.to_bytes()) == it.bootstrapper.key_bytes
    again = he.EvaluationKeys.from_bytes(keys.to_bytes(), it.params)
    evaluator = he.Evaluator(it.params, again)
    x = it.encrypted(it.messages(3))
    refreshed = it.bootstrapper.apply(evaluator, x)
    assert it.error(x, refreshed) <= it.bootstrapper.error.within()


@pytest.mark.parametrize("options", [{}, {"slots": 64}, {"slots_first": False}, {"slots": 4}])
def test_needs__are_those_of_the_matrices_that_are_made(options: dict[str, Any]) -> None:
    """Numbers alone give the keys: here they come from matrices with values."""
    plain = refreshing(small_keys=True, precision_bits=8, **options)
    for kind in KINDS:
        circuit = replace(plain.bootstrapper.circuit, keys=kind)
        it = Bootstrapper(replace(plain.params, bootstrap=circuit))
        turns = ((it._cts_turn, it._cts[0].level), (it._stc_turn, it._stc[0].level))
        of_matrices = {pair for pair in turns if pair[0] != 1}
        for one in (*it._cts, *it._stc):
            of_matrices |= {(element, one.level) for element in one.elements}
        polynomials = [polynomial.needs for polynomial in it._polynomials]
        N, top = it.params.N, it.params.max_level
        conjugation = galois.element_of_conjugation(N)
        others = {(TO_SPARSE, 0), (FROM_SPARSE, top), (conjugation, it._sine_level)}
        for level, steps in zip((top, it._sine_level), it._sums, strict=True):
            others |= {(galois.element_of_rotation(step, N), level) for step in steps}
        needs = KeyNeeds.union([KeyNeeds.of(of_matrices | others), *polynomials])
        assert it.needs == needs.without_served(it.params)


def test_small_keys__are_few() -> None:
    small = refreshing(small_keys=True).bootstrapper
    circuit = replace(small.circuit, keys="fast")
    fast = Bootstrapper(replace(small.params, bootstrap=circuit))
    assert small.key_bytes < 0.6 * fast.key_bytes
    assert len(small.needs.levels()) < 0.75 * len(fast.needs.levels())
    matrices = small.circuit.cts_levels
    lowest = small.params.max_level - matrices + 1
    of_matrices = [level for _, level in small.needs.levels() if level >= lowest]
    # A baby step and a giant step each, a rotation in front of all, the way from the sparse secret.
    assert len(of_matrices) <= 2 * matrices + 2


def _with_keys(it: Refreshing, kind: KeyKind) -> Refreshing:
    """The same parameters with a bootstrap of other keys."""
    params = replace(it.params, bootstrap=replace(it.bootstrapper.circuit, keys=kind))
    bootstrapper = Bootstrapper(params)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, bootstrapper.needs)
    return Refreshing(bootstrapper, secret, he.Evaluator(params, keys))


@pytest.mark.parametrize("options", [{}, {"slots": 64}, {"slots_first": False}, {"slots": 4}])
def test_keys__of_every_kind_refresh_within_the_promise(options: dict[str, Any]) -> None:
    plain = refreshing(small_keys=True, precision_bits=8, **options)
    kinds = {kind: _with_keys(plain, kind) for kind in KINDS}
    for it in kinds.values():
        x = it.encrypted(it.messages(1))
        refreshed = it.bootstrapper.apply(it.evaluator, x)
        assert it.error(x, refreshed) <= it.bootstrapper.error.within()
    used = [kinds[kind].bootstrapper.key_bytes for kind in KINDS]
    assert used[0] > used[1] >= used[2]


@pytest.mark.parametrize("kind", ["medium", "small"])
def test_stepped__sums_have_the_bits_of_single_operations(kind: KeyKind) -> None:
    it = _with_keys(refreshing(small_keys=True), kind)
    bootstrapper, evaluator = it.bootstrapper, it.evaluator
    x = it.encrypted(it.messages(1), it.params.max_level)
    for transform in bootstrapper._cts:
        stepped = transform.encode(evaluator.encoder)
        assert isinstance(stepped, SteppedTransform)
        expected = evaluator.rescale(stepped.by_operations(evaluator, x))
        before, found = x.data.copy(), stepped.apply(evaluator, x)
        assert np.array_equal(found.data, expected.data)
        assert np.array_equal(x.data, before)
        assert found.level == x.level - 1
        with pytest.raises(he.LevelMismatchError, match="use drop_to"):
            stepped.apply(evaluator, found)
        x = found


def test_key_bytes__chooses_and_names_the_least() -> None:
    def built(**wanted: Any) -> he.CKKSParameters:
        return he.CKKSParameters.build(
            2, scale_bits=36, N=1 << 10, insecure_reason=REASON,
            bootstrap=he.Bootstrapping(precision_bits=12, **wanted),
        )  # fmt: skip

    free = Bootstrapper(built())
    kinds: list[KeyKind] = []
    budget = free.key_bytes
    for _ in range(12):
        try:
            it = Bootstrapper(built(key_bytes=budget))
        except he.ParameterError:
            break
        assert it.key_bytes <= budget
        kinds.append(it.circuit.keys)
        budget = budget * 9 // 10
    assert kinds == sorted(kinds, key=KINDS.index)
    assert set(kinds) == set(KINDS)
    with pytest.raises(he.ParameterError, match="or more, not 1000 bytes") as refused:
        built(key_bytes=1000)
    found = re.search(r"\((\d+) bytes\) or more", str(refused.value))
    assert found is not None
    least = int(found[1])
    it = Bootstrapper(built(key_bytes=least))
    assert it.key_bytes == least
    with pytest.raises(he.ParameterError, match="or more, not"):
        built(key_bytes=least // 2)

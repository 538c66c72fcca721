"""The sparse secret of bootstrapping: its weight, its keys, and its end."""

from __future__ import annotations

import numpy as np
import pytest

import he
from he.rlwe.ephemeral_secret import EphemeralSecret
from he.rlwe.rns import context
from he.rlwe.sampling import RandomStream
from he.trace import FROM_SPARSE, TO_SPARSE

REASON = "unit test"


def _params(N: int = 256) -> he.CKKSParameters:
    return he.CKKSParameters.build(2, N=N, scale_bits=30, insecure_reason=REASON)


@pytest.mark.parametrize(("N", "weight"), [(256, 32), (64, 32), (16, 8)])
def test_secret__has_its_weight_and_becomes_zeros(N: int, weight: int) -> None:
    params = _params(N)
    counts = np.zeros(3, dtype=int)
    for _ in range(20):
        with EphemeralSecret(params, RandomStream.from_os()) as secret:
            ops = context(params).qp(params.max_level)
            held = secret.transformed(params.max_level)
            coefficients = ops.inverse(held.copy())[0]
            signs = np.where(coefficients > 1, -1, coefficients.astype(np.int64))
            assert np.count_nonzero(signs) == weight
            counts += [np.count_nonzero(signs == sign) for sign in (-1, 0, 1)]
            memory = secret._memory
            assert memory is not None
        assert not memory.any()
        with pytest.raises(he.MissingKeyError):
            secret.transformed(0)
    # Six standard deviations of a fair coin.
    assert abs(counts[0] - counts[2]) <= 6 * np.sqrt(20 * weight)


def test_keys__of_a_change_of_secret_are_made_together() -> None:
    params = _params()
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    for one in (TO_SPARSE, FROM_SPARSE):
        with pytest.raises(he.ParameterError, match="made together"):
            generator.evaluation_keys(secret, he.KeyNeeds(galois={one: 0}))
        with pytest.raises(he.ParameterError):
            generator.galois_key(secret, one)
    needs = he.KeyNeeds(galois={TO_SPARSE: 0, FROM_SPARSE: 2})
    keys = generator.evaluation_keys(secret, needs)
    again = he.EvaluationKeys.from_bytes(keys.to_bytes(), params)
    assert np.array_equal(
        again.for_change_of_secret(TO_SPARSE, 0).data, keys.for_change_of_secret(TO_SPARSE, 0).data
    )
    assert he.KeyNeeds.from_bytes(needs.to_bytes(), params) == needs
    with pytest.raises(he.MissingKeyError, match="bootstrapping key"):
        again.for_change_of_secret(TO_SPARSE, 1)


def test_keys__under_a_sparse_secret_are_refused_where_nobody_estimated_it() -> None:
    params = he.CKKSParameters.build(2, N=1 << 13, scale_bits=30)
    generator = he.KeyGenerator(params)
    needs = he.KeyNeeds(galois={TO_SPARSE: 0, FROM_SPARSE: 2})
    with pytest.raises(he.InsecureParametersError, match="sparse secret"):
        generator.evaluation_keys(generator.secret_key(), needs)

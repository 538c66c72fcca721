"""SEAL's order of steps against a slow twin in Python integers, for N = 8."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.encryption import Encryptor
from he.interop.seal import CKKSConverter, EncryptionParameters, Scheme, SEALEvaluator
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from he.rlwe.rns import Decomposition, context
from ntt.modulus import find_primes

N = 8
# The special prime is the largest, the middle or the smallest: digits are reduced or they are not.
CHAINS = {
    "largest": (find_primes(30, N, 3)[1:] + find_primes(31, N, 1)),
    "smallest": (find_primes(40, N, 3) + find_primes(20, N, 1)),
    "60bit": find_primes(60, N, 4),
}


@pytest.fixture(params=list(CHAINS))
def setting(request):
    parameters = EncryptionParameters(Scheme.CKKS, N, tuple(CHAINS[request.param]))
    params = CKKSConverter(parameters, 2.0**14, insecure_reason="a slow twin").params
    generator = KeyGenerator(params, seed=bytes(32))
    secret = generator.secret_key()
    needs = KeyNeeds(params.max_level, {3: params.max_level, 2 * N - 1: params.max_level})
    evaluator = SEALEvaluator(params, generator.evaluation_keys(secret, needs))
    a = Encryptor(params, secret, seed=bytes(32)).encrypt(evaluator.encoder.encode([1, -0.5, 2j]))
    return evaluator, a


def product(a, b, q):
    """a b mod (x^N + 1, q), coefficient by coefficient."""
    out = [0] * N
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            sign = -1 if i + j >= N else 1
            out[(i + j) % N] = (out[(i + j) % N] + sign * int(x) * int(y)) % q
    return out


def substitute(a, element, q):
    """a(x^element) mod (x^N + 1, q)."""
    out = [0] * N
    for i, x in enumerate(a):
        j = i * element % (2 * N)
        out[j % N] = int(x) % q if j < N else -int(x) % q
    return out


def coefficients(evaluator, data, rows):
    ops = evaluator.context.limbs(tuple(rows))
    return ops.inverse(data.copy()).astype(object)


def slow_switch(evaluator, c, key, level):
    """(limbs coefficients of both parts): round(sum_j [c]_{q_j} key_j / p), digits in [0, q_j)."""
    params = evaluator.params
    rows = [*range(level + 1), len(params.q)]
    moduli = [*params.q[: level + 1], params.p[0]]
    key_rows = key.rows(level)
    out = []
    for part in range(2):
        total = [[0] * N for _ in moduli]
        for j in range(level + 1):
            limbs = coefficients(evaluator, key.data[j, part, key_rows], rows)
            for r, q in enumerate(moduli):
                added = product([int(x) % q for x in c[j]], limbs[r], q)
                total[r] = [(x + y) % q for x, y in zip(total[r], added, strict=True)]
        p = moduli[-1]
        half = p // 2
        lifted = [(x + half) % p - half for x in total[-1]]
        out.append(
            [
                [(x - y) * pow(p, -1, q) % q for x, y in zip(limb, lifted, strict=True)]
                for limb, q in zip(total[:-1], moduli[:-1], strict=True)
            ]
        )
    return np.array(out, dtype=object)


def plus(evaluator, a, b, level):
    moduli = np.array(evaluator.params.q[: level + 1], dtype=object)[:, None]
    return (a + b) % moduli


@pytest.mark.parametrize("level", [0, 1])
def test_relinearize__equals_the_slow_twin(setting, level):
    evaluator, a = setting
    low = evaluator.drop_limbs(a, level)
    square = evaluator.tensor(low, low)
    rows = range(level + 1)
    parts = [coefficients(evaluator, part, rows) for part in square.data]
    switched = slow_switch(evaluator, parts[2], evaluator.keys.for_relinearization(level), level)
    result = evaluator.relinearize(square).data
    for part in range(2):
        expected = plus(evaluator, switched[part], parts[part], level)
        assert (coefficients(evaluator, result[part], rows) == expected).all()


@pytest.mark.parametrize("element", [3, 2 * N - 1])
@pytest.mark.parametrize("level", [0, 1])
def test_automorphism__equals_the_slow_twin_that_substitutes_first(setting, level, element):
    evaluator, a = setting
    low = evaluator.drop_limbs(a, level)
    rows = range(level + 1)
    moduli = evaluator.params.q[: level + 1]
    images = [
        [
            substitute(limb, element, q)
            for limb, q in zip(coefficients(evaluator, part, rows), moduli, strict=True)
        ]
        for part in low.data
    ]
    ours = evaluator.keys.for_element(element, level)
    seal_data = np.ascontiguousarray(ours.data[..., galois.permutation(element, N)])
    seal_key = type(ours)(ours.params, ours.level, ours.element, seal_data)
    switched = slow_switch(evaluator, images[1], seal_key, level)
    result = evaluator.automorphism(low, element).data
    expected = plus(evaluator, switched[0], np.array(images[0], dtype=object), level)
    assert (coefficients(evaluator, result[0], rows) == expected).all()
    assert (coefficients(evaluator, result[1], rows) == switched[1]).all()


def test_automorphism__of_element_one_is_the_ciphertext(setting):
    evaluator, a = setting
    assert (evaluator.automorphism(a, 1).data == a.data).all()


def test_decomposition__is_centred_unless_told_otherwise(setting):
    """The digits of q - 1, 1, .. : q - 1 and 1 as they stand, or -1 and 1."""
    evaluator, _ = setting
    ring = context(evaluator.params)
    level = evaluator.params.max_level
    moduli = np.array(evaluator.params.q, dtype=np.uint64)
    values = np.ones((len(moduli), N), dtype=np.uint64)
    values[:, 0] = moduli - np.uint64(1)
    c = ring.q(level).forward(values)
    p = evaluator.params.p[0]
    for digits, expected in (
        (ring.decomposition(level)(c), [-1] * len(moduli)),
        (Decomposition(ring, level, centred=False)(c), [q - 1 for q in evaluator.params.q]),
    ):
        for digit, value in zip(digits, expected, strict=True):
            rows = ring.special_rows(ring.params.max_level)
            last = ring.limbs(rows).inverse(digit[-1:].copy())[0]
            assert int(last[0]) == value % p
            assert (last[1:] == 1).all()

"""Keys: the equations they satisfy, the modulus each is made under, and what is refused."""

from __future__ import annotations

import math
import mmap
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.params import CKKSParameters
from he.errors import (
    CorruptBytesError,
    MissingKeyError,
    ParameterError,
    ParametersMismatchError,
)
from he.format.container import pack
from he.format.residue_packing import pack_residues
from he.rlwe import galois, sampling, security
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from he.rlwe.keys import KeySwitchingKey, SecretKey
from he.rlwe.sampling import half_normal_thresholds
from he.rlwe.seeded import PUBLIC_KEY, digit_label, uniform_from_seed
from he.trace import RELINEARIZATION

names = st.sampled_from(["tiny", "small", "one-limb digits", "two digits", "wide primes"])

ONES = np.ones((1, 256), dtype=np.uint64)


def centred(rows: np.ndarray, moduli: tuple[int, ...]) -> np.ndarray:
    """Small coefficients as integers; all limbs must agree on them."""
    signed = [
        [v - q if 2 * v > q else v for v in row.astype(object)]
        for row, q in zip(rows, moduli, strict=True)
    ]
    assert all(row == signed[0] for row in signed)
    return np.array(signed[0], dtype=np.int64)


def largest_error(params: CKKSParameters) -> int:
    """The sampler's cut: no error is larger."""
    return len(half_normal_thresholds(params.sigma))


def check_switching_key(s, key: KeySwitchingKey) -> None:
    """b_j + a_j target - P g_j source is a small error for every digit j."""
    params, context = s.params, s.evaluator.context
    ops = context.qp(key.level)
    rows = list(context.qp_rows(key.level))
    secret = s.secret.transformed[rows]
    source, target = secret, secret
    if key.element == RELINEARIZATION:
        source = ops.multiply(np.empty_like(secret), secret, secret)
    else:
        inverse = pow(key.element, -1, 2 * params.N)
        target = np.ascontiguousarray(secret[:, galois.permutation(inverse, params.N)])
    digits = params.digit_rows(key.level)
    assert key.data.shape == (len(digits), 2, len(ops.moduli), params.N)
    for j, own in enumerate(digits):
        assert (key.data[j, 1] == uniform_from_seed(key.seed, digit_label(j), ops)).all()
        total = ops.multiply(np.empty_like(secret), key.data[j, 1].copy(), target)
        ops.add(total, total, key.data[j, 0].copy())
        for r in own:
            q = ops.moduli[r]
            scaled = source[r].astype(object) * math.prod(context.params.p) % q
            total[r] = ((total[r].astype(object) - scaled) % q).astype(np.uint64)
        error = centred(ops.inverse(total), ops.moduli)
        assert 0 < np.abs(error).max() <= largest_error(params)


@given(names, st.data())
def test_switching_keys__hide_what_they_switch_under_a_small_error(schemes, name, data) -> None:
    s = schemes(name)
    level = data.draw(st.integers(0, s.params.max_level))
    element = 2 * data.draw(st.integers(1, s.params.N - 1)) + 1
    check_switching_key(s, s.generator.relinearization_key(s.secret, level))
    check_switching_key(s, s.generator.galois_key(s.secret, element, level))


def test_public_key__is_an_encryption_of_zero(small) -> None:
    key = small.generator.public_key(small.secret)
    ops = small.evaluator.context.qp(small.params.max_level)
    assert (key.data[1] == uniform_from_seed(key.seed, PUBLIC_KEY, ops)).all()
    total = ops.multiply(np.empty_like(key.data[0]), key.data[1].copy(), small.secret.transformed)
    ops.add(total, total, key.data[0].copy())
    error = centred(ops.inverse(total), ops.moduli)
    assert 0 < np.abs(error).max() <= largest_error(small.params)


def test_every_key__is_made_under_a_secure_modulus() -> None:
    """log2 of the product of all primes that a key has residues of, at the level it serves."""
    params = CKKSParameters.build(3, N=8192, scale_bits=30, dnum=4)
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    needs = KeyNeeds(3, {3: 2, 9: 0, 2 * params.N - 1: 1})
    keys = generator.evaluation_keys(secret, needs)
    assert keys.relinearization is not None
    for key in (keys.relinearization, *keys.galois.values()):
        moduli = params.q[: key.level + 1] + params.p
        assert key.data.shape[2] == len(moduli)
        log_qp = sum(math.log2(q) for q in moduli)
        assert log_qp <= params.log_qp <= security.max_log_qp(params.N, 128)
        # The residues really are those of these moduli and of no larger ones.
        largest = key.data.max(axis=(0, 1, 3))
        for value, q in zip(largest, moduli, strict=True):
            assert q - q // 1000 < int(value) < q
    assert {e: k.level for e, k in keys.galois.items()} == dict(needs.galois)


@given(names, st.data())
def test_lower_levels__use_the_same_key(schemes, name, data) -> None:
    """A key for a level serves all below: rotation and product stay within their noise."""
    s = schemes(name)
    level = data.draw(st.integers(0, s.params.max_level))
    x = s.encrypt(s.random(level), level)
    variance = x.variance + s.noise.key_switch(level)
    s.check(type(x)(s.evaluator.rotate(x.ct, 1), np.roll(x.slots, -1), variance))


def test_keys__are_frozen(small) -> None:
    for key in (small.keys.relinearization, small.generator.public_key(small.secret)):
        with pytest.raises(ValueError, match="read-only"):
            key.data[0] = 0
        with pytest.raises(AttributeError):
            key.data = key.data.copy()


def test_secret_key__is_read_only_and_a_copy_of_what_it_is_made_of(small) -> None:
    source = small.secret.coefficients.copy()
    key = SecretKey(small.params, source)
    for array in (key.coefficients, key.transformed):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    source[:] = 0
    assert (key.coefficients == small.secret.coefficients).all()


def test_secret_key__that_is_wiped_is_zeros_and_refuses_to_work(small) -> None:
    """Zeros as a key would encrypt nothing."""
    with SecretKey(small.params, small.secret.coefficients) as key:
        encryptor, decryptor = Encryptor(small.params, key), Decryptor(small.params, key)
        plaintext = small.encoder.encode(1.0)
        ct = encryptor.encrypt(plaintext)
        held = key.coefficients, key.transformed
        assert all(array.any() for array in held)
    assert not any(array.any() for array in held)
    generator = KeyGenerator(small.params)
    for use in (
        lambda: encryptor.encrypt(plaintext),
        lambda: decryptor.decrypt(ct),
        lambda: generator.public_key(key),
        lambda: generator.relinearization_key(key),
        lambda: generator.evaluation_keys(key, small.needs),
        lambda: key.coefficients,
        lambda: key.transformed,
        key.to_bytes,
    ):
        with pytest.raises(MissingKeyError, match="was wiped"):
            use()
    key.wipe()
    assert "hidden" in repr(key)


def test_secret_key__is_ternary_and_not_pickled(small) -> None:
    assert set(np.unique(small.secret.coefficients)) == {-1, 0, 1}
    with pytest.raises(TypeError, match="to_bytes"):
        pickle.dumps(small.secret)
    for bad in (np.full(256, 2), np.zeros(255), np.zeros((2, 128))):
        with pytest.raises(ParameterError, match="256 coefficients"):
            SecretKey(small.params, bad)


def test_secret_key__takes_whole_numbers_alone(small) -> None:
    good = small.secret.coefficients
    assert (SecretKey(small.params, good.astype(float)).coefficients == good).all()
    for bad in (good + 0.25, good * 1j, good.astype(object), good.astype(str)):
        with pytest.raises(ParameterError, match="256 coefficients"):
            SecretKey(small.params, bad)
    smallest = good.copy()
    smallest[0] = np.iinfo(np.int64).min  # its own absolute value
    with pytest.raises(ParameterError, match="256 coefficients"):
        SecretKey(small.params, smallest)


def test_secret_key__of_zeros_is_refused_when_made_and_when_read(small) -> None:
    with pytest.raises(ParameterError, match="hides nothing"):
        SecretKey(small.params, np.zeros(256, dtype=np.int64))
    header = {"params": small.params.id}
    stored = pack(SecretKey.kind, header, {"coefficients": pack_residues(ONES, [3])})
    with pytest.raises(CorruptBytesError, match="hides nothing"):
        SecretKey.from_bytes(stored, small.params)


@pytest.mark.parametrize("weight", [1, 64, 2000, 8192])
def test_secret_key__that_is_not_uniform_is_refused_under_secure_parameters(weight: int) -> None:
    params = CKKSParameters.build(1, N=8192)
    secret = np.zeros(8192, dtype=np.int64)
    secret[:weight] = 1 - 2 * (np.arange(weight) % 2)
    with pytest.raises(ParameterError, match="not uniform ternary"):
        SecretKey(params, secret)
    with pytest.raises(ParameterError, match="not uniform ternary"):
        SecretKey(params, np.abs(KeyGenerator(params).secret_key().coefficients))
    # A demonstration says that it protects nothing.
    SecretKey(replace(params, insecure_reason="unit test"), secret)


def test_secret_key__is_drawn_again_where_it_is_zero(small, monkeypatch) -> None:
    drawn = iter([np.zeros(256, dtype=np.int64), small.secret.coefficients])
    monkeypatch.setattr(sampling, "ternary", lambda stream, N: next(drawn))
    made = KeyGenerator(small.params).secret_key()
    assert (made.coefficients == small.secret.coefficients).all()


def test_seeded_generator__repeats_whatever_the_threads(small) -> None:
    made = []
    for threads in (1, None):
        ntt.set_threads(threads)
        try:
            generator = KeyGenerator(small.params, seed=bytes(32))
            secret = generator.secret_key()
            made.append(generator.evaluation_keys(secret, small.needs))
        finally:
            ntt.set_threads(None)
    for element, key in made[0].galois.items():
        assert (key.data == made[1].galois[element].data).all()


def test_keys_of_one_generator__share_nothing(small) -> None:
    keys = small.generator.evaluation_keys(small.secret, KeyNeeds(4, {3: 4, 5: 4}))
    all_keys = [keys.relinearization, *keys.galois.values()]
    assert len({key.seed for key in all_keys}) == 3
    for one in range(3):
        for two in range(one):
            assert not (all_keys[one].data == all_keys[two].data).any()


@pytest.mark.parametrize("element", [0, 6, 512, 513, -3])
def test_galois_key__of_no_element(small, element: int) -> None:
    with pytest.raises(ParameterError, match=f"element {element}"):
        small.generator.galois_key(small.secret, element)
    with pytest.raises(ParameterError, match=f"element {element}"):
        small.generator.evaluation_keys(small.secret, KeyNeeds(galois={element: 1}))


@pytest.mark.parametrize("level", [-1, 5])
def test_keys__of_no_level(small, level: int) -> None:
    for make in (
        lambda: small.generator.relinearization_key(small.secret, level),
        lambda: small.generator.galois_key(small.secret, 3, level),
        lambda: small.generator.evaluation_keys(small.secret, KeyNeeds(level)),
        lambda: small.generator.evaluation_keys(small.secret, KeyNeeds(None, {3: level})),
    ):
        with pytest.raises(ParameterError, match=f"key level = {level}: it must be from 0 to 4"):
            make()


def test_foreign_secret__is_refused(schemes, small) -> None:
    other = schemes("two digits")
    for make in (
        lambda: small.generator.public_key(other.secret),
        lambda: small.generator.relinearization_key(other.secret),
        lambda: small.generator.galois_key(other.secret, 3),
        lambda: small.generator.evaluation_keys(other.secret, KeyNeeds()),
    ):
        with pytest.raises(ParametersMismatchError):
            make()


def test_needs__unite_at_every_level() -> None:
    united = KeyNeeds.union([KeyNeeds(2, {3: 1, 9: 4}), KeyNeeds(None, {3: 2}), KeyNeeds(1)])
    assert united == KeyNeeds(2, {3: 2, 9: 4}, ((0, 1), (3, 1)))
    assert KeyNeeds.union([]) == KeyNeeds()
    assert KeyNeeds.union([united, united]) == united


def test_keys__read_from_a_mapped_file_and_an_altered_one(small, tmp_path) -> None:
    """Bytes of 1 MiB and more, whose checksum is computed beside the reading of keys."""
    s = small
    top = s.params.max_level
    needs = KeyNeeds(top, {galois.element_of_rotation(k, s.params.N): top for k in range(1, 100)})
    keys = KeyGenerator(s.params).evaluation_keys(s.secret, needs)
    path = tmp_path / "keys"
    path.write_bytes(keys.to_bytes())
    assert path.stat().st_size > 1 << 20

    def read() -> EvaluationKeys:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return EvaluationKeys.from_bytes(memoryview(mapped), s.params)

    found = read()
    for element, key in keys.galois.items():
        assert np.array_equal(found.galois[element].data, key.data)
    altered = bytearray(path.read_bytes())
    altered[len(altered) // 2] ^= 1
    path.write_bytes(altered)
    with pytest.raises(CorruptBytesError, match="checksum"):
        read()


def test_needs__of_a_chain_are_those_of_the_highest_level() -> None:
    params = CKKSParameters.build(4, N=128, scale_bits=30, insecure_reason="unit test")
    needs = KeyNeeds(2, {3: 2, 9: 4}, ((0, 1), (3, 1)))
    assert needs.without_served(params) == KeyNeeds(2, {3: 2, 9: 4})
    assert needs.made(params) == [(0, 2), (3, 2), (9, 4)]

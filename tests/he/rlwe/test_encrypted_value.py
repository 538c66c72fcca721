"""Ciphertexts and plaintexts are values, with operators and pickles: none ever changes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import he
from he import bfv

REASON = "unit test"
SCHEMES = {
    "ckks": (
        lambda: he.CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON),
        (he.Encoder, he.Encryptor, he.Decryptor, he.Evaluator),
    ),
    "bfv": (
        lambda: bfv.BFVParameters.build(2, N=64, plain_bits=17, insecure_reason=REASON),
        (bfv.BatchEncoder, bfv.Encryptor, bfv.Decryptor, bfv.Evaluator),
    ),
}


@pytest.fixture(scope="module", params=sorted(SCHEMES))
def made(request):
    """Objects of every origin: (name, object)."""
    build, (encoder, encryptor, decryptor, evaluator) = SCHEMES[request.param]
    params = build()
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    top = params.max_level
    evaluate = evaluator(params, generator.evaluation_keys(secret, he.KeyNeeds(top, {3: top})))
    plaintext = encoder(params).encode([1, 2, 3])
    seeded = encryptor(params, secret).encrypt(plaintext)
    public = encryptor(params, generator.public_key(secret)).encrypt(plaintext)
    a, b = evaluate.attach(seeded), evaluate.attach(public)
    rotate = evaluate.rotate if request.param == "ckks" else evaluate.rotate_rows
    return {
        "seeded": seeded,
        "public": public,
        "read with a seed": type(seeded).from_bytes(seeded.to_bytes(), params),
        "read without": type(public).from_bytes(public.to_bytes(), params),
        "attached": a,
        "copied": seeded.copy(),
        "sum": a + b,
        "sum with a plaintext": a + plaintext,
        "product": a * b,
        "negated": -a,
        "rotated": rotate(a, 1),
        "plaintext": plaintext,
        "decrypted": decryptor(params, secret).decrypt(seeded),
        "plaintext read": type(plaintext).from_bytes(plaintext.to_bytes(), params),
    }


def test_data__of_everything_handed_out_is_read_only(made):
    for name, value in made.items():
        before = value.to_bytes()
        with pytest.raises(ValueError, match="read-only"):
            value.data[...] = 0
        with pytest.raises(AttributeError):
            value.data = np.zeros_like(value.data)
        assert value.to_bytes() == before, name


def test_seeded_ciphertext__is_what_its_bytes_say(made):
    """Bytes hold the seed in place of c_1, so neither may change without the other."""
    ct = made["seeded"]
    with pytest.raises(ValueError, match="read-only"):
        ct.data[1, 0, 0] += 1
    with pytest.raises(AttributeError):
        ct.seed = bytes(32)
    again = type(ct).from_bytes(ct.to_bytes(), ct.params)
    assert (again.data == ct.data).all()


# Operators as NumPy users write them


@pytest.fixture(scope="module", params=sorted(SCHEMES))
def session(request):
    """A ciphertext of [1, 2, 3, 0, ..] with its evaluator, and what reads it."""
    build, (encoder, encryptor, decryptor, evaluator) = SCHEMES[request.param]
    params = build()
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, he.KeyNeeds(params.max_level))
    fresh = encryptor(params, secret).encrypt(encoder(params).encode([1, 2, 3]))
    attached = evaluator(params, keys).attach(fresh)

    def reveal(ct):
        decoded = encoder(params).decode(decryptor(params, secret).decrypt(ct))
        return np.asarray(decoded)[:3].real.round(3).tolist()

    return request.param, attached, reveal


SCALARS = [3, np.int64(3), np.uint8(3), np.int16(3), np.array(3), np.array(3, dtype=np.uint64)]
FLOATS = [3.0, np.float64(3), np.float32(3), np.array(3.0), np.float16(3), np.longdouble(3)]


@pytest.mark.parametrize("scalar", [*SCALARS, *FLOATS], ids=lambda s: f"{type(s).__name__}")
def test_numpy_scalars__are_scalars_on_both_sides(session, scalar):
    scheme, ct, reveal = session
    if scheme == "bfv" and not any(scalar is s for s in SCALARS):
        with pytest.raises(he.EncodingError, match="integers"):
            ct * scalar
        return
    for result in (ct * scalar, scalar * ct):
        assert type(result) is type(ct)
        assert reveal(result) == [3, 6, 9]
    for result in (ct + scalar, scalar + ct):
        assert reveal(result) == [4, 5, 6]
    assert reveal(ct - scalar) == [-2, -1, 0]
    assert reveal(scalar - ct) == [2, 1, 0]


def test_arrays__act_on_both_sides_as_one_operand(session):
    _, ct, reveal = session
    array = np.array([2, 3, 4])
    for result in (ct * array, array * ct):
        assert type(result) is type(ct)
        assert reveal(result) == [2, 6, 12]
    assert reveal(array + ct) == [3, 5, 7]
    assert reveal(array - ct) == [1, 1, 1]


def test_plus__is_the_ciphertext(session):
    _, ct, reveal = session
    assert +ct is ct
    assert reveal(+ct) == [1, 2, 3]


@pytest.mark.parametrize("divisor", [2, 2.0, np.float64(2), np.int32(2), np.array(2), 0.5, 10**30])
def test_division_by_a_number__is_a_product(session, divisor):
    scheme, ct, reveal = session
    if scheme == "bfv":
        with pytest.raises(he.UnsupportedOperationError, match="modulo t"):
            ct / divisor
        return
    assert reveal(ct / divisor) == [round(v / float(divisor), 3) for v in (1, 2, 3)]
    assert (ct / divisor).level == ct.level - 1


def test_division_by_a_vector__is_one_a_slot(session):
    scheme, ct, reveal = session
    if scheme == "ckks":
        divisors = np.full(ct.params.slots, 4.0)
        divisors[1] = 8
        assert reveal(ct / divisors) == [0.25, 0.25, 0.75]


@pytest.mark.parametrize(
    "divisor", [0, 0.0, np.array([1, 0]), np.nan, 10**400, 0j], ids=lambda d: str(d)[:9]
)
def test_division_by_zero__is_a_named_error(session, divisor):
    scheme, ct, _ = session
    if scheme == "ckks":
        with pytest.raises(he.EncodingError):
            ct / divisor


def test_division_by_and_of_ciphertexts__says_what_to_do(session):
    _, ct, _ = session
    for divide in (lambda: ct / ct, lambda: 1 / ct, lambda: np.ones(3) / ct, lambda: ct / "2"):
        with pytest.raises(he.UnsupportedOperationError):
            divide()


def test_comparisons_and_truth__are_refused_and_say_why(session):
    _, ct, _ = session
    other = ct.copy()
    for compare in (
        lambda: ct == other,
        lambda: ct != other,
        lambda: ct == 3,
        lambda: np.float64(3) == ct,
        lambda: ct < other,
        lambda: ct >= 0,
        lambda: other in [ct],
    ):
        with pytest.raises(he.UnsupportedOperationError, match=r"compared.*Decrypt first"):
            compare()
    for truth in (lambda: bool(ct), lambda: not ct, lambda: ct and other, lambda: any([ct])):
        with pytest.raises(he.UnsupportedOperationError, match="true or false"):
            truth()


def test_hash__is_that_of_the_object(session):
    _, ct, _ = session
    other = ct.copy()
    names = {ct: "a", other: "b"}
    assert (names[ct], names[other]) == ("a", "b")
    assert len({ct, other, ct}) == 2
    assert ct in [ct]  # an object is itself


# Copies and pickles


def test_pickle__brings_everything_but_the_evaluator(made):
    for name, value in made.items():
        again = pickle.loads(pickle.dumps(value))
        assert type(again) is type(value), name
        assert again.to_bytes() == value.to_bytes(), name
        assert (again.data == value.data).all(), name
        assert again.params == value.params
        assert not again.data.flags.writeable
        if hasattr(value, "parts"):
            with pytest.raises(he.NoEvaluatorError, match="attach"):
                again + 1


def test_pickle__reads_what_another_process_wrote(made):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for value in made.values():
            assert pickle.loads(pickle.dumps(value, protocol)).to_bytes() == value.to_bytes()


def test_copies__are_independent_and_keep_the_evaluator(session):
    _, ct, reveal = session
    assert copy.copy(ct) is ct
    for again in (ct.copy(), copy.deepcopy(ct), copy.deepcopy([ct])[0]):
        assert again.data is not ct.data
        assert not np.shares_memory(again.data, ct.data)
        assert again.evaluator is ct.evaluator
        assert again.seed == ct.seed
        assert reveal(again * 2) == [2, 4, 6]


def test_deepcopy__of_plaintexts_and_keys(made):
    plaintext = made["plaintext"]
    again = copy.deepcopy(plaintext)
    assert not np.shares_memory(again.data, plaintext.data)
    assert again.to_bytes() == plaintext.to_bytes()
    assert again.params is plaintext.params


def test_pickle__of_keys_and_needs():
    params = SCHEMES["ckks"][0]()
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    needs = he.KeyNeeds(2, {3: 1})
    for value in (generator.public_key(secret), generator.evaluation_keys(secret, needs), needs):
        again = pickle.loads(pickle.dumps(value))
        assert again.to_bytes() == value.to_bytes()
    encoder = he.Encoder(params)
    for worker in (encoder, he.Evaluator(params), generator, he.Decryptor(params, secret)):
        with pytest.raises(he.UnsupportedOperationError, match="make the others of them anew"):
            pickle.dumps(worker)
    assert copy.deepcopy(encoder).encode(1.0).to_bytes() == encoder.encode(1.0).to_bytes()

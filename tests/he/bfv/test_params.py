"""Parameter sets: what is built, what is refused, and their bytes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he import KeyGenerator
from he.bfv import BatchEncoder, BFVParameters, Ciphertext, Decryptor, Encryptor, Evaluator
from he.bfv import Plaintext as BFVPlaintext
from he.bfv.params import MAX_PLAIN_BITS, plain_moduli
from he.errors import (
    CorruptBytesError,
    InsecureParametersError,
    ParameterError,
    ParametersMismatchError,
)
from he.rlwe import security
from he.rlwe.key_needs import KeyNeeds
from ntt import find_primes, is_prime


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("bits", [17, 33])
def test_build__secure_and_deep_enough(depth, bits):
    params = BFVParameters.build(depth, plain_bits=bits)
    assert params.batches
    assert params.log_qp <= security.max_log_qp(params.N, 128)
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, KeyNeeds(relinearization=params.max_level))
    evaluator, encoder = Evaluator(params, keys), BatchEncoder(params)
    encryptor = Encryptor(params, generator.public_key(secret))
    x = np.random.default_rng(1).integers(0, params.t, params.N)
    ct, expected = evaluator.attach(encryptor.encrypt(encoder.encode(x))), x.astype(object)
    for _ in range(depth):
        ct, expected = ct * ct, expected * expected % params.t
    assert ct.predicted_budget >= 0
    decoded = encoder.decode_residues(Decryptor(params, secret).decrypt(ct))
    assert [int(v) for v in decoded] == [int(v) for v in expected]


def test_build__takes_the_smallest_degree_that_fits():
    params = BFVParameters.build(2, plain_bits=20)
    with pytest.raises(InsecureParametersError):
        BFVParameters.build(2, plain_bits=20, N=params.N // 2)
    assert BFVParameters.build(2, plain_bits=20, N=2 * params.N).N == 2 * params.N


def test_build__spare_bits_and_log_q():
    base = BFVParameters.build(1, plain_bits=20, N=8192)
    spare = BFVParameters.build(1, plain_bits=20, N=8192, spare_bits=30)
    top = base.max_level
    assert spare.log_q(spare.max_level) - base.log_q(top) == pytest.approx(30, abs=2)
    assert BFVParameters.build(0, N=8192, log_q=120).log_q(2) == pytest.approx(120, abs=1)


def test_build__refusals():
    for arguments in (
        {"depth": -1}, {"depth": 1.5}, {"depth": 1, "plain_bits": 61},
        {"depth": 1, "plain_bits": 20, "plain_modulus": 97}, {"depth": 1, "spare_bits": -1},
        {"depth": 1, "plain_bits": 10, "N": 8192}, {"depth": 0, "N": 4096, "dnum": 9},
        {"depth": 60, "plain_bits": 60},
    ):
        with pytest.raises(ParameterError):
            BFVParameters.build(**arguments)


def test_parameters__refuse_a_plain_modulus_out_of_range():
    q = find_primes(40, 64, 3)
    for t in (0, 1, 1 << 60, q[0], 2 * q[1]):
        with pytest.raises(ParameterError, match="plain modulus"):
            BFVParameters(
                N=64, q=q[:2], p=q[2:], digit_limbs=1, t=t, insecure_reason="unit test"
            )


def test_parameters__schemes_never_equal(small):
    from he import CKKSParameters

    p = small.params
    other = CKKSParameters(
        N=p.N, q=p.q, p=p.p, digit_limbs=p.digit_limbs, scales=(2.0**30,) * len(p.q),
        insecure_reason="unit test",
    )
    assert other != p
    assert other.id != p.id


# ---------------------------------------------------------------- bytes


def test_bytes__round_trip(scheme):
    params = scheme.params
    again = BFVParameters.from_bytes(params.to_bytes(), insecure_reason="unit test")
    assert again == params
    assert again.id == params.id
    x = scheme.slots(1)
    product = scheme.evaluator.tensor(scheme.encrypt(x), scheme.encrypt(x))
    for ct in (scheme.encrypt(x), scheme.encrypt(x, public=False), product):
        read = Ciphertext.from_bytes(ct.to_bytes(), params)
        assert np.array_equal(read.data, ct.data)
        assert (read.noise, read.seed) == (ct.noise, ct.seed)
    plaintext = scheme.encoder.encode(np.array(x, dtype=np.int64))
    read = BFVPlaintext.from_bytes(plaintext.to_bytes(), params)
    assert np.array_equal(read.data, plaintext.data)


def test_bytes__a_seed_halves_a_fresh_ciphertext(small):
    x = small.slots(1)
    full, seeded = (len(small.encrypt(x, public=p).to_bytes()) for p in (True, False))
    assert seeded < 0.52 * full


def test_bytes__refused_under_other_parameters(small):
    other = BFVParameters.build(1, N=256, plain_bits=16, insecure_reason="unit test")
    with pytest.raises(ParametersMismatchError):
        Ciphertext.from_bytes(small.encrypt(small.slots(1)).to_bytes(), other)


@pytest.mark.parametrize(
    "item",
    [
        [99, 2, -10.0, 1, b""], [0, 4, -10.0, 1, b""], [0, 2, float("nan"), 1, b""],
        [0, 2, -1e9, 1, b""], [0, 2, -10.0, -1, b""], [0, 2, -10.0, 1, b"x"], [0, 2], None,
        [0, 3, -10.0, 1, bytes(32)],
    ],
)
def test_bytes__nothing_out_of_range_is_read(small, item):
    from he.format.container import pack
    from he.format.residue_packing import pack_residues

    data = small.encrypt(small.slots(1)).data[:, :1]
    section = pack_residues(np.ascontiguousarray(data), small.params.q[:1])
    forged = pack("bfv ciphertext", {"params": small.params.id, "item": item}, {"0": section})
    with pytest.raises(CorruptBytesError):
        Ciphertext.from_bytes(forged, small.params)


@pytest.mark.parametrize("bits", [20, 63, 120])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_plain_moduli__batch_and_exceed_the_product_but_barely(bits: int, count: int) -> None:
    product, N = (1 << bits) - 7, 1024
    moduli = plain_moduli(product, N, count)
    if bits / count >= MAX_PLAIN_BITS:
        assert moduli == ()
        return
    assert len(set(moduli)) == count
    assert math.prod(moduli) > product
    assert all(is_prime(t) and t % (2 * N) == 1 for t in moduli)
    # The primes that batch lie about 2N ln(t) apart: none is far above the root.
    root = product ** (1 / count)
    assert max(moduli) <= root + 2 * N * 60 * (count + 5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"depth": 1.5}, "depth is 1.5"),
        ({"depth": True}, "depth is True"),
        ({"depth": 1, "plain_bits": 0}, "plain_bits = 0: it must be from 2 to 60"),
        ({"depth": 1, "plain_bits": 20.0}, "plain_bits is 20.0"),
        ({"depth": 1, "plain_modulus": 0}, "plain_modulus = 0"),
        ({"depth": 1, "plain_modulus": "65537"}, "plain_modulus is '65537'"),
        ({"depth": 1, "spare_bits": math.nan}, "spare_bits is nan"),
        ({"depth": 1, "spare_bits": 1e9}, "spare_bits = 1e[+]09"),
        ({"depth": 1, "log_q": 0}, "log_q = 0"),
        ({"depth": 1, "log_q": math.inf}, "log_q is inf"),
        ({"depth": 1, "dnum": 0}, "dnum = 0"),
        ({"depth": 1, "dnum": 1.5}, "dnum is 1.5"),
        ({"depth": 1, "N": "8192"}, "N is '8192'"),
    ],
)
def test_build__names_bad_arguments(arguments, match):
    with pytest.raises(ParameterError, match=match):
        BFVParameters.build(**arguments)


def test_build__takes_numbers_of_numpy():
    given = BFVParameters.build(
        np.int64(1), plain_bits=np.int32(17), N=np.uint16(256), dnum=np.array(1),
        spare_bits=np.float32(2), insecure_reason="unit test",
    )  # fmt: skip
    plain = BFVParameters.build(
        1, plain_bits=17, N=256, dnum=1, spare_bits=2.0, insecure_reason="unit test"
    )
    assert given == plain
    assert given.id == plain.id
    made = BFVParameters(
        N=256, q=list(plain.q), p=np.array(plain.p), digit_limbs=plain.digit_limbs,
        t=np.int64(plain.t), insecure_reason="unit test",
    )  # fmt: skip
    assert made.id == plain.id
    assert type(made.t) is int

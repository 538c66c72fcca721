"""BFV on Pyfhel's ciphertexts and keys, and on ours: exactly SEAL's residues but for products.

SEAL multiplies in the manner of Bajard, Eynard, Hasan and Zucca, we in that of Kim, Polyakov and
Zucca: both round the exact product, with other errors, so that they are compared by plaintext and
noise budget. Pyfhel switches no BFV moduli; test_crosscheck_tenseal.py does.
"""

from __future__ import annotations

import numpy as np
import pytest

from he import bfv
from he.interop.seal import Format, Version
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

pytestmark = pytest.mark.crosscheck

STEPS = [1, 2]
# N, plain modulus, bits of the primes (the special one last); 60-bit primes, t of 40 and 60 bits.
CHAINS = {
    "N64_30bit": (64, 257, [30, 28, 30, 31]),
    "N64_60bit": (64, 12289, [60, 60, 60, 60]),
    "N4096_36bit": (4096, 65537, [36, 36, 37]),
    "N8192_54bit": (8192, 1032193, [43, 43, 44, 44, 44]),
    "N8192_wide_t": (8192, 1099510054913, [60, 60, 60, 40]),
    "N4096_60bit_t": (4096, 576460752303439873, [60, 60, 60, 60, 60]),
    "N16384_48bit": (16384, 786433, [48, 48, 48, 49, 49, 49, 49, 49, 49]),
}
SMALL = [name for name in CHAINS if CHAINS[name][0] <= 8192]


@pytest.fixture(scope="module", params=list(CHAINS))
def session(request, bfv_session):
    return bfv_session(*CHAINS[request.param], STEPS)


def integers(session, seed):
    t, N = session.converter.params.t, session.converter.params.N
    return np.random.default_rng(seed).integers(-(t // 2), t // 2, N, endpoint=True)


def check_linear_operations(session, evaluator, comparisons, a, b, plaintext, what):
    """Every operation but the product, at every level from theirs down."""
    seal, ours = session.seal, session.ours
    plain = session.module.PyPtxt(
        pyfhel=seal, bytestring=session.converter.save_plaintext(plaintext), scheme="bfv"
    )
    for level in range(a.level, -1, -1):
        a, b = evaluator.mod_switch_to(a, level), evaluator.mod_switch_to(b, level)
        x, y = session.theirs(a), session.theirs(b)

        def same(name, mine, theirs, at=f"{what}, level {level}"):
            comparisons.equal(f"{name}, {at}", mine.data, ours(theirs).data)

        same("add", evaluator.add(a, b), seal.add(x, y, in_new_ctxt=True))
        same("subtract", evaluator.subtract(a, b), seal.sub(x, y, in_new_ctxt=True))
        same("negate", evaluator.negate(a), seal.negate(x, in_new_ctxt=True))
        same("add plain", evaluator.add(a, plaintext), seal.add_plain(x, plain, in_new_ctxt=True))
        same(
            "subtract plain",
            evaluator.subtract(a, plaintext),
            seal.sub_plain(x, plain, in_new_ctxt=True),
        )
        same(
            "multiply plain",
            evaluator.multiply_plain(a, plaintext),
            seal.multiply_plain(x, plain, in_new_ctxt=True),
        )
        for step in STEPS:
            same(
                f"rotate rows {step}",
                evaluator.rotate_rows(a, step),
                seal.rotate(x, step, in_new_ctxt=True),
            )
        same("rotate columns", evaluator.rotate_columns(a), seal.flip(x, in_new_ctxt=True))
        product = seal.multiply(x, y, in_new_ctxt=True)
        loaded = ours(product)
        seal.relinearize(product)
        same("relinearize", evaluator.relinearize(loaded), product)


def test_evaluator__equals_seal_on_pyfhel_ciphertexts_and_keys(session, comparisons):
    encoder = bfv.BatchEncoder(session.converter.params)
    a, b = (session.ours(session.seal.encryptInt(integers(session, seed))) for seed in (1, 2))
    plaintext = encoder.encode(integers(session, 3))
    evaluator = session.evaluator(session.keys())
    check_linear_operations(session, evaluator, comparisons, a, b, plaintext, "encryptions")


def test_evaluator__equals_seal_on_arbitrary_residues(session, comparisons):
    params = session.converter.params
    a, b = (session.random_ciphertext(params.max_level, 2, seed) for seed in (4, 5))
    # The largest coefficients on either side of zero, where the lift to Q changes sign.
    coefficients = np.arange(params.N, dtype=np.uint64) % np.uint64(params.t)
    coefficients[:3] = [params.t - 1, params.t // 2, params.t // 2 + 1]
    plaintext = bfv.Plaintext(params, coefficients)
    evaluator = session.evaluator(session.keys())
    check_linear_operations(session, evaluator, comparisons, a, b, plaintext, "arbitrary residues")


def test_product__equals_that_of_seal_in_plaintext_and_noise_budget(session, comparisons):
    evaluator = session.evaluator(session.keys())
    secret = session.converter.load_secret_key(session.seal.to_bytes_secret_key())
    decryptor = bfv.Decryptor(session.converter.params, secret)
    a, b = (session.ours(session.seal.encryptInt(integers(session, seed))) for seed in (6, 7))
    for level in range(a.level, -1, -1):
        a, b = evaluator.mod_switch_to(a, level), evaluator.mod_switch_to(b, level)
        theirs = session.seal.multiply(session.theirs(a), session.theirs(b), in_new_ctxt=True)
        loaded, mine = session.ours(theirs), evaluator.tensor(a, b)
        budget = decryptor.noise_budget(loaded)
        assert abs(decryptor.noise_budget(mine) - budget) <= 1
        # SEAL counts in whole bits: the bit length of Q and of the noise, each less than one over.
        assert abs(session.seal.noise_level(theirs) - max(budget, 0)) < 1
        if budget < 2:
            break
        expected = decryptor.decrypt(loaded)
        comparisons.equal(
            f"product, level {level}", decryptor.decrypt(mine).data, expected.data
        )
        decrypted = session.seal.decryptPtxt(session.theirs(mine))
        comparisons.equal(
            f"product in Pyfhel, level {level}",
            session.converter.load_plaintext(decrypted.to_bytes()).data,
            expected.data,
        )


@pytest.mark.parametrize("chain", SMALL)
def test_encoding__equals_that_of_seal(chain, bfv_session, comparisons):
    session = bfv_session(*CHAINS[chain], STEPS)
    encoder = bfv.BatchEncoder(session.converter.params)
    values = integers(session, 8)
    theirs = session.seal.encodeInt(values)
    loaded = session.converter.load_plaintext(theirs.to_bytes())
    comparisons.equal("encode", encoder.encode(values).data, loaded.data)
    comparisons.equal("decode", encoder.decode(loaded), session.seal.decodeInt(theirs))


@pytest.mark.parametrize("chain", SMALL)
@pytest.mark.parametrize("kind", ["symmetric", "public"])
def test_our_keys_and_ciphertexts__work_in_pyfhel(chain, kind, bfv_session, comparisons):
    session = bfv_session(*CHAINS[chain], STEPS)
    converter, seal, params = session.converter, session.seal, session.converter.params
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    public = generator.public_key(secret)
    top = params.max_level
    elements = {pow(3, step, 2 * params.N): top for step in STEPS} | {2 * params.N - 1: top}
    keys = generator.evaluation_keys(secret, KeyNeeds(top, elements))
    seal.from_bytes_secret_key(converter.save_secret_key(secret))
    seal.from_bytes_public_key(converter.save_public_key(public))
    seal.from_bytes_relin_key(converter.save_relin_keys(keys))
    seal.from_bytes_rotate_key(converter.save_galois_keys(keys))
    encoder, decryptor = bfv.BatchEncoder(params), bfv.Decryptor(params, secret)
    plaintext = encoder.encode(integers(session, 9))
    a = bfv.Encryptor(params, secret if kind == "symmetric" else public).encrypt(plaintext)
    decrypted = converter.load_plaintext(seal.decryptPtxt(session.theirs(a)).to_bytes())
    comparisons.equal("decrypt in Pyfhel", plaintext.data, decrypted.data)
    b = session.ours(seal.encryptInt(integers(session, 10)))
    expected = encoder.encode(integers(session, 10))
    comparisons.equal("decrypt here", decryptor.decrypt(b).data, expected.data)
    evaluator = session.evaluator(keys)
    check_linear_operations(session, evaluator, comparisons, a, b, plaintext, "our keys")


@pytest.mark.parametrize("chain", SMALL)
def test_our_seeded_ciphertext__expands_and_decrypts_in_pyfhel(chain, bfv_session, comparisons):
    session = bfv_session(*CHAINS[chain], STEPS)
    converter, seal = session.converter, session.seal
    secret = converter.load_secret_key(seal.to_bytes_secret_key())
    plaintext = bfv.BatchEncoder(converter.params).encode(integers(session, 11))
    data = converter.encrypt_seeded(plaintext, secret)
    theirs = session.module.PyCtxt(pyfhel=seal, bytestring=data, scheme="bfv")
    ours = converter.load_ciphertext(data)
    comparisons.equal("our seed", ours.data, session.ours(theirs).data)
    decrypted = converter.load_plaintext(seal.decryptPtxt(theirs).to_bytes())
    comparisons.equal("decrypt", plaintext.data, decrypted.data)


@pytest.mark.parametrize("chain", SMALL)
def test_keys__come_back_as_the_same_bytes(chain, bfv_session, comparisons):
    session = bfv_session(*CHAINS[chain], STEPS)
    converter, seal, keys = session.converter, session.seal, session.keys()
    newest = Format(version=Version(4, 1))
    secret = converter.load_secret_key(seal.to_bytes_secret_key())
    public = converter.load_public_key(seal.to_bytes_public_key())
    for ours, theirs in (
        (converter.save_secret_key(secret, newest), seal.to_bytes_secret_key()),
        (converter.save_public_key(public, newest), seal.to_bytes_public_key()),
        (converter.save_relin_keys(keys, newest), seal.to_bytes_relin_key()),
        (converter.save_galois_keys(keys, newest), seal.to_bytes_rotate_key()),
    ):
        comparisons.equal("keys", np.frombuffer(ours, np.uint8), np.frombuffer(theirs, np.uint8))

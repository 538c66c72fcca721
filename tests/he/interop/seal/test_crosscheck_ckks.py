"""CKKS on Pyfhel's ciphertexts and keys, and on ours: exactly the residues of SEAL."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.encryption import Decryptor, Encryptor
from he.interop.seal import Format, Version
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

pytestmark = pytest.mark.crosscheck

STEPS = [1, 2, 4]
VERSION = Version(4, 1)
# N, bits of the primes (the special one last), scale. Special primes larger than, equal to and
# smaller than the others; 60-bit primes throughout, which only the scalar kernels hold.
CHAINS = {
    "N64_28bit": (64, [30, 28, 28, 30], 2.0**28),
    "N64_60bit": (64, [60, 60, 60, 60], 2.0**40),
    "N1024_mixed": (1024, [50, 30, 45, 35, 58], 2.0**30),
    "N4096_36bit": (4096, [36, 36, 37], 2.0**28),
    "N8192_40bit": (8192, [60, 40, 40, 60], 2.0**40),
    "N8192_small_special": (8192, [60, 50, 50, 40], 2.0**50),
    "N16384_50bit": (16384, [60, 50, 50, 50, 50, 50, 60], 2.0**50),
    "N32768_60bit": (32768, [60, 60, 60, 60], 2.0**50),
}
SMALL = [name for name in CHAINS if CHAINS[name][0] <= 8192]


@pytest.fixture(scope="module", params=list(CHAINS))
def session(request, ckks_session):
    N, bits, scale = CHAINS[request.param]
    return ckks_session(N, bits, scale, STEPS)


def values(session, seed):
    return np.random.default_rng(seed).uniform(-1, 1, session.converter.params.slots)


def check_all_operations(session, evaluator, comparisons, a, b, what):
    """Every deterministic operation on two ciphertexts, at every level from theirs down."""
    seal, ours = session.seal, session.ours
    for level in range(a.level, -1, -1):
        a, b = evaluator.drop_limbs(a, level), evaluator.drop_limbs(b, level)
        x, y = session.theirs(a), session.theirs(b)
        at = f"{what}, level {level}"

        def same(name, mine, theirs, at=at):
            loaded = ours(theirs)
            comparisons.equal(f"{name}, {at}", mine.data, loaded.data)
            assert mine.scale == loaded.scale

        same("add", evaluator.add(a, b), seal.add(x, y, in_new_ctxt=True))
        same("subtract", evaluator.subtract(a, b), seal.sub(x, y, in_new_ctxt=True))
        same("negate", evaluator.negate(a), seal.negate(x, in_new_ctxt=True))
        product = evaluator.tensor(a, b)
        theirs = seal.multiply(x, y, in_new_ctxt=True)
        same("tensor", product, theirs)
        same("square", evaluator.tensor(a, a), seal.square(x, in_new_ctxt=True))
        seal.relinearize(theirs)
        relinearized = evaluator.relinearize(product)
        same("relinearize", relinearized, theirs)
        for step in STEPS:
            theirs_rotated = seal.rotate(x, step, in_new_ctxt=True)
            same(f"rotate {step}", evaluator.rotate(a, step), theirs_rotated)
        if level:
            seal.rescale_to_next(theirs)
            same("rescale", evaluator.rescale(relinearized), theirs)
            same("both at once", evaluator.relinearize_rescale(product), theirs)
            seal.mod_switch_to_next(x)
            same("mod switch", evaluator.drop_limbs(a, level - 1), x)


def test_evaluator__equals_seal_on_pyfhel_ciphertexts_and_keys(session, comparisons):
    scale = 2.0**8
    a, b = (
        session.ours(session.seal.encryptFrac(values(session, seed), scale=scale))
        for seed in (1, 2)
    )
    check_all_operations(session, session.evaluator(), comparisons, a, b, "encryptions")


def test_evaluator__equals_seal_on_arbitrary_residues(session, comparisons):
    top = session.converter.params.max_level
    a, b = (session.random_ciphertext(top, 2, seed) for seed in (3, 4))
    check_all_operations(session, session.evaluator(), comparisons, a, b, "arbitrary residues")


@pytest.mark.parametrize("chain", SMALL)
def test_evaluator__equals_seal_with_our_keys(chain, ckks_session, comparisons):
    session = ckks_session(*CHAINS[chain], STEPS)
    converter, seal, params = session.converter, session.seal, session.converter.params
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    elements = {pow(3, step, 2 * params.N): params.max_level for step in STEPS}
    keys = generator.evaluation_keys(secret, KeyNeeds(params.max_level, elements))
    seal.from_bytes_secret_key(converter.save_secret_key(secret))
    seal.from_bytes_public_key(converter.save_public_key(generator.public_key(secret)))
    seal.from_bytes_relin_key(converter.save_relin_keys(keys))
    seal.from_bytes_rotate_key(converter.save_galois_keys(keys))
    evaluator = type(session.evaluator())(params, keys)

    slots = values(session, 5)
    theirs = seal.encryptFrac(slots, scale=2.0**8)
    a, b = session.ours(theirs), session.random_ciphertext(params.max_level, 2, 6)
    check_all_operations(session, evaluator, comparisons, a, b, "our keys")
    decrypted = converter.load_plaintext(seal.decryptPtxt(theirs).to_bytes())
    comparisons.equal("decrypt", Decryptor(params, secret).decrypt(a).data, decrypted.data)


@pytest.mark.parametrize("chain", SMALL)
@pytest.mark.parametrize("kind", ["symmetric", "public"])
def test_decryption__of_our_ciphertexts_in_pyfhel(chain, kind, ckks_session, comparisons):
    session = ckks_session(*CHAINS[chain], STEPS)
    converter, seal, params = session.converter, session.seal, session.converter.params
    secret = converter.load_secret_key(seal.to_bytes_secret_key())
    public = converter.load_public_key(seal.to_bytes_public_key())
    encryptor = Encryptor(params, secret if kind == "symmetric" else public)
    evaluator = session.evaluator()
    plaintext = evaluator.encoder.encode(values(session, 7))
    ciphertext = encryptor.encrypt(plaintext)
    theirs = seal.decryptPtxt(session.theirs(ciphertext))
    mine = Decryptor(params, secret).decrypt(ciphertext)
    loaded = converter.load_plaintext(theirs.to_bytes())
    comparisons.equal("decrypt", mine.data, loaded.data)
    # Two float64 FFTs, each with the relative error of the encoder's docstring.
    decoded = evaluator.encoder.decode_real(mine)
    bound = 2 * transform_error(params.N) * np.sqrt(np.sum(decoded**2))
    assert np.abs(decoded - seal.decodeFrac(theirs)).max() <= bound


@pytest.mark.parametrize("chain", SMALL)
def test_our_seeded_ciphertext__expands_and_decrypts_in_pyfhel(chain, ckks_session, comparisons):
    session = ckks_session(*CHAINS[chain], STEPS)
    converter, seal = session.converter, session.seal
    secret = converter.load_secret_key(seal.to_bytes_secret_key())
    plaintext = session.evaluator().encoder.encode(values(session, 8))
    data = converter.encrypt_seeded(plaintext, secret)
    theirs = session.module.PyCtxt(pyfhel=seal, bytestring=data, scheme="ckks")
    ours = converter.load_ciphertext(data)
    comparisons.equal("our seed", ours.data, session.ours(theirs).data)
    # Half the length and a seed, and what it decrypts to is the plaintext but for one Gaussian.
    assert len(data) < 0.6 * len(theirs.to_bytes())
    decrypted = Decryptor(converter.params, secret).decrypt(ours)
    ops = session.evaluator().context.q(plaintext.level)
    error = ops.subtract(np.empty_like(plaintext.data), decrypted.data, plaintext.data)
    q = converter.params.q[0]
    centred = (ops.inverse(error)[0].astype(object) + q // 2) % q - q // 2
    # he.rlwe.sampling cuts the Gaussian of standard deviation 3.2 at 30.
    assert 0 < max(abs(centred)) <= 30
    comparisons.equal(
        "decrypt",
        Decryptor(converter.params, secret).decrypt(ours).data,
        converter.load_plaintext(seal.decryptPtxt(theirs).to_bytes()).data,
    )


@pytest.mark.parametrize("chain", SMALL)
def test_keys__come_back_as_the_same_bytes(chain, ckks_session, comparisons):
    session = ckks_session(*CHAINS[chain], STEPS)
    converter, seal = session.converter, session.seal
    keys = session.keys()
    pairs = {
        "secret": (
            converter.save_secret_key(
                converter.load_secret_key(seal.to_bytes_secret_key()), Format(version=VERSION)
            ),
            seal.to_bytes_secret_key(),
        ),
        "public": (
            converter.save_public_key(
                converter.load_public_key(seal.to_bytes_public_key()), Format(version=VERSION)
            ),
            seal.to_bytes_public_key(),
        ),
        "relinearization": (
            converter.save_relin_keys(keys, Format(version=VERSION)),
            seal.to_bytes_relin_key(),
        ),
        "galois": (
            converter.save_galois_keys(keys, Format(version=VERSION)),
            seal.to_bytes_rotate_key(),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        comparisons.equal(name, np.frombuffer(ours, np.uint8), np.frombuffer(theirs, np.uint8))


@pytest.mark.parametrize("chain", SMALL)
@pytest.mark.parametrize("scale_bits", [20, 30, 40])
def test_encoding__equals_seal_wherever_both_round_alike(
    chain, scale_bits, ckks_session, comparisons
):
    """Both round the same real coefficients, each known to within a float64 FFT's error.

    A coefficient farther than that error from a half integer must come out the same; one nearer may
    differ by one, 1 / scale in that coefficient. (On an exact half SEAL rounds away from zero and
    we round to even.)
    """
    session = ckks_session(*CHAINS[chain], STEPS)
    converter, params = session.converter, session.converter.params
    encoder = session.evaluator().encoder
    slots = values(session, scale_bits)
    scale = 2.0**scale_bits
    theirs = converter.load_plaintext(session.seal.encodeFrac(slots, scale=scale).to_bytes())
    mine = encoder.encode(slots, params.max_level, scale)
    exact = encoder.coefficients(slots, scale)
    error = 2 * transform_error(params.N) * np.sqrt(np.sum(exact**2))
    assert error < 0.25
    safe = np.abs(exact - np.floor(exact) - 0.5) > error
    ops = encoder._context.q(params.max_level)
    a, b = ops.inverse(mine.data.copy()), ops.inverse(theirs.data.copy())
    comparisons.equal("encode", a[:, safe], b[:, safe])
    moduli = np.array(params.q, dtype=object)[:, None]
    difference = (a[:, ~safe].astype(object) - b[:, ~safe].astype(object)) % moduli
    assert np.isin(difference, [0, 1, *(q - 1 for q in params.q)]).all()


def transform_error(N):
    """Root mean square relative error of a float64 FFT of size N/2 and its twist (Encoder)."""
    return 2.0**-53 * (3 + 5 * np.log2(N / 2))

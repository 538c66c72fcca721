"""A newer SEAL (4.3, zstd) through TenSEAL: seeded and compressed bytes, and what Pyfhel lacks.

That is CKKS conjugation and BFV's switch to a smaller modulus.
"""

from __future__ import annotations

import numpy as np
import pytest

from he import bfv
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.interop.seal import (
    BFVConverter,
    CKKSConverter,
    Compression,
    EncryptionParameters,
    Format,
    SEALBFVEvaluator,
    SEALEvaluator,
    Version,
)
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator

pytestmark = pytest.mark.crosscheck

SCALE = 2.0**30
REASON = "a comparison of residues: nothing is protected"


CHAINS = [(64, [40, 30, 30, 40]), (4096, [36, 36, 37])]


@pytest.fixture(scope="module", params=CHAINS)
def peer(request, tenseal, tmp_path_factory):
    return CKKSPeer(tenseal.sealapi, *request.param, tmp_path_factory.mktemp("seal"))


@pytest.fixture(scope="module", params=[(*chain, t) for chain in CHAINS for t in (40961, 65536)])
def bfv_peer(request, tenseal, tmp_path_factory):
    return BFVPeer(tenseal.sealapi, *request.param, tmp_path_factory.mktemp("seal"))


@pytest.fixture(params=["ckks", "bfv"])
def any_peer(request, tenseal, tmp_path_factory):
    N, bits = CHAINS[0]
    folder = tmp_path_factory.mktemp("seal")
    if request.param == "ckks":
        return CKKSPeer(tenseal.sealapi, N, bits, folder)
    return BFVPeer(tenseal.sealapi, N, bits, 40961, folder)


class Peer:
    """A SEAL context with keys, whose objects are exchanged through files."""

    def __init__(self, api, parameters, N, bits, folder):
        self.api, self.file = api, str(folder / "object")
        parameters.set_poly_modulus_degree(N)
        parameters.set_coeff_modulus(api.CoeffModulus.Create(N, bits))
        self.parameters = parameters
        self.context = api.SEALContext(parameters, True, api.SEC_LEVEL_TYPE.NONE)
        self.generator = api.KeyGenerator(self.context)
        self.evaluator = api.Evaluator(self.context)

    def bytes_of(self, obj):
        """What SEAL saves: compressed with zstd, and seeded where it can be."""
        obj.save(self.file)
        with open(self.file, "rb") as file:
            return file.read()

    def loaded(self, kind, data):
        """What SEAL loads."""
        with open(self.file, "wb") as file:
            file.write(data)
        obj = kind()
        obj.load(self.context, self.file)
        return obj


class CKKSPeer(Peer):
    def __init__(self, api, N, bits, folder):
        super().__init__(api, api.EncryptionParameters(api.SCHEME_TYPE.CKKS), N, bits, folder)
        data = self.bytes_of(self.parameters)
        self.converter = CKKSConverter(data, SCALE, insecure_reason=REASON)

    def plaintext(self, seed):
        """An encoded vector."""
        encoder = self.api.CKKSEncoder(self.context)
        plain = self.api.Plaintext()
        values = np.random.default_rng(seed).uniform(-1, 1, self.converter.params.slots)
        encoder.encode(values.tolist(), SCALE, plain)
        return plain


class BFVPeer(Peer):
    def __init__(self, api, N, bits, t, folder):
        parameters = api.EncryptionParameters(api.SCHEME_TYPE.BFV)
        parameters.set_plain_modulus(t)
        super().__init__(api, parameters, N, bits, folder)
        self.converter = BFVConverter(self.bytes_of(parameters), insecure_reason=REASON)


def test_parameters__come_back_as_the_same_bytes(peer):
    data = peer.converter.save_parameters()
    assert EncryptionParameters.from_bytes(data) == peer.converter.parameters


def test_symmetric_ciphertext__expands_and_decrypts(peer, comparisons):
    secret = peer.generator.secret_key()
    encryptor = peer.api.Encryptor(peer.context, secret)
    data = peer.bytes_of(encryptor.encrypt_symmetric(peer.plaintext(1)))
    assert data[5] == Compression.ZSTD
    ours = peer.converter.load_ciphertext(data)
    theirs = peer.loaded(peer.api.Ciphertext, data)
    again = peer.converter.load_ciphertext(peer.bytes_of(theirs))
    comparisons.equal("seeded and compressed", ours.data, again.data)
    plain = peer.api.Plaintext()
    peer.api.Decryptor(peer.context, secret).decrypt(theirs, plain)
    key = peer.converter.load_secret_key(peer.bytes_of(secret))
    mine = Decryptor(peer.converter.params, key).decrypt(ours)
    decrypted = peer.converter.load_plaintext(peer.bytes_of(plain))
    comparisons.equal("decrypt", mine.data, decrypted.data)


def test_seeded_keys__conjugate_relinearize_and_rotate_as_seal_does(peer, comparisons):
    N = peer.converter.params.N
    elements = [2 * N - 1, 3, pow(3, 5, 2 * N)]
    relin = peer.bytes_of(peer.generator.create_relin_keys())
    galois = peer.bytes_of(peer.generator.create_galois_keys(elements))
    seeded_bytes = len(relin)
    keys = peer.converter.load_evaluation_keys(relin, galois)
    # Half of the key is a seed, so that even with the zstd frame it is below the full residues.
    assert seeded_bytes < keys.relinearization.data.nbytes
    evaluator = SEALEvaluator(peer.converter.params, keys)
    secret = peer.generator.secret_key()
    theirs = peer.api.Ciphertext()
    peer.api.Encryptor(peer.context, secret).encrypt_symmetric(peer.plaintext(2), theirs)
    ours = peer.converter.load_ciphertext(peer.bytes_of(theirs))
    their_galois = peer.loaded(peer.api.GaloisKeys, galois)
    for element in elements:
        out = peer.api.Ciphertext()
        peer.evaluator.apply_galois(theirs, element, their_galois, out)
        expected = peer.converter.load_ciphertext(peer.bytes_of(out))
        comparisons.equal(
            f"element {element}", evaluator.automorphism(ours, element).data, expected.data
        )
    conjugated = peer.api.Ciphertext()
    peer.evaluator.complex_conjugate(theirs, their_galois, conjugated)
    expected = peer.converter.load_ciphertext(peer.bytes_of(conjugated))
    comparisons.equal("conjugate", evaluator.conjugate(ours).data, expected.data)
    product = peer.api.Ciphertext()
    peer.evaluator.multiply(theirs, theirs, product)
    peer.evaluator.relinearize_inplace(product, peer.loaded(peer.api.RelinKeys, relin))
    expected = peer.converter.load_ciphertext(peer.bytes_of(product))
    mine = evaluator.relinearize(evaluator.tensor(ours, ours))
    comparisons.equal("relinearize", mine.data, expected.data)


@pytest.mark.parametrize("compression", list(Compression))
def test_our_bytes__load_in_seal(peer, compression, comparisons):
    encryptor = peer.api.Encryptor(peer.context, peer.generator.secret_key())
    theirs = peer.api.Ciphertext()
    encryptor.encrypt_symmetric(peer.plaintext(3), theirs)
    ours = peer.converter.load_ciphertext(peer.bytes_of(theirs))
    data = peer.converter.save_ciphertext(ours, Format(compression))
    loaded = peer.loaded(peer.api.Ciphertext, data)
    again = peer.converter.load_ciphertext(peer.bytes_of(loaded))
    comparisons.equal(f"ciphertext, {compression.name}", ours.data, again.data)


VERSIONS = [Version(3, 4), Version(3, 5), Version(3, 6), Version(3, 7), Version(4, 3)]
FORMATS = [
    Format(c, v) for v in VERSIONS for c in Compression if c < Compression.ZSTD or v.has_zstd
]


def written_by_us(peer, how):
    """(name, SEAL's kind, bytes, how they are read here) of every object, full and seeded."""
    api, converter, params = peer.api, peer.converter, peer.converter.params
    generator = KeyGenerator(params)
    secret, N, top = generator.secret_key(), params.N, params.max_level
    public = generator.public_key(secret)
    keys = generator.evaluation_keys(secret, KeyNeeds(top, {3: top, 2 * N - 1: top}))
    if isinstance(converter, BFVConverter):
        message = bfv.Plaintext(params, np.arange(N, dtype=np.uint64) % np.uint64(params.t))
        ciphertext = bfv.Encryptor(params, public).encrypt(message)
    else:
        message = Encoder(params).encode(np.linspace(-1, 1, N // 2))
        ciphertext = Encryptor(params, public).encrypt(message)
    secret_key = converter.save_secret_key(secret, how)
    yield "secret key", api.SecretKey, secret_key, lambda data: converter.load_secret_key(
        data
    ).transformed
    for name, kind, data, load in (
        ("plaintext", api.Plaintext, converter.save_plaintext(message, how), "plaintext"),
        ("ciphertext", api.Ciphertext, converter.save_ciphertext(ciphertext, how), "ciphertext"),
        (
            "seeded ciphertext",
            api.Ciphertext,
            converter.encrypt_seeded(message, secret, how),
            "ciphertext",
        ),
        ("public key", api.PublicKey, converter.save_public_key(public, how), "public_key"),
        (
            "seeded public key",
            api.PublicKey,
            converter.create_public_key(secret, how),
            "public_key",
        ),
        ("relin keys", api.RelinKeys, converter.save_relin_keys(keys, how), "relin_keys"),
        (
            "seeded relin keys",
            api.RelinKeys,
            converter.create_relin_keys(secret, how),
            "relin_keys",
        ),
    ):
        loader = getattr(converter, f"load_{load}")
        yield name, kind, data, lambda data, loader=loader: loader(data).data
    for name, data in (
        ("Galois keys", converter.save_galois_keys(keys, how)),
        ("seeded Galois keys", converter.create_galois_keys(secret, [3, 2 * N - 1], how)),
    ):
        yield name, api.GaloisKeys, data, lambda data: np.stack(
            [key.data for _, key in sorted(converter.load_galois_keys(data).items())]
        )


@pytest.mark.parametrize(
    "how", FORMATS, ids=[f"{c.name}_{v.major}_{v.minor}" for c, v in FORMATS]
)
def test_every_object__goes_to_seal_and_comes_back(any_peer, how, comparisons):
    """In every version that this SEAL reads; what it writes is its own, compressed with zstd."""
    for name, kind, data, load in written_by_us(any_peer, how):
        theirs = any_peer.loaded(kind, data)
        comparisons.equal(name, load(data), load(any_peer.bytes_of(theirs)))
    parameters = any_peer.api.EncryptionParameters(any_peer.api.SCHEME_TYPE.NONE)
    with open(any_peer.file, "wb") as file:
        file.write(any_peer.converter.save_parameters(how))
    parameters.load(any_peer.file)
    again = EncryptionParameters.from_bytes(any_peer.bytes_of(parameters))
    assert again == any_peer.converter.parameters


def test_our_seeded_keys__relinearize_and_rotate_in_seal_as_here(peer, comparisons):
    api, converter, params = peer.api, peer.converter, peer.converter.params
    secret = KeyGenerator(params).secret_key()
    relin = converter.create_relin_keys(secret, Format(Compression.ZSTD, Version(4, 3)))
    galois = converter.create_galois_keys(secret, [3])
    evaluator = SEALEvaluator(params, converter.load_evaluation_keys(relin, galois))
    values = np.random.default_rng(5).uniform(-1, 1, params.slots)
    ours = Encryptor(params, secret).encrypt(Encoder(params).encode(values))
    theirs = peer.loaded(api.Ciphertext, converter.save_ciphertext(ours))
    out = api.Ciphertext()
    peer.evaluator.apply_galois(theirs, 3, peer.loaded(api.GaloisKeys, galois), out)
    expected = converter.load_ciphertext(peer.bytes_of(out))
    comparisons.equal("rotate", evaluator.automorphism(ours, 3).data, expected.data)
    product = api.Ciphertext()
    peer.evaluator.multiply(theirs, theirs, product)
    peer.evaluator.relinearize_inplace(product, peer.loaded(api.RelinKeys, relin))
    expected = converter.load_ciphertext(peer.bytes_of(product))
    mine = evaluator.relinearize(evaluator.tensor(ours, ours))
    comparisons.equal("relinearize", mine.data, expected.data)
    slots = Encoder(params).decode_real(Decryptor(params, secret).decrypt(expected))
    assert np.abs(slots - values**2).max() < 2.0**-8


def test_bfv__seeded_ciphertexts_keys_and_every_level(bfv_peer, comparisons):
    """t = 65536 does not batch: its polynomials are the messages."""
    peer, api, converter = bfv_peer, bfv_peer.api, bfv_peer.converter
    params = converter.params
    secret = peer.generator.secret_key()
    relin = peer.bytes_of(peer.generator.create_relin_keys())
    galois = peer.bytes_of(peer.generator.create_galois_keys([3]))
    evaluator = SEALBFVEvaluator(
        params, converter.load_evaluation_keys(relin, galois), refuse_exhausted=False
    )
    decryptor = bfv.Decryptor(params, converter.load_secret_key(peer.bytes_of(secret)))
    coefficients = np.random.default_rng(4).integers(0, params.t, params.N, dtype=np.uint64)
    message = bfv.Plaintext(params, coefficients)
    plain = peer.loaded(api.Plaintext, converter.save_plaintext(message))
    data = peer.bytes_of(api.Encryptor(peer.context, secret).encrypt_symmetric(plain))
    ours, theirs = converter.load_ciphertext(data), peer.loaded(api.Ciphertext, data)

    def same(what, mine, ciphertext):
        expected = converter.load_ciphertext(peer.bytes_of(ciphertext))
        comparisons.equal(f"{what}, level {mine.level}", mine.data, expected.data)

    same("seeded", ours, theirs)
    comparisons.equal("decrypt", decryptor.decrypt(ours).data, message.data)
    their_galois = peer.loaded(api.GaloisKeys, galois)
    for level in range(ours.level, -1, -1):
        out = api.Ciphertext()
        peer.evaluator.apply_galois(theirs, 3, their_galois, out)
        same("automorphism", evaluator.automorphism(ours, 3), out)
        out = api.Ciphertext()
        peer.evaluator.add_plain(theirs, plain, out)
        same("add plain", evaluator.add(ours, message), out)
        if level:
            peer.evaluator.mod_switch_to_next_inplace(theirs)
            ours = evaluator.mod_switch(ours)
            same("mod switch", ours, theirs)

"""Encryption and decryption: noise as predicted, seeds as documented, misuse refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.ciphertext import Ciphertext
from he.ckks.encryption import Decryptor, Encryptor
from he.errors import MissingKeyError, ParametersMismatchError
from he.rlwe.keygen import KeyGenerator
from he.rlwe.sampling import RandomStream, uniform_residues
from he.rlwe.seeded import CIPHERTEXT, uniform_from_seed

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(["below eight lanes", "tiny", "small", "two digits", "wide primes"])


@given(names, seeds, st.data())
def test_encrypt_decrypt__is_within_the_predicted_noise(schemes, name, seed, data) -> None:
    s = schemes(name)
    level = data.draw(st.integers(0, s.params.max_level))
    slots = s.random(seed, data.draw(st.floats(0, 8)))
    x = s.encrypt(slots, level)
    assert (x.ct.level, x.ct.parts, x.ct.scale) == (level, 2, s.params.scales[level])
    s.check(x)
    public = Encryptor(s.params, s.generator.public_key(s.secret))
    ct = public.encrypt(s.encoder.encode(slots, level))
    assert ct.seed is None
    s.check(type(x)(ct, x.slots, s.noise.encoding + s.noise.fresh_public))


def test_symmetric_encryption__is_seeded(small) -> None:
    ct = small.encryptor.encrypt(small.encoder.encode(1.0, 2))
    ops = small.evaluator.context.q(2)
    assert ct.seed is not None
    assert (ct.data[1] == uniform_from_seed(ct.seed, CIPHERTEXT, ops)).all()
    stream = RandomStream.from_seed(ct.seed, "ciphertext")
    assert (ct.data[1] == uniform_residues(stream, small.params.q[:3], small.params.N)).all()


def test_encryptions_of_one_plaintext__share_nothing(small) -> None:
    plaintext = small.encoder.encode(1.0)
    public = small.generator.public_key(small.secret)
    for key in (small.secret, public):
        encryptor = Encryptor(small.params, key)
        one, two = encryptor.encrypt(plaintext), encryptor.encrypt(plaintext)
        # Uniform residues of 36 bits and more agree in fewer than one place in 2^30.
        assert (one.data == two.data).sum() == 0


def test_seeded_objects__repeat(small) -> None:
    plaintext = small.encoder.encode(small.random(1))
    seed = bytes(range(32))
    for key in (small.secret, small.generator.public_key(small.secret)):
        one, two = (Encryptor(small.params, key, seed=seed).encrypt(plaintext) for _ in range(2))
        assert (one.data == two.data).all()
        other = Encryptor(small.params, key, seed=bytes(32)).encrypt(plaintext)
        assert (one.data != other.data).any()


def test_without_a_seed__keys_and_ciphertexts_are_fresh(small) -> None:
    keys = [KeyGenerator(small.params).secret_key() for _ in range(2)]
    assert (keys[0].coefficients != keys[1].coefficients).any()


def test_wrong_secret__decrypts_to_noise(small) -> None:
    slots = small.random(1)
    ct = small.encrypt(slots).ct
    wrong = Decryptor(small.params, KeyGenerator(small.params).secret_key())
    # Uniform modulo Q: farther off than any value that the parameters allow.
    decoded = small.encoder.decode(wrong.decrypt(ct))
    assert np.abs(decoded - slots).max() > 2.0**20


def test_decrypt__of_three_parts(small) -> None:
    a = small.encrypt(small.random(1))
    tensor = small.evaluator.tensor(a.ct, a.ct)
    variance = small.product_variance(a, a)
    small.check(type(a)(tensor, a.slots**2, variance))


def test_decrypt__leaves_the_ciphertext_alone(small) -> None:
    ct = small.encrypt(small.random(1)).ct
    before = ct.data.copy()
    small.decryptor.decrypt(ct)
    assert (ct.data == before).all()


def test_foreign_and_missing_keys__are_refused(schemes, small) -> None:
    other = schemes("two digits")
    with pytest.raises(MissingKeyError, match="not NoneType"):
        Encryptor(small.params, None)
    with pytest.raises(MissingKeyError, match="SecretKey, not PublicKey"):
        Decryptor(small.params, small.generator.public_key(small.secret))
    with pytest.raises(ParametersMismatchError):
        Encryptor(small.params, other.secret)
    with pytest.raises(ParametersMismatchError):
        Decryptor(small.params, other.secret)
    with pytest.raises(ParametersMismatchError):
        small.encryptor.encrypt(other.encoder.encode(1.0))
    with pytest.raises(ParametersMismatchError):
        small.decryptor.decrypt(other.encrypt(other.random(1)).ct)


def test_reprs__show_no_residues(small) -> None:
    ct = small.encrypt(small.random(1)).ct
    assert repr(ct).startswith("Ciphertext(N=256, parts=2, level=4, scale=")
    assert "hidden" in repr(small.secret)
    for shown in (ct, small.secret, small.keys.relinearization, small.encoder.encode(1.0)):
        assert "array" not in repr(shown)


def test_copies__are_independent(small) -> None:
    ct = small.encrypt(small.random(1)).ct
    copy = ct.copy()
    assert isinstance(copy, Ciphertext)
    assert copy.evaluator is small.evaluator
    assert not np.shares_memory(copy.data, ct.data)

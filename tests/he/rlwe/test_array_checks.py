"""Value objects of every kind: arrays that the kernels could not read safely are refused.

A `KeySwitchingKey` of another shape was a segmentation fault, a ciphertext of half the ring decoded
the memory behind it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import he
from he import bfv
from he.ckks.circuits.diagonals import EncodedDiagonals
from he.errors import EncodingError, HEError, ParameterError, WrongObjectError
from he.format.container import pack, unpack
from he.rlwe.array_checks import array_of, check_array, check_below
from ntt.memory import aligned_array

REASON = "unit test"
N = 64


def ckks_objects() -> dict[str, Any]:
    params = he.CKKSParameters.build(2, N=N, scale_bits=30, dnum=2, insecure_reason=REASON)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    encoder = he.Encoder(params)
    public = generator.public_key(secret)
    plaintext = encoder.encode([1, 2, 3])
    keys = generator.evaluation_keys(secret, he.KeyNeeds(2, {3: 1}))
    seeded = he.Encryptor(params, secret).encrypt(plaintext)
    return {
        "public key": dataclasses.replace(public, seed=None),
        "relinearization key": dataclasses.replace(keys.relinearization, seed=None),
        "galois key": dataclasses.replace(keys.galois[3], seed=None),
        "plaintext": plaintext,
        "ciphertext": he.Encryptor(params, public).encrypt(plaintext),
        "three parts": he.Evaluator(params, keys).tensor(seeded, seeded),
    }


def bfv_objects() -> dict[str, Any]:
    params = bfv.BFVParameters.build(3, N=N, plain_bits=17, insecure_reason=REASON)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    public = generator.public_key(secret)
    plaintext = bfv.BatchEncoder(params).encode([1, 2, 3])
    return {
        "bfv plaintext": plaintext,
        "bfv ciphertext": bfv.Encryptor(params, public).encrypt(plaintext),
        "bfv factor": bfv.Evaluator(params).factor(plaintext),
    }


OBJECTS = ckks_objects() | bfv_objects()

# What is wrong with an array (.., limbs, N) -> what stands in its place.
WRONG: dict[str, Callable[[np.ndarray], Any]] = {
    "half the ring": lambda a: a[..., : a.shape[-1] // 2].copy(),
    "twice the ring": lambda a: np.concatenate((a, a), axis=-1),
    "too many limbs": lambda a: np.concatenate([a] * 8, axis=-2) if a.ndim > 1 else a[None],
    "no limbs": lambda a: a[..., :0, :].copy() if a.ndim > 1 else a[:0],
    "an axis more": lambda a: a[None].copy(),
    "an axis less": lambda a: a[0].copy(),
    "nothing": lambda a: np.zeros(0, dtype=np.uint64),
    "a number": lambda a: np.uint64(3),
    "signed": lambda a: a.astype(np.int64),
    "floats": lambda a: a.astype(np.float64),
    "words of 32 bits": lambda a: (a % 1000).astype(np.uint32),
    "objects": lambda a: a.astype(object),
    "the other byte order": lambda a: a.astype(">u8"),
    "Fortran order": lambda a: np.asfortranarray(a) if a.ndim > 1 else np.repeat(a, 2)[::2],
    "backwards": lambda a: a[..., ::-1],
    "every other column": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "not aligned": lambda a: unaligned(a),
    "a list": lambda a: a.tolist(),
    "None": lambda a: None,
    "a residue of its modulus": lambda a: with_residue(a, 1 << 63),
}


def unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 8, dtype=np.uint8)
    shifted = memory[1 : 1 + array.nbytes].view(np.uint64).reshape(array.shape)
    shifted[...] = array
    return shifted


def with_residue(array: np.ndarray, value: int) -> np.ndarray:
    changed = array.copy()
    changed[..., -1] = value
    return changed


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", OBJECTS)
def test_constructor__refuses_arrays_that_do_not_fit(name: str, wrong: str) -> None:
    good = OBJECTS[name]
    with pytest.raises((ParameterError, WrongObjectError)):
        dataclasses.replace(good, data=WRONG[wrong](good.data))


@pytest.mark.parametrize("name", OBJECTS)
def test_constructor__takes_what_fits(name: str) -> None:
    good = OBJECTS[name]
    again = dataclasses.replace(good, data=good.data.copy())
    assert (again.data == good.data).all()
    assert not again.data.flags.writeable


@pytest.mark.parametrize("name", ["plaintext", "ciphertext", "public key", "relinearization key"])
def test_residues__at_both_sides_of_their_modulus(name: str) -> None:
    good = OBJECTS[name]
    limbs = good.data.shape[-2]
    moduli = (good.params.q[:limbs] if "key" not in name else (*good.params.q, *good.params.p))
    for limb, q in enumerate(moduli):
        data = good.data.copy()
        data[..., limb, 0] = q - 1
        dataclasses.replace(good, data=data)
        data = good.data.copy()
        data[..., limb, 0] = q
        with pytest.raises(ParameterError, match=f"residue {q} in limb {limb}"):
            dataclasses.replace(good, data=data)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("galois key", {"level": 2}),  # the array is of level 1
        ("galois key", {"level": 0}),
        ("galois key", {"level": -1}),
        ("galois key", {"level": 7}),
        ("galois key", {"level": 1.0}),
        ("galois key", {"level": None}),
        ("galois key", {"element": 6}),
        ("galois key", {"element": -3}),
        ("galois key", {"element": 2 * N + 1}),
        ("galois key", {"element": "3"}),
        ("galois key", {"seed": b"short"}),
        ("galois key", {"seed": bytes(32)}),  # of another key
        ("galois key", {"params": None}),
        ("public key", {"seed": bytes(32)}),
        ("public key", {"seed": 5}),
        ("public key", {"params": OBJECTS["bfv plaintext"].params}),
        ("ciphertext", {"seed": bytes(32)}),
        ("ciphertext", {"seed": "a"}),
        ("three parts", {"seed": bytes(32)}),
        ("ciphertext", {"params": OBJECTS["bfv plaintext"].params}),
        ("plaintext", {"params": OBJECTS["bfv plaintext"].params}),
        ("bfv plaintext", {"params": OBJECTS["plaintext"].params}),
        ("bfv ciphertext", {"params": OBJECTS["plaintext"].params}),
        ("bfv ciphertext", {"noise": 3.0}),
        ("bfv factor", {"norm_bits": np.nan}),
        ("bfv factor", {"norm_bits": -1}),
        ("bfv factor", {"params": OBJECTS["plaintext"].params}),
    ],
)
def test_constructor__refuses_other_fields_that_do_not_fit(name: str, change: Any) -> None:
    with pytest.raises((ParameterError, WrongObjectError)):
        dataclasses.replace(OBJECTS[name], **change)


def test_public_key__of_zeros_is_refused_when_made_and_when_read() -> None:
    """Under it a ciphertext is the plaintext with a little noise."""
    good = OBJECTS["public key"]
    zeros = np.zeros_like(good.data)
    one_limb = good.data.copy()
    one_limb[1, 0] = 0
    for data in (zeros, one_limb):
        with pytest.raises(ParameterError, match="hides nothing"):
            dataclasses.replace(good, data=data)
        stored = unpack(good.unchecked(**{**good.__dict__, "data": data}).to_bytes(), good.kind)
        with pytest.raises(he.CorruptBytesError, match="hides nothing"):
            he.PublicKey.from_bytes(pack(good.kind, *stored), good.params)


def test_evaluation_keys__hold_switching_keys_alone() -> None:
    key = OBJECTS["galois key"]
    for relinearization, galois in [
        (None, {3: None}),
        (None, {3: key.data}),
        (None, {"3": key}),
        (None, [key]),
        (key.data, {}),
        (OBJECTS["public key"], {}),
    ]:
        with pytest.raises(HEError):
            he.EvaluationKeys(key.params, relinearization, galois)
    keys = {3: key}
    made = he.EvaluationKeys(key.params, None, keys)
    keys[5] = None
    assert list(made.galois) == [3]


def diagonals() -> EncodedDiagonals:
    params = OBJECTS["plaintext"].params
    vectors = {k: np.full(N // 2, k + 1.0) for k in (0, 1, 2, 9)}
    return EncodedDiagonals.encode(he.Encoder(params), vectors, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: {"level": 1},
        lambda d: {"level": 0},
        lambda d: {"babies": d.babies[:1]},
        lambda d: {"babies": ("1",)},
        lambda d: {"giants": (*d.giants, 5)},
        lambda d: {"starts": d.starts[:-1]},
        lambda d: {"starts": d.starts + 1},
        lambda d: {"starts": d.starts[::-1].copy()},
        lambda d: {"starts": d.starts.astype(np.int32)},
        lambda d: {"starts": d.starts.tolist()},
        lambda d: {"baby_of": d.baby_of + 100},
        lambda d: {"baby_of": d.baby_of - 1},
        lambda d: {"baby_of": d.baby_of[:-1]},
        lambda d: {"weights": d.weights[:-1]},
        lambda d: {"weights": d.weights[:, :, :-1].copy()},
        lambda d: {"weights": d.weights[..., ::-1]},
        lambda d: {"weights": d.weights.astype(np.int64)},
        lambda d: {"weights": d.weights + np.uint64(1 << 62)},
        lambda d: {"params": None},
    ],
)
def test_encoded_diagonals__refuse_arrays_that_do_not_fit(change: Any) -> None:
    good = diagonals()
    dataclasses.replace(good, weights=good.weights.copy())
    with pytest.raises(HEError):
        dataclasses.replace(good, **change(good))


def test_check_array__says_what_is_there_and_what_is_needed() -> None:
    with pytest.raises(ParameterError, match=r"is int64 of shape \(2,\): uint64 of shape \(3,\)"):
        check_array(np.zeros(2, dtype=np.int64), (3,), "it")
    with pytest.raises(ParameterError, match="not aligned or not C-contiguous"):
        check_array(np.zeros((4, 4), dtype=np.uint64).T[:2], (2, 4), "it")
    with pytest.raises(WrongObjectError, match="it is of type list"):
        check_array([1, 2], (2,), "it")
    check_array(aligned_array(3), (3,), "it")


def test_check_below__names_the_residue_and_its_limb() -> None:
    data = np.arange(12, dtype=np.uint64).reshape(2, 2, 3)
    check_below(data, (9, 12), "it")
    with pytest.raises(ParameterError, match="it has the residue 11 in limb 1"):
        check_below(data, (9, 11), "it")


def test_array_of__gives_an_array_or_a_named_error() -> None:
    assert array_of({"a": 1}).dtype == object
    with pytest.raises(EncodingError, match="no array of numbers"):
        array_of([[1, 2], [3]])

"""Bytes in and out: round trips, sizes, foreign parameters, and every kind of damage."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.encryption import Encryptor
from he.ckks.params import CKKSParameters
from he.errors import (
    CorruptBytesError,
    ForeignBytesError,
    HEError,
    InsecureParametersError,
    ParameterError,
    ParametersMismatchError,
    SerializationError,
)
from he.format.container import pack, unpack
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey, PublicKey, SecretKey
from he.serialization import (
    ciphertexts_from_bytes,
    ciphertexts_to_bytes,
    from_bytes,
    serialized_bytes,
    to_bytes,
)

names = st.sampled_from(["below eight lanes", "tiny", "small", "one-limb digits", "wide primes"])
BOUND = [
    Plaintext, Ciphertext, SecretKey, PublicKey, KeySwitchingKey, EvaluationKeys
]  # fmt: skip


def example(s, kind: type, level: int) -> Any:
    """One object of a kind."""
    if kind is SecretKey:
        return s.secret
    if kind is PublicKey:
        return s.generator.public_key(s.secret)
    if kind is KeySwitchingKey:
        return s.generator.galois_key(s.secret, 3, level)
    if kind is EvaluationKeys:
        needs = KeyNeeds(level, {3: s.params.max_level, 2 * s.params.N - 1: 0})
        return s.generator.evaluation_keys(s.secret, needs)
    plaintext = s.encoder.encode(s.random(level), level)
    return plaintext if kind is Plaintext else s.encryptor.encrypt(plaintext)


def arrays(obj: Any) -> list[np.ndarray]:
    """Everything in it that counts."""
    if isinstance(obj, EvaluationKeys):
        keys = [obj.galois[e] for e in sorted(obj.galois)]
        return [k.data for k in [obj.relinearization, *keys] if k is not None]
    if isinstance(obj, SecretKey):
        return [obj.coefficients, obj.transformed]
    return [obj.data]


@given(names, st.sampled_from(BOUND), st.data())
def test_round_trip__gives_the_same_object(schemes, name, kind, data) -> None:
    s = schemes(name)
    obj = example(s, kind, data.draw(st.integers(0, s.params.max_level)))
    packed = to_bytes(obj)
    again = from_bytes(packed, kind, s.params)
    assert type(again) is kind
    assert again.params == s.params
    for one, two in zip(arrays(obj), arrays(again), strict=True):
        assert one.dtype == two.dtype
        assert (one == two).all()
        assert two.flags.c_contiguous
    for attribute in ("scale", "level", "seed", "element"):
        assert getattr(again, attribute, None) == getattr(obj, attribute, None)
    assert to_bytes(again) == packed
    assert obj.to_bytes() == packed
    assert to_bytes(kind.from_bytes(bytearray(packed), s.params)) == packed


@given(st.integers(0, 6), st.integers(20, 45), st.integers(3, 12))
def test_round_trip__of_parameters(depth, bits, log_N) -> None:
    reason = "unit test"
    params = CKKSParameters.build(depth, N=1 << log_N, scale_bits=bits, insecure_reason=reason)
    again = CKKSParameters.from_bytes(params.to_bytes(), insecure_reason="reading in a unit test")
    assert again == params
    assert again.id == params.id


@given(st.none() | st.integers(0, 5), st.dictionaries(st.integers(0, 60), st.integers(0, 5)))
def test_round_trip__of_needs(relinearization, levels) -> None:
    needs = KeyNeeds(relinearization, {2 * k + 1: level for k, level in levels.items()})
    assert KeyNeeds.from_bytes(needs.to_bytes()) == needs


def test_unseeded_objects__keep_both_halves(small) -> None:
    """Public encryptions, products and three-part ciphertexts have no seed."""
    a = small.encrypt(small.random(1)).ct
    public = Encryptor(small.params, small.generator.public_key(small.secret))
    plaintext = small.encoder.encode(1.0)
    for ct in (a * a, small.evaluator.tensor(a, a), public.encrypt(plaintext), a + 1):
        assert ct.seed is None
        again = Ciphertext.from_bytes(ct.to_bytes(), small.params)
        assert (again.data == ct.data).all()
        assert again.scale == ct.scale
    key = small.keys.galois[3]
    unseeded = dataclasses.replace(key, seed=None)
    again = KeySwitchingKey.from_bytes(unseeded.to_bytes(), small.params)
    assert (again.data == key.data).all()
    keys = EvaluationKeys(small.params, None, {3: unseeded})
    again = EvaluationKeys.from_bytes(keys.to_bytes(), small.params)
    assert (again.galois[3].data == key.data).all()
    public_key = dataclasses.replace(small.generator.public_key(small.secret), seed=None)
    again = PublicKey.from_bytes(public_key.to_bytes(), small.params)
    assert (again.data == public_key.data).all()


def test_seeded_halves__are_not_stored(small) -> None:
    fresh = small.encryptor.encrypt(small.encoder.encode(1.0))
    whole = Ciphertext(small.params, fresh.data, fresh.scale)
    half_bits = sum(q.bit_length() for q in small.params.q) * small.params.N
    assert len(whole.to_bytes()) - len(fresh.to_bytes()) == half_bits // 8 - 32
    assert len(small.secret.to_bytes()) < small.params.N // 4 + 200


@given(names, st.data())
def test_batch__round_trips_at_mixed_levels(schemes, name, data) -> None:
    s = schemes(name)
    levels = data.draw(st.lists(st.integers(0, s.params.max_level), min_size=1, max_size=5))
    batch = [s.encrypt(s.random(i), level).ct for i, level in enumerate(levels)]
    batch[0] = s.evaluator.negate(batch[0])
    packed = ciphertexts_to_bytes(batch)
    again = ciphertexts_from_bytes(packed, s.params)
    assert [ct.level for ct in again] == levels
    assert [ct.seed for ct in again] == [ct.seed for ct in batch]
    for one, two in zip(batch, again, strict=True):
        assert (one.data == two.data).all()
    with pytest.raises(ForeignBytesError):
        Ciphertext.from_bytes(packed, s.params)


def test_batch__of_nothing_or_of_a_mixture(schemes, small) -> None:
    other = schemes("tiny")
    with pytest.raises(ParameterError, match="empty batch"):
        ciphertexts_to_bytes([])
    batch = [small.encrypt(small.random(1)).ct, other.encrypt(other.random(1)).ct]
    with pytest.raises(ParametersMismatchError, match="one parameter set"):
        ciphertexts_to_bytes(batch)


@given(
    names,
    st.none() | st.integers(0, 1),
    st.dictionaries(st.integers(1, 7), st.integers(0, 1), max_size=5),
)
def test_serialized_bytes__is_exact(schemes, name, relinearization, levels) -> None:
    s = schemes(name)
    needs = KeyNeeds(relinearization, {2 * k + 1: level for k, level in levels.items()})
    keys = s.generator.evaluation_keys(s.secret, needs)
    assert serialized_bytes(s.params, needs) == len(keys.to_bytes())


def test_serialized_bytes__is_exact_at_a_real_size() -> None:
    from he.rlwe.keygen import KeyGenerator

    params = CKKSParameters.build(4, N=8192, scale_bits=30)
    generator = KeyGenerator(params)
    elements = {pow(3, k, 2 * params.N): 4 - k % 3 for k in range(1, 30)}
    needs = KeyNeeds(4, elements)
    keys = generator.evaluation_keys(generator.secret_key(), needs).to_bytes()
    assert serialized_bytes(params, needs) == len(keys)
    assert set(EvaluationKeys.from_bytes(keys, params).galois) == set(elements)


@pytest.mark.parametrize("kind", BOUND)
def test_foreign_parameters__are_refused(schemes, small, kind: type) -> None:
    packed = to_bytes(example(small, kind, 1))
    with pytest.raises(ParametersMismatchError, match="read it under the parameters"):
        from_bytes(packed, kind, schemes("one-limb digits").params)
    with pytest.raises(ParameterError, match="pass it as params"):
        from_bytes(packed, kind)


def test_foreign_kinds__are_refused(small) -> None:
    packed = {kind: to_bytes(example(small, kind, 1)) for kind in BOUND}
    packed[CKKSParameters] = small.params.to_bytes()
    packed[KeyNeeds] = small.needs.to_bytes()
    for kind in packed:
        for other, data in packed.items():
            if other is not kind:
                with pytest.raises(ForeignBytesError, match="is needed"):
                    from_bytes(data, kind, small.params)
        for data in (b"", b"PK\x03\x04", "text", None):
            with pytest.raises(SerializationError):
                from_bytes(data, kind, small.params)
    with pytest.raises(ParameterError, match="no byte format"):
        to_bytes(3)
    with pytest.raises(ParameterError, match="no byte format"):
        from_bytes(b"", int)


@settings(max_examples=100)
@given(st.sampled_from([*BOUND, CKKSParameters, KeyNeeds]), st.data())
def test_damage__never_passes(schemes, kind, data) -> None:
    """Any flipped bit, any cut, any bytes added."""
    s = schemes("tiny")
    obj = {CKKSParameters: s.params, KeyNeeds: s.needs}.get(kind)
    packed = to_bytes(obj if obj is not None else example(s, kind, 1))
    cut = data.draw(st.integers(0, len(packed) - 1))
    flipped = bytearray(packed)
    flipped[cut] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (packed[:cut], bytes(flipped), packed + b"\0"):
        with pytest.raises(SerializationError):
            from_bytes(damaged, kind, s.params)


def rewritten(packed: bytes, kind: str, change: Callable[[dict, dict], None]) -> bytes:
    """The same container with other contents and a valid checksum."""
    contents = unpack(packed, kind)
    sections = {name: bytes(section) for name, section in contents.sections.items()}
    change(contents.header, sections)
    return pack(kind, contents.header, sections)


def set_item(index: int, value: Any) -> Callable[[dict, dict], None]:
    def change(header: dict, _: dict) -> None:
        holder = header["items"][0] if "items" in header else header["item"]
        holder[index] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_item(0, -1), set_item(0, 5), set_item(0, 1.0), set_item(0, True), set_item(0, None),
        set_item(1, 1), set_item(1, 3), set_item(1, 2.0), set_item(1, 2**40),
        set_item(2, 0.0), set_item(2, -1.0), set_item(2, float("inf")), set_item(2, float("nan")),
        set_item(2, 2.0**300), set_item(2, 3), set_item(3, b"short"), set_item(3, None),
        set_item(3, b""),
        lambda header, _: header["items"].append(header["items"][0]),
        lambda header, _: header.update(items=[]),
        lambda header, _: header.update(items=[[1, 2]]),
        lambda header, _: header.update(items=[None]),
        lambda header, _: header.update(items=3),
        lambda header, _: header.pop("items"),
        lambda _, sections: sections.update({"1": b""}),
        lambda _, sections: sections.pop("0"),
        lambda _, sections: sections.update({"0": sections["0"][:-8]}),
        lambda _, sections: sections.update({"0": b"\xff" * len(sections["0"])}),
    ],
)  # fmt: skip
def test_crafted_ciphertexts__are_refused(small, change) -> None:
    """Valid checksums around contents that no writer makes."""
    packed = small.encryptor.encrypt(small.encoder.encode(1.0)).to_bytes()
    with pytest.raises(CorruptBytesError):
        Ciphertext.from_bytes(rewritten(packed, "ciphertext", change), small.params)


@pytest.mark.parametrize(
    "change",
    [
        set_item(0, 2), set_item(0, -3), set_item(0, 513), set_item(0, 5), set_item(0, "3"),
        set_item(1, 5), set_item(1, -1), set_item(1, 2), set_item(2, b"x"), set_item(2, b""),
    ],
)  # fmt: skip
def test_crafted_keys__are_refused(small, change) -> None:
    packed = small.keys.galois[3].to_bytes()
    with pytest.raises(CorruptBytesError):
        KeySwitchingKey.from_bytes(rewritten(packed, "switching key", change), small.params)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, _: header["keys"].append(header["keys"][0]),
        lambda header, _: header["keys"].pop(),
        lambda header, _: header.update(keys=[[3]]),
        lambda header, _: header.update(keys="abc"),
        lambda _, sections: sections.update({"7": sections["3"]}),
        lambda _, sections: sections.update({"3": sections["3"] + b"\0" * 8}),
    ],
)
def test_crafted_key_sets__are_refused(small, change) -> None:
    packed = example(small, EvaluationKeys, 2).to_bytes()
    with pytest.raises(CorruptBytesError):
        EvaluationKeys.from_bytes(rewritten(packed, "evaluation keys", change), small.params)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("N", 100), ("N", 2**40), ("N", "64"), ("q", []), ("q", [3] * 5), ("q", [7] * 1000),
        ("q", [2.0]), ("p", []), ("digit_limbs", 0), ("digit_limbs", 99), ("scales", [1.0]),
        ("scales", [float("nan")] * 5), ("security_bits", 77), ("sigma", 0.0), ("sigma", 1),
        ("insecure_reason", None), ("insecure_reason", 3),
    ],
)  # fmt: skip
def test_crafted_parameters__are_refused(small, field: str, value: Any) -> None:
    def change(header: dict, _: dict) -> None:
        header[field] = value

    packed = rewritten(small.params.to_bytes(), "ckks parameters", change)
    with pytest.raises(CorruptBytesError):
        CKKSParameters.from_bytes(packed, insecure_reason="unit test")


def test_insecure_parameters__need_the_readers_own_words(small) -> None:
    packed = small.params.to_bytes()
    with pytest.raises(InsecureParametersError, match="unit test"):
        CKKSParameters.from_bytes(packed)
    with pytest.raises(InsecureParametersError):
        from_bytes(packed, CKKSParameters)
    with pytest.raises(InsecureParametersError):
        CKKSParameters.from_bytes(packed, insecure_reason=" ")
    hidden = rewritten(packed, "ckks parameters", lambda h, _: h.update(insecure_reason=""))
    with pytest.raises(InsecureParametersError):
        CKKSParameters.from_bytes(hidden, insecure_reason="unit test")
    secure = CKKSParameters.build(2, precision_bits=15)
    assert CKKSParameters.from_bytes(secure.to_bytes()) == secure


@pytest.mark.parametrize(
    "keys", [[[6, 1]], [[3, -1]], [[3, 1], [3, 2]], [[3]], [3], [[True, 1]], [[3, 1.0]], None]
)
def test_crafted_needs__are_refused(keys) -> None:
    with pytest.raises(CorruptBytesError):
        KeyNeeds.from_bytes(pack("key needs", {"keys": keys}, {}))


def test_needs__are_checked_against_parameters_where_given(small) -> None:
    for needs in (KeyNeeds(5), KeyNeeds(None, {3: 5}), KeyNeeds(None, {513: 1})):
        packed = needs.to_bytes()
        assert KeyNeeds.from_bytes(packed) == needs
        with pytest.raises(CorruptBytesError):
            KeyNeeds.from_bytes(packed, small.params)


def test_a_crafted_length__allocates_nothing(small) -> None:
    """The header may promise any size: memory follows the bytes that are there."""
    header = {"params": small.params.id, "keys": [[2 * k + 1, 4, bytes(32)] for k in range(2000)]}
    packed = pack("evaluation keys", header, {str(2 * k + 1): b"" for k in range(2000)})
    with pytest.raises(HEError, match="take"):
        EvaluationKeys.from_bytes(packed, small.params)


def test_layout__is_as_documented(small) -> None:
    """The container's prefix and header, read without the project's code."""
    packed = small.params.to_bytes()
    _, version, kind, head, total = struct.unpack("<8sHHIQ", packed[:24])
    assert (version, total) == (1, len(packed))
    assert packed[24 : 24 + kind] == b"ckks parameters"
    header, _ = msgpack.unpackb(packed[24 + kind : 24 + kind + head])
    assert header["N"] == small.params.N
    assert tuple(header["q"]) == small.params.q

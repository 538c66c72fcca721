"""Evaluation keys in files: written one by one, read when used, within a memory budget."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import he
from he.rlwe.keys import KeySwitchingKey
from he.trace import FROM_SPARSE

REASON = "unit test"
SEED = bytes(range(32))


def _parameters(**words: int) -> he.CKKSParameters:
    return he.CKKSParameters.build(
        3, scale_bits=30, N=1 << 9, insecure_reason=REASON, **words  # type: ignore[arg-type]
    )


def _needs(params: he.CKKSParameters) -> he.KeyNeeds:
    used = [(0, 3), (0, 2), (9, 3), (3, 1), (3, 2), (3, 3), (2 * params.N - 1, 1)]
    return he.KeyNeeds.of(used).without_served(params)


@pytest.fixture(params=[{}, {"word_bits": 40}], ids=["chain", "words"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, he.EvaluationKeys]:
    """A file of keys, and the same keys, from the same seed."""
    params = _parameters(**request.param)
    generator = he.KeyGenerator(params, seed=SEED)
    secret, again = generator.secret_key(), he.KeyGenerator(params, seed=SEED)
    path = tmp_path / "keys"
    generator.write_evaluation_keys(secret, _needs(params), path)
    return path, again.evaluation_keys(again.secret_key(), _needs(params))


def test_write_evaluation_keys__writes_the_bytes_of_evaluation_keys(
    stored: tuple[Path, he.EvaluationKeys],
) -> None:
    path, keys = stored
    assert path.read_bytes() == keys.to_bytes()
    assert he.EvaluationKeys.from_bytes(path.read_bytes(), keys.params).memory_bytes > 0


def test_stored_keys__are_the_same_keys(stored: tuple[Path, he.EvaluationKeys]) -> None:
    path, keys = stored
    params = keys.params
    read = he.StoredKeys(path, params)
    assert read.memory_bytes == 0
    for element, level in _needs(params).levels():
        for lower in range(level + 1):
            find = "for_element" if element else "for_relinearization"
            words = (element, lower) if element else (lower,)
            try:
                wanted = getattr(keys, find)(*words)
            except he.MissingKeyError as error:
                with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
                    getattr(read, find)(*words)
            else:
                np.testing.assert_array_equal(getattr(read, find)(*words).data, wanted.data)
    assert read.memory_bytes <= keys.memory_bytes
    assert set(read.galois) == set(keys.galois)
    assert len(read.galois) == len(keys.galois)
    assert len(read.lower) == len(keys.lower)
    assert read.relinearization is not None
    assert read.to_bytes() == keys.to_bytes()
    again = pickle.loads(pickle.dumps(read))
    assert type(again) is he.EvaluationKeys
    assert again.to_bytes() == keys.to_bytes()


def test_stored_keys__keep_those_used_last_within_their_memory(tmp_path: Path) -> None:
    params = _parameters()
    generator = he.KeyGenerator(params)
    elements = [3, 9, 27, 81]
    needs = he.KeyNeeds.of([(element, 3) for element in elements])
    generator.write_evaluation_keys(generator.secret_key(), needs, tmp_path / "keys")
    size = KeySwitchingKey.held_bytes(params, 3)
    read = he.StoredKeys(tmp_path / "keys", params, 2 * size + 1)
    first, second = read.for_element(3, 3), read.for_element(9, 3)
    assert read.for_element(3, 2) is first
    assert read.memory_bytes == 2 * size
    read.for_element(27, 3)  # 9 was used longest ago
    assert read.for_element(3, 3) is first
    assert read.for_element(9, 3) is not second
    assert read.memory_bytes == 2 * size
    np.testing.assert_array_equal(read.for_element(9, 3).data, second.data)
    with pytest.raises(he.ParameterError, match=f"takes {size} bytes"):
        he.StoredKeys(tmp_path / "keys", params, size - 1)


def test_open__refuses_files_that_are_cut_altered_or_foreign(
    stored: tuple[Path, he.EvaluationKeys],
) -> None:
    path, keys = stored
    data = path.read_bytes()
    random = np.random.default_rng(5)
    for length in (0, 1, 24, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(he.CorruptBytesError):
            he.StoredKeys(path, keys.params)
    for place in random.integers(0, len(data), 30):
        altered = bytearray(data)
        altered[place] ^= 1 << int(random.integers(8))
        path.write_bytes(altered)
        with pytest.raises(he.SerializationError):
            he.StoredKeys(path, keys.params)
    path.write_bytes(_needs(keys.params).to_bytes())
    with pytest.raises(he.ForeignBytesError):
        he.StoredKeys(path, keys.params)
    path.write_bytes(data)
    other = he.CKKSParameters.build(3, scale_bits=29, N=1 << 9, insecure_reason=REASON)
    with pytest.raises(he.ParametersMismatchError):
        he.StoredKeys(path, other)
    with pytest.raises(FileNotFoundError):
        he.StoredKeys(path.with_name("none"), keys.params)


def test_stored_keys__outlive_a_file_that_takes_their_place_and_refuse_one_that_is_cut(
    stored: tuple[Path, he.EvaluationKeys],
) -> None:
    path, keys = stored
    data = path.read_bytes()
    read = he.StoredKeys(path, keys.params)
    assert str(len(_needs(keys.params).made(keys.params))) in repr(read)
    assert read.memory_bytes == 0
    generator = he.KeyGenerator(keys.params)
    generator.write_evaluation_keys(generator.secret_key(), _needs(keys.params), path)
    np.testing.assert_array_equal(read.galois[9].data, keys.galois[9].data)
    path.write_bytes(data)
    read = he.StoredKeys(path, keys.params)
    first = read.galois[9]
    path.write_bytes(data[:100])
    assert read.galois[9] is first
    for use in (read.to_bytes, lambda: read.galois[3]):
        with pytest.raises(he.CorruptBytesError, match="cut to 100 of"):
            use()


def test_stored_keys__refuse_what_names_no_file() -> None:
    params = _parameters()
    with pytest.raises(he.ParameterError, match="zero byte"):
        he.StoredKeys("a\0b", params)
    for name in (b"keys", 3, None):
        with pytest.raises(he.WrongObjectError, match="the path of a file"):
            he.StoredKeys(name, params)  # type: ignore[arg-type]


def test_write_evaluation_keys__leaves_nothing_half_done(tmp_path: Path) -> None:
    params = _parameters()
    generator, path = he.KeyGenerator(params), tmp_path / "keys"
    with pytest.raises(he.ParameterError):
        generator.write_evaluation_keys(generator.secret_key(), he.KeyNeeds(9), path)
    foreign = he.KeyGenerator(_parameters(word_bits=40)).secret_key()
    with pytest.raises(he.ParametersMismatchError):
        generator.write_evaluation_keys(foreign, he.KeyNeeds(1), path)
    assert not list(tmp_path.iterdir())


def test_stored_keys__are_not_made_of_bytes_or_keys(
    stored: tuple[Path, he.EvaluationKeys],
) -> None:
    _, keys = stored
    with pytest.raises(he.ParameterError, match="stay in their file"):
        he.StoredKeys.from_bytes(keys.to_bytes(), keys.params)
    assert type(he.StoredKeys.of(keys.params, [keys.galois[9]])) is he.EvaluationKeys


@pytest.mark.parametrize("small_keys", [False, True])
def test_stored_keys__refresh_to_the_same_bits_within_the_memory_of_a_step(
    small_keys: bool, tmp_path: Path
) -> None:
    wanted = he.Bootstrapping(precision_bits=12, small_keys=small_keys)
    params = he.CKKSParameters.build(
        1, scale_bits=36, N=1 << 10, insecure_reason=REASON, bootstrap=wanted
    )
    bootstrapper, generator = he.Bootstrapper(params), he.KeyGenerator(params, seed=SEED)
    secret, path = generator.secret_key(), tmp_path / "keys"
    generator.write_evaluation_keys(secret, bootstrapper.needs, path)
    assert path.stat().st_size == bootstrapper.key_bytes
    whole = he.EvaluationKeys.from_bytes(path.read_bytes(), params)
    budget = max(KeySwitchingKey.held_bytes(params, level) for level in range(params.max_level + 1))
    stored = he.StoredKeys(path, params, budget)
    encoder = he.Encoder(params)
    plain = encoder.encode(np.linspace(-1, 1, params.slots), bootstrapper.input_level)
    x = he.Encryptor(params, secret).encrypt(plain)
    found = bootstrapper.apply(he.Evaluator(params, stored), x)
    expected = bootstrapper.apply(he.Evaluator(params, whole), x)
    np.testing.assert_array_equal(found.data, expected.data)
    assert stored.memory_bytes <= budget < bootstrapper.working_key_bytes or small_keys
    assert bootstrapper.working_key_bytes < whole.memory_bytes / 2


def test_a_bootstrap__misses_keys_before_any_is_read(tmp_path: Path) -> None:
    params = he.CKKSParameters.build(
        1, scale_bits=36, N=1 << 10, insecure_reason=REASON,
        bootstrap=he.Bootstrapping(precision_bits=12),
    )  # fmt: skip
    bootstrapper, generator = he.Bootstrapper(params), he.KeyGenerator(params)
    secret, needs = generator.secret_key(), bootstrapper.needs
    pairs = needs.levels()
    few = he.KeyNeeds.of([pair for pair in pairs if pair != pairs[-3]])
    generator.write_evaluation_keys(secret, few, tmp_path / "keys")
    stored = he.StoredKeys(tmp_path / "keys", params)
    plain = he.Encoder(params).encode(np.zeros(params.slots), bootstrapper.input_level)
    x = he.Encryptor(params, secret).encrypt(plain)
    with pytest.raises(he.MissingKeyError):
        bootstrapper.apply(he.Evaluator(params, stored), x)
    assert stored.memory_bytes == 0
    assert FROM_SPARSE in stored.galois

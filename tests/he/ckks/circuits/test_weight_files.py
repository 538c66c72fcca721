"""Weights in files: the bits of weights in memory, or a named error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from he.ckks.circuits import weight_files
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import EncodedDiagonals, encoded
from he.ckks.circuits.linear_transform import SlotMatrix
from he.ckks.circuits.weight_files import mapped_diagonals, weight_file
from he.ckks.evaluator import Evaluator
from he.errors import CorruptBytesError, EncodingError, ForeignBytesError, VersionError


def arranged(s, seed: int = 1, level: int = 2, count: int = 4) -> ArrangedDiagonals:
    return ArrangedDiagonals.of(s.params, {k: s.random(seed + k) for k in range(count)}, level)


@pytest.fixture
def made(small, tmp_path) -> Path:
    """A file of weights."""
    mapped_diagonals(arranged(small), small.encoder, tmp_path)
    return weight_file(arranged(small), tmp_path)


@pytest.mark.parametrize("part_bytes", [1 << 12, 1 << 24])
def test_mapped_diagonals__are_those_in_memory(small, tmp_path, monkeypatch, part_bytes) -> None:
    monkeypatch.setattr(weight_files, "_PART_BYTES", part_bytes)
    kept = encoded(EncodedDiagonals, arranged(small), small.encoder)
    told: list[int] = []
    written = mapped_diagonals(arranged(small), small.encoder, tmp_path, told.append)
    assert sum(told) == 4
    monkeypatch.setattr(ArrangedDiagonals, "encode", None)  # the file is there
    read = mapped_diagonals(arranged(small), small.encoder, tmp_path, told.append)
    assert sum(told) == 8
    for mapped in (written, read):
        assert (mapped.weights == kept.weights).all()
        assert not mapped.weights.flags.writeable
    assert [path.suffix for path in tmp_path.iterdir()] == [".weights"]
    ev = Evaluator(small.params, small.generator.evaluation_keys(small.secret, kept.needs))
    x = small.encrypt(small.random(3), 2).ct
    products = [SlotMatrix(ev, {(0, 0): block}).apply([[x]])[0][0] for block in (kept, read)]
    assert (products[0].data == products[1].data).all()


def test_weight_file__is_another_for_other_weights(small, schemes, tmp_path) -> None:
    tiny = schemes("two digits")
    others = [
        arranged(small),
        arranged(small, seed=2),
        arranged(small, level=1),
        arranged(small, count=3),
        arranged(tiny),
        ArrangedDiagonals.of(small.params, {0: np.ones(8)}, 2),
        ArrangedDiagonals.of(small.params, {0: np.ones(8) + 0j}, 2),
        ArrangedDiagonals.of(small.params, {1: np.ones(8)}, 2),
    ]
    assert len({weight_file(other, tmp_path) for other in others}) == len(others)
    assert weight_file(arranged(small), tmp_path) == weight_file(others[0], tmp_path)


@pytest.mark.parametrize("place", [4095, 4096, 5000, -1])
def test_mapped_diagonals__an_altered_file_is_an_error(small, made, place) -> None:
    data = bytearray(made.read_bytes())
    if place == 4095:  # what stands between the head and the weights is not read
        data[place] ^= 1
        made.write_bytes(data)
        mapped_diagonals(arranged(small), small.encoder, made.parent)
        return
    data[place] ^= 1
    made.write_bytes(data)
    with pytest.raises(CorruptBytesError, match="was altered"):
        mapped_diagonals(arranged(small), small.encoder, made.parent)


def test_mapped_diagonals__other_files_are_errors(small, made) -> None:
    data = made.read_bytes()

    def read() -> None:
        mapped_diagonals(arranged(small), small.encoder, made.parent)

    for size in (0, 7):
        made.write_bytes(data[:size])
        with pytest.raises(ForeignBytesError, match="no encoded weights of this project"):
            read()
    for size in (8, 60, 4096, len(data) - 1):
        made.write_bytes(data[:size])
        with pytest.raises(CorruptBytesError, match="are needed"):
            read()
    made.write_bytes(b"\x89PNG" + data[4:])
    with pytest.raises(ForeignBytesError, match="delete the file"):
        read()
    made.write_bytes(data[:8] + b"\x01" + data[9:])
    with pytest.raises(VersionError, match="version 1, this release reads 2"):
        read()
    other = arranged(small, seed=5)
    mapped_diagonals(other, small.encoder, made.parent)
    weight_file(other, made.parent).rename(made)
    with pytest.raises(ForeignBytesError, match="another linear map"):
        read()


def test_mapped_diagonals__nothing_is_left_of_a_file_that_failed(small, tmp_path) -> None:
    bad = ArrangedDiagonals.of(small.params, {0: np.full(4, np.nan)}, 2)
    with pytest.raises(EncodingError):
        mapped_diagonals(bad, small.encoder, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="No such file"):
        mapped_diagonals(arranged(small), small.encoder, tmp_path / "none")

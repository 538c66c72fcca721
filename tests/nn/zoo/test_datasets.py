"""IDX files: read back, and refused when they are something else."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nn.errors import ZooError
from nn.zoo.datasets import read_idx, read_split, write_test_images


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_set(folder: Path, prefix: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    images, labels = rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return images, labels


def test_read_split__reads_plain_and_gzipped_files(tmp_path: Path) -> None:
    for prefix, split, count in (("train", "train", 7), ("t10k", "test", 5)):
        images, labels = write_set(tmp_path, prefix, count)
        read_images, read_labels = read_split(tmp_path, split)  # type: ignore[arg-type]
        assert np.array_equal(read_images, images)
        assert np.array_equal(read_labels, labels)


def test_write_test_images__bundles_the_test_split(tmp_path: Path) -> None:
    images, labels = write_set(tmp_path, "t10k", 5)
    write_test_images(*read_split(tmp_path, "test"), tmp_path / "bundle.npz")
    with np.load(tmp_path / "bundle.npz") as bundle:
        assert np.array_equal(bundle["images"], images)
        assert np.array_equal(bundle["labels"], labels)


def test_read_split__names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="neither train-images-idx3-ubyte nor train-images"):
        read_split(tmp_path, "train")


def test_read_split__refuses_labels_that_do_not_match(tmp_path: Path) -> None:
    write_set(tmp_path, "train", 7)
    labels = np.zeros(6)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(labels)))
    with pytest.raises(ZooError, match=r"images \(7, 28, 28\) and labels \(6,\)"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "IDX file of unsigned bytes is needed"),
        (b"\x00\x00\x0d\x01" + bytes(8), "begins with"),
        (b"\x00\x00\x08\x03\x00\x00", "ends within its header, after 6 of 16 bytes"),
        (idx_bytes(np.zeros((2, 3)))[:-1], r"announces \(2, 3\) and holds 5 bytes"),
        (idx_bytes(np.zeros((2, 3))) + b"\x00", r"announces \(2, 3\) and holds 7 or more bytes"),
    ],
)
def test_read_idx__refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ZooError, match=message):
        read_idx(path)


def test_read_idx__refuses_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(100)))[:-9])
    with pytest.raises(ZooError, match="gzip"):
        read_idx(path)

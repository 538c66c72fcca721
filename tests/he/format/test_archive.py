"""NumPy's files: they come back as NumPy loads them, within limits, and nothing is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from he.format import archive


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array(3.5),
        np.zeros((0, 5)),
        np.zeros(2, dtype=[("a", np.int8), ("b", np.float64, (3,))]),
        np.array(["text", "texts"]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays__come_back_as_numpy_loads_them(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "plain.npz", a=array, b=array)
    np.savez_compressed(tmp_path / "compressed.npz", a=array, b=array)
    read = [archive.read_array(tmp_path / "a.npy")]
    for name in ("plain", "compressed"):
        assert set(archive.read_arrays(tmp_path / f"{name}.npz")) == {"a", "b"}
        read.append(archive.read_arrays(tmp_path / f"{name}.npz", ("a",))["a"])
    for again in read:
        assert again.dtype == array.dtype
        assert again.shape == array.shape
        assert (again == array).all()


def test_read_arrays__counts_all_arrays_together(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(100), b=np.zeros(100))
    assert len(archive.read_arrays(tmp_path / "a.npz", largest_bytes=1600)) == 2
    with pytest.raises(archive.ArchiveError, match=r"a\.npz: the member 'b' takes 800 bytes"):
        archive.read_arrays(tmp_path / "a.npz", largest_bytes=1599)
    np.save(tmp_path / "a.npy", np.zeros(100))
    with pytest.raises(archive.ArchiveError, match="takes 800 bytes"):
        archive.read_array(tmp_path / "a.npy", largest_bytes=799)


def test_read_arrays__refuses_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([object()], dtype=object))
    with pytest.raises(archive.ArchiveError, match="Python objects"):
        archive.read_arrays(tmp_path / "a.npz")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_read_arrays__refuses_what_may_not_end() -> None:
    for read in (archive.read_arrays, archive.read_array):
        with pytest.raises(archive.ArchiveError, match="/dev/zero: a device or a pipe"):
            read("/dev/zero")

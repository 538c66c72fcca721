"""Result files of `rtl` are whole or absent, and refused before the work."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rtl import files
from rtl.errors import OutputError
from rtl.files import check_writable, read_bytes, write_whole


def test_read_bytes__up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_BYTES", 1000)
    path = tmp_path / "a"
    for data in (b"x" * 1000, gzip.compress(b"x" * 1000)):
        path.write_bytes(data)
        assert read_bytes(path) == b"x" * 1000
    for data, told in (
        (b"x" * 1001, "more than the 1,000 bytes"),
        (gzip.compress(b"x" * 1001), "more than the 1,000 bytes"),
        (gzip.compress(os.urandom(500))[:-20], "damaged gzip data"),
    ):
        path.write_bytes(data)
        with pytest.raises(OSError, match=told):
            read_bytes(path)


def test_write_whole__replaces_and_keeps_permissions(tmp_path):
    path = tmp_path / "folder" / "a"
    write_whole(path, "text: é\n")
    path.chmod(0o600)
    write_whole(path, b"bytes")
    assert path.read_bytes() == b"bytes"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_write_whole__an_error_leaves_what_was_there(tmp_path, monkeypatch, problem):
    path = tmp_path / "a"
    path.write_text("old")

    def refuse(*_):
        raise problem

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(type(problem)):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_check_writable__names_what_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "none" / "a")
    with pytest.raises(OutputError, match="is a folder: name a file"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="is no folder"):
        check_writable(tmp_path / "file" / "a")
    for denied in (tmp_path, tmp_path / "file"):
        monkeypatch.setattr(os, "access", lambda path, _, denied=denied: Path(path) != denied)
        with pytest.raises(OutputError, match="no permission"):
            check_writable(tmp_path / "file")

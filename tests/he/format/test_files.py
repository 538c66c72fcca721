"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from he.format.files import check_writable, read_text, replaced_file


def test_replaced_file__replaces_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replaced_file(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_replaced_file__an_error_leaves_what_was_there(
    tmp_path: Path, problem: BaseException
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write() -> None:
        with replaced_file(path, "wb") as file:
            file.write(b"half of the new")
            raise problem

    with pytest.raises(type(problem)):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replaced_file__keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with replaced_file(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        with replaced_file(tmp_path / "fresh") as file:
            file.write("x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


def test_replaced_file__writes_into_what_is_no_file() -> None:
    with replaced_file("/dev/null") as file:
        file.write("gone")
    assert not Path("/dev/null").is_file()


def test_replaced_file__a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "a"
    with pytest.raises(FileNotFoundError, match="nowhere"), replaced_file(missing):
        pass
    with replaced_file(missing, make_folders=True) as file:
        file.write("x")
    assert missing.read_text() == "x"


def test_replaced_file__a_name_of_the_greatest_length(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    with replaced_file(path) as file:
        file.write("x")
    assert list(tmp_path.iterdir()) == [path]


def test_replaced_file__a_pipe_behind_a_link_is_written(tmp_path: Path) -> None:
    """As `/dev/stdout` is: the name that the link has for the pipe is no path."""
    reader, writer = os.pipe()
    link = tmp_path / "link"
    link.symlink_to(f"/proc/self/fd/{writer}")
    if not link.exists():
        pytest.skip("this system has no /proc")
    with replaced_file(link) as file:
        file.write("through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)


def written(path: Path, make_folders: bool) -> None:
    with replaced_file(path, make_folders=make_folders) as file:
        file.write("x")


def problem_of(folder: Path, name: str, make_folders: bool = False) -> type[OSError] | None:
    """What `check_writable` says; `replaced_file` must agree, and leave nothing if it refuses."""
    path, before = folder / name, sorted(folder.rglob("*"))
    try:
        check_writable(path, make_folders=make_folders)
    except OSError as problem:
        with pytest.raises(type(problem), match=re.escape(name)):
            written(path, make_folders)
        assert sorted(folder.rglob("*")) == before
        return type(problem)
    assert sorted(folder.rglob("*")) == before
    written(path, make_folders)
    return None


def test_check_writable__agrees_with_the_writing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "none" / "a")
    assert problem_of(tmp_path, "folder") is IsADirectoryError
    assert problem_of(tmp_path, "file/a") is NotADirectoryError
    assert problem_of(tmp_path, "file/a", make_folders=True) is NotADirectoryError
    assert problem_of(tmp_path, "loop") is OSError
    assert problem_of(tmp_path, "dangling") is FileNotFoundError
    assert problem_of(tmp_path, "a" * 300) is OSError
    assert problem_of(tmp_path, "none/a") is FileNotFoundError
    assert problem_of(tmp_path, "none/a", make_folders=True) is None
    assert problem_of(tmp_path, "file") is None
    assert problem_of(tmp_path, "fresh") is None


def deny(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, who may write everywhere: the answer of the system is replaced."""
    monkeypatch.setattr(os, "access", lambda asked, _: Path(asked) != path)


@pytest.mark.parametrize("refused", ["file", "folder"])
def test_check_writable__permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    path = tmp_path / "file"
    if refused == "file":
        path.write_text("kept")
    deny(path if refused == "file" else tmp_path, monkeypatch)
    assert problem_of(tmp_path, "file") is PermissionError
    assert not path.exists() or path.read_text() == "kept"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_replaced_file__in_a_folder_that_cannot_be_written_stays_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old and longer")
    same = path.stat().st_ino
    deny(tmp_path, monkeypatch)
    check_writable(path)
    new: str | bytes = "new" if mode == "w" else b"new"

    def interrupted() -> None:
        with replaced_file(path, mode) as file:
            file.write(new)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old and longer"
    with replaced_file(path, mode) as file:
        file.write(new)
        assert path.read_text() == "old and longer"
    assert (path.read_text(), path.stat().st_ino) == ("new", same)
    assert list(tmp_path.iterdir()) == [path]


def test_replaced_file__one_that_is_mounted_stays_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    path = tmp_path / "file"
    path.write_text("old and longer")
    same = path.stat().st_ino
    monkeypatch.setattr(os, "replace", refuse)
    with replaced_file(path) as file:
        file.write("new")
    assert (path.read_text(), path.stat().st_ino) == ("new", same)
    assert list(tmp_path.iterdir()) == [path]


def test_read_text__up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("é" * 50, encoding="utf-8")
    assert read_text(path, 100) == "é" * 50
    with pytest.raises(OSError, match="more than the 99 bytes"):
        read_text(path, 99)
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path, 100)

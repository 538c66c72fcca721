"""Files that are whole or absent when they are written, and of a bounded size when they are read.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_LONGEST_PREFIX = 40  # characters of a name; with a random suffix, no file system has it too long


@contextlib.contextmanager
def replaced_file(
    path: Path | str, mode: str = "w", *, make_folders: bool = False
) -> Iterator[IO[Any]]:
    """A new file that takes the place of `path` when the block ends without an error.

    mode: "w" for UTF-8 text, "wb" for bytes. make_folders: whether missing folders are made. A full
    disk or an interrupt leaves what was there before. Links are followed; an existing file's
    permissions stay. What is no regular file, such as a pipe, is written directly. Raises `OSError`
    as `check_writable` and `open` do.

    A file that nothing can take the place of is written in place, when the block ends without an
    error: one in a folder that cannot be written, and one that is mounted alone, as in containers.
    The new content waits in memory or beside the file; a disk that fills up leaves half of it.
    """
    check_writable(path, make_folders=make_folders)
    path, target = Path(path), Path(path).resolve()
    encoding = None if "b" in mode else "utf-8"
    if path.exists() and not path.is_file():
        with path.open(mode, encoding=encoding) as file:
            yield file
        return
    if path.exists() and not _is_writable(target.parent):
        content = io.StringIO() if encoding else io.BytesIO()
        yield content
        with path.open(mode, encoding=encoding) as file:
            file.write(content.getvalue())
        return
    if make_folders:
        target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name[:_LONGEST_PREFIX]}."
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=prefix)
    try:
        with open(descriptor, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _permissions(target))
        _replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def check_writable(path: Path | str, *, make_folders: bool = False) -> None:
    """Raise `OSError` where `replaced_file` cannot write to `path`: before long work, not after.

    make_folders: whether folders may be missing. Nothing is written.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder: name a file in it", str(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write this file", str(path))
    if path.exists():
        return
    try:
        parents = path.resolve().parents
    except RuntimeError as error:  # of pathlib, before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    folder = next(parent for parent in parents if parent.exists())
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder", str(path))
    if folder != parents[0] and not make_folders:
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {parents[0]}", str(path))
    if not _is_writable(folder):
        raise PermissionError(errno.EACCES, f"no permission to write in {folder}", str(path))


def read_text(path: Path | str, largest_bytes: int) -> str:
    """The text of a file of at most so many bytes, which may be a pipe.

    Raises `OSError`, also for a larger file; `UnicodeDecodeError` for what is not UTF-8.
    """
    with Path(path).open("rb") as file:
        data = file.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        words = f"there are more than the {largest_bytes:,} bytes that are read of such a file"
        raise OSError(errno.EFBIG, words, str(path))
    return data.decode("utf-8")


def _replace(name: str, target: Path) -> None:
    """Let the file `name` take the place of `target`, or its content where `target` is mounted."""
    try:
        os.replace(name, target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(name, target)
        os.unlink(name)


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def _permissions(target: Path) -> int:
    """Those of the file that is there; else those that `open` would give a new one."""
    with contextlib.suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

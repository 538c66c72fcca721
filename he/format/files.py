"""Files that are whole or absent: what is written replaces a file only once it is complete.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def replaced_file(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """A new file that takes the place of `path` when the block ends without an error.

    mode: "w" for UTF-8 text, "wb" for bytes. A full disk or an interrupt leaves what was there
    before. Links are followed; an existing file's permissions stay. What is no regular file, such
    as a pipe, is written directly. Raises `OSError` as `open` does.
    """
    target = Path(path).resolve()
    encoding = None if "b" in mode else "utf-8"
    if target.exists() and not target.is_file():
        with target.open(mode, encoding=encoding) as file:
            yield file
        return
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _permissions(target))
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _permissions(target: Path) -> int:
    """Those of the file that is there; else those that `open` would give a new one."""
    with contextlib.suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

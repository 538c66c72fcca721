"""The files of machine code: where they lie, what they hold, and when they are stale.

There is a file for each kernel and argument types. A file serves this CPU, these versions of
Python, NumPy, Numba and LLVM, the same ``NUMBA_`` variables, and the present sources: any change of
a file of `ntt`, of the kernel's own file, or of a file of its package that it takes names from
makes it stale. `ntt.kept_files` says which folders are used. Nothing in a file is unpickled.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntt.kept_files import (
    Stamp,
    file_stamp,
    owner_of,
    replace,
    sealed,
    shared_folder,
    sources_stamp,
    unsealed,
    warn_once,
)

MAGIC = b"he-accel machine code 1\n"
SUFFIX = ".code"
FIXED = "fixed"
"""What stands for the argument types of a kernel that has but one choice of them."""
_LENGTH = struct.Struct("<I")
_FOLDER_VARIABLE = "NUMBA_CACHE_DIR"
_NUMBA_SETTINGS = ".numba_config.yaml"


@dataclass(frozen=True)
class MachineCode:
    """A kernel in objects of ELF that refer to one another.

    helpers: the source files, by module, besides those of `ntt` that the code was made from.
    undefined: the names of the C functions and data that the objects need from the process.
    """

    helpers: tuple[Stamp, ...]
    undefined: tuple[str, ...]
    objects: tuple[bytes, ...]


@functools.cache
def folder() -> Path | None:
    """Where machine code is kept; None, with a `KernelCacheWarning`, where no place is safe.

    It is in ``NUMBA_CACHE_DIR`` where that is set, beside the sources where those can be written,
    else in the user's folder for caches. Where neither can be written, what lies beside the sources
    is read.
    """
    named = os.environ.get(_FOLDER_VARIABLE)
    chosen = Path(named) / "he-accel" if named else _unnamed_folder()
    trouble = shared_folder(str(chosen), owner_of(__file__))
    if trouble:
        warn_once(
            f"machine code is neither kept nor read: {trouble}, and who writes there can run code "
            "in this process; take the permission away (chmod go-w) or name a private folder with "
            "NUMBA_CACHE_DIR"
        )
        return None
    return chosen


def _unnamed_folder() -> Path:
    beside = Path(__file__).parent / "__pycache__"
    # Of a user without a home, "~" stays.
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    of_user = Path(caches) / "he-accel"
    if _is_writable(beside) or not of_user.is_absolute() or not _is_writable(of_user):
        return beside
    return of_user


def _is_writable(place: Path) -> bool:
    """Whether a folder can be written to, or made."""
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK)


def find(module: str, kernel: str, types: str | None = None) -> Iterator[MachineCode]:
    """The machine code that is kept for a kernel of a module.

    types: the argument types in the words that `keep` was given; None for any.
    Stale files are passed over. So are damaged ones, with a `KernelCacheWarning`.
    """
    place = folder()
    if place is None or not place.is_dir():
        return
    for path in _listed(place).get(_stem(module, kernel), ()):
        try:
            code = _read(path, types)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            warn_once(f"kept machine code in {place} is damaged, making it anew: {error}")
            continue
        if code is not None:
            yield code


def keep(module: str, kernel: str, types: str, code: MachineCode) -> None:
    """Keep machine code for a kernel and argument types, in words; a failure is a warning."""
    place = folder()
    if place is None:
        return
    header = {
        "types": types,
        "made for": made_for(),
        "helpers": code.helpers,
        "undefined": code.undefined,
        "lengths": [len(block) for block in code.objects],
    }
    head = json.dumps(header).encode()
    contents = b"".join([_LENGTH.pack(len(head)), head, *code.objects])
    name = f"{_stem(module, kernel)}.{_digest([types, _processor()])[:16]}{SUFFIX}"
    try:
        replace(place / name, sealed(MAGIC, contents))
    except OSError as error:
        warn_once(f"machine code cannot be kept in {place}: {error}")
    _listed.cache_clear()


@functools.cache
def made_for() -> str:
    """A digest of everything that machine code depends on, but for its helpers."""
    from llvmlite import __version__ as llvmlite

    return _digest(
        [
            sys.version,
            np.__version__,
            llvmlite,
            _version_of_numba(),
            _text(Path(_NUMBA_SETTINGS)),
            _processor(),
            sources_stamp(),
        ]
    )


def _version_of_numba() -> str:
    """The file with Numba's version, read without importing Numba."""
    spec = importlib.util.find_spec("numba")
    if spec is None or spec.origin is None:
        return ""
    return _text(Path(spec.origin).with_name("_version.py"))


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


@functools.cache
def _processor() -> list[object]:
    """The CPU, and what the environment says about compiling for it."""
    from llvmlite import binding

    said = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name != _FOLDER_VARIABLE
    )
    features = binding.get_host_cpu_features().flatten()
    return [binding.get_process_triple(), binding.get_host_cpu_name(), features, said]


def _read(path: Path, types: str | None) -> MachineCode | None:
    """What a file holds, or None if it is stale or of other types.

    Raises `ValueError` for a damaged file.
    """
    contents = memoryview(unsealed(MAGIC, path, path.read_bytes()))
    start = _LENGTH.size + _LENGTH.unpack(contents[: _LENGTH.size])[0]
    header = json.loads(bytes(contents[_LENGTH.size : start]))
    # First, since the header of another version of these sources may have other items.
    if header.get("made for") != made_for() or types not in (None, header["types"]):
        return None
    helpers = tuple((str(name), int(time), int(size)) for name, time, size in header["helpers"])
    if helpers != _present(helpers):
        return None
    objects = []
    for length in header["lengths"]:
        objects.append(bytes(contents[start : start + length]))
        start += length
    return MachineCode(helpers, tuple(header["undefined"]), tuple(objects))


def _present(helpers: Sequence[Stamp]) -> tuple[Stamp, ...]:
    """The stamps of the same modules now; of one that is gone, a stamp that none has."""
    return tuple(_stamp_of_module(name) for name, _, _ in helpers)


@functools.cache
def _stamp_of_module(name: str) -> Stamp:
    package, *inner = name.split(".")
    above = getattr(sys.modules.get(package), "__file__", None)
    if above is not None:
        path = Path(above).parent.joinpath(*inner)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if inner and file.is_file():
                return file_stamp(name, file)
    return name, 0, 0


@functools.cache
def _listed(place: Path) -> dict[str, list[Path]]:
    """The files of a folder by the part of their names that says which kernel they hold."""
    found: dict[str, list[Path]] = {}
    for path in sorted(place.glob(f"*{SUFFIX}")):
        found.setdefault(path.name.rsplit(".", 2)[0], []).append(path)
    return found


def _stem(module: str, kernel: str) -> str:
    return f"{module}.{kernel}"


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()

"""Intel HEXL's transforms, through a small shim that is compiled where HEXL is installed."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ntt.modulus import primitive_root
from ntt.tables import NTTTables

ENVIRONMENT_VARIABLE = "HEXL_PREFIX"
NAME = "Intel HEXL"

_VERSION = "1.2"
_SHIM = Path(__file__).with_name("hexl.cpp")
_COMPILERS = ("clang++", "g++", "c++")
_USUAL_PREFIXES = (Path("/usr/local"), Path("/usr"))
_LIBRARIES = ("libhexl.so", "libhexl.a", "libhexl.dylib")
_COMPILE_SECONDS = 120
# What the names of HEXL's transforms for AVX-512 IFMA hold, in a library of either kind.
_VECTOR_KERNEL = b"ForwardTransformToBitReverseAVX512ILi52E"


class HexlError(Exception):
    """There is no Intel HEXL to measure; the message says why, and what would help."""


class Hexl:
    """Intel HEXL, loaded. version: of the installed library."""

    def __init__(self, version: str, library: ctypes.CDLL) -> None:
        self.version = version
        self._library = library
        library.transforms_new.restype = ctypes.c_void_p
        library.transforms_new.argtypes = [ctypes.c_uint64] * 3
        library.transforms_delete.argtypes = [ctypes.c_void_p]
        for name in ("transforms_forward", "transforms_inverse"):
            getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            getattr(library, name).restype = None

    def transforms(self, tables: NTTTables) -> HexlTransforms:
        """HEXL's transforms of the first modulus of `tables`, with the same root.

        Raises `HexlError` where HEXL refuses the modulus.
        """
        return HexlTransforms(self._library, tables)


class HexlTransforms:
    """Transforms of one limb, in place, with the values of `ntt.forward` and `ntt.inverse`."""

    def __init__(self, library: ctypes.CDLL, tables: NTTTables) -> None:
        self._library, self._N = library, tables.N
        q = tables.moduli[0]
        self._handle = library.transforms_new(tables.N, q, primitive_root(q, 2 * tables.N))
        if not self._handle:
            raise HexlError(f"{NAME} has no transform for N = {tables.N} and q = {q}")

    def call(self, operation: str, x: np.ndarray) -> Callable[[], object]:
        """A call that transforms x (.., N) in place, "forward" or "inverse", and does no more.

        x: one limb of contiguous uint64 in [0, q); it must outlive the call, and so must this.
        """
        if x.dtype != np.uint64 or x.size != self._N or not x.flags.c_contiguous:
            raise ValueError(f"x must be {self._N} contiguous uint64, not {x.dtype} {x.shape}")
        function = getattr(self._library, f"transforms_{operation}")
        return partial(function, self._handle, x.ctypes.data)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.transforms_delete(self._handle)


def load(prefix: Path | None = None) -> Hexl:
    """Find an installed HEXL, compile the shim beside nothing that stays, and load it.

    prefix: the folder that holds HEXL's ``include`` and ``lib``; by default the one that the
    environment variable HEXL_PREFIX names, or /usr/local, or /usr. The compiler is the one that the
    environment variable CXX names, or clang++, g++, c++. Raises `HexlError`.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if prefix is None and named:
        prefix = Path(named)
    prefix, library = _installed(prefix)
    version = _version(library)
    if not re.match(rf"{re.escape(_VERSION)}(\.|$)", version):
        raise HexlError(f"{library} is HEXL {version}; the shim needs {_VERSION}")
    if _VECTOR_KERNEL not in library.read_bytes():
        raise HexlError(
            f"{library} was built without AVX-512 IFMA, which makes HEXL slower than it can be: "
            f"build HEXL on a machine that has it"
        )
    return Hexl(version, _compiled(prefix, library))


def _installed(prefix: Path | None) -> tuple[Path, Path]:
    """(prefix, library) of HEXL; its header is there too."""
    places = (prefix,) if prefix else _USUAL_PREFIXES
    for place in places:
        found = [
            place / folder / name
            for folder in ("lib", "lib64", "lib/x86_64-linux-gnu")
            for name in _LIBRARIES
            if (place / folder / name).is_file()
        ]
        if found and (place / "include" / "hexl" / "hexl.hpp").is_file():
            return place, found[0]
    raise HexlError(
        f"no include/hexl/hexl.hpp with a library in {' or '.join(map(str, places))}: name the "
        f"folder where HEXL is installed with --hexl or {ENVIRONMENT_VARIABLE}"
    )


def _version(library: Path) -> str:
    """What HEXL's pkg-config file says, or the folder of its CMake files."""
    try:
        text = (library.parent / "pkgconfig" / "hexl.pc").read_text(encoding="utf-8")
        found = re.search(r"^Version:\s*(\S+)", text, re.MULTILINE)
    except OSError:
        found = None
    if found:
        return found[1]
    for folder in sorted((library.parent / "cmake").glob("hexl-*")):
        return folder.name.removeprefix("hexl-")
    raise HexlError(f"{library.parent} has no pkgconfig/hexl.pc that tells HEXL's version")


def _compiled(prefix: Path, library: Path) -> ctypes.CDLL:
    """The shim, compiled in a folder that is removed as soon as it is loaded."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else list(_COMPILERS)
    compiler = next((path for name in names if (path := shutil.which(name))), None)
    if compiler is None:
        raise HexlError(f"no C++ compiler for the shim: none of {', '.join(names)} is found")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, "hexl_shim.so")
        command = [
            *(compiler, "-std=c++17", "-O2", "-shared", "-fPIC", f"-I{prefix / 'include'}"),
            *(str(_SHIM), str(library), f"-Wl,-rpath,{library.parent}", "-o", str(built)),
        ]
        try:
            subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=_COMPILE_SECONDS
            )
            return ctypes.CDLL(str(built))
        except subprocess.CalledProcessError as error:
            reason = _reason(error.stderr)
            raise HexlError(f"{compiler} cannot compile the shim: {reason}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HexlError(f"the shim of {library} cannot be built or loaded: {error}") from error


def _reason(text: str) -> str:
    """The first line of a compiler's message that names an error."""
    lines = text.strip().splitlines() or ["no message"]
    return next((line for line in lines if "error" in line), lines[0])

"""The cache of compiled kernels: kept, stale, damaged, and impossible."""

from __future__ import annotations

import errno
import grp
import importlib
import importlib.util
import os
import pwd
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numba.core import config
from numba.core.caching import CacheImpl, IndexDataCacheFile

import ntt
from ntt import jit, kept_files, kernel_cache

SOURCE = """
from ntt.jit import kernel

@kernel
def double(x):
    return x + x
"""


@pytest.fixture(autouse=True)
def _forget_warnings() -> None:
    kept_files.warn_once.cache_clear()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """Import the module with one kernel, as a new process would."""
    monkeypatch.setattr(config, "CACHE_DIR", "")  # whatever NUMBA_CACHE_DIR says
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE)

    def load_again() -> ModuleType:
        spec = importlib.util.spec_from_file_location("doubling", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_again


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted((folder / "__pycache__").glob(f"*{suffix}"))


def test_kernel__is_compiled_once_and_kept(load: Callable[[], ModuleType]) -> None:
    first = load()
    assert not jit.is_cached(first.double)
    before = jit.compilations()
    assert first.double(4) == 8
    assert jit.compilations() == before + 1
    second = load()
    assert jit.is_cached(second.double)
    assert second.double(4) == 8
    assert jit.compilations() == before + 1


def test_kernel__is_stale_when_any_source_changed(
    load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    load().double(1)
    monkeypatch.setattr(kernel_cache, "sources_stamp", lambda: ("another state of the sources",))
    changed = load()
    assert not jit.is_cached(changed.double)
    before = jit.compilations()
    assert changed.double(3) == 6
    assert jit.compilations() == before + 1


def test_sources_stamp__names_every_file_of_the_package() -> None:
    names = [name for name, _, _ in kept_files.sources_stamp()]
    assert {"reduction.py", "simd/integers.py", "backends/scalar/transform.py"} <= set(names)


def test_helpers_stamp__names_the_files_that_kernels_import_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "toolbox"
    package.mkdir()
    sources = {
        "__init__": "",
        "unused": "",
        "far": "from ntt.jit import inline\n\n@inline\ndef twice(x):\n    return x + x\n",
        "near": "from ntt.jit import inline\nfrom toolbox.far import twice\n\n"
        "@inline\ndef fourfold(x):\n    return twice(twice(x))\n",
        "kernels": "from ntt.jit import kernel\nfrom toolbox.near import fourfold\n\n"
        "@kernel\ndef run(x):\n    return fourfold(x)\n",
    }
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    run = importlib.import_module("toolbox.kernels").run
    assert run(3) == 12
    stamp = kept_files.helpers_stamp(run.py_func)
    assert {"toolbox.far", "toolbox.near"} <= {name for name, _, _ in stamp}
    assert not any(name == "toolbox.unused" for name, _, _ in stamp)
    (package / "far.py").write_text(sources["far"] + "\n")
    assert kept_files.helpers_stamp(run.py_func) != stamp


def test_kernel__is_stale_when_an_operand_type_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept names the type, and cannot be read without it."""
    operands = "from typing import NamedTuple\n\nclass {}(NamedTuple):\n    x: int\n"
    source = "from ntt.jit import kernel\n\n@kernel\ndef first(pair):\n    return pair.x\n"
    package = tmp_path / "renaming"
    package.mkdir()
    (package / "kernels.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    before = jit.compilations()
    for count, name in enumerate(("Pair", "Couple"), start=1):
        (package / "operands.py").write_text(operands.format(name))
        monkeypatch.setattr(kernel_cache, "sources_stamp", lambda stamp=name: (stamp,))
        for module in [m for m in sys.modules if m.startswith("renaming")]:
            monkeypatch.delitem(sys.modules, module)
        importlib.invalidate_caches()
        kernels = importlib.import_module("renaming.kernels")
        pair = getattr(importlib.import_module("renaming.operands"), name)
        assert kernels.first(pair(5)) == 5
        assert jit.compilations() == before + count


@pytest.mark.parametrize("damage", [b"", b"not a pickle", kernel_cache.MAGIC])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_kernel__damaged_cache_is_told_and_replaced(
    load: Callable[[], ModuleType], tmp_path: Path, suffix: str, damage: bytes
) -> None:
    load().double(1)
    for path in files(tmp_path, suffix):
        path.write_bytes(damage)
    damaged = load()
    with pytest.warns(ntt.KernelCacheWarning, match="damaged"):
        assert damaged.double(3) == 6
    kept_files.warn_once.cache_clear()
    assert load().double(3) == 6


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_kernel__no_flipped_bit_is_ever_run(
    load: Callable[[], ModuleType], tmp_path: Path, suffix: str
) -> None:
    """A bit in each of some forty bytes, spread over the file."""
    load().double(1)
    (path,) = files(tmp_path, suffix)
    intact = path.read_bytes()
    for place in range(0, len(intact), max(1, len(intact) // 40)):
        flipped = bytearray(intact)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        kept_files.warn_once.cache_clear()
        with pytest.warns(ntt.KernelCacheWarning, match="damaged"):
            assert load().double(3) == 6
        path.write_bytes(intact)


def test_kernel__files_of_earlier_versions_are_replaced_in_silence(
    load: Callable[[], ModuleType], tmp_path: Path
) -> None:
    load().double(1)
    for path in (*files(tmp_path, ".nbi"), *files(tmp_path, ".nbc")):
        path.write_bytes(path.read_bytes()[len(kernel_cache.MAGIC) + 32 :])
    before = jit.compilations()
    assert load().double(3) == 6
    assert jit.compilations() == before + 1


@pytest.mark.parametrize(
    ("where", "mode", "trouble"),
    [
        ("__pycache__", 0o757, "everybody can write"),
        ("__pycache__", 0o1777, "everybody can write"),
        (".", 0o777, "everybody can write"),
        (".", 0o1777, ""),
        ("__pycache__", 0o755, ""),
    ],
)
def test_kernel__a_folder_that_others_can_write_to_is_not_used(
    load: Callable[[], ModuleType], tmp_path: Path, where: str, mode: int, trouble: str
) -> None:
    load().double(1)
    (tmp_path / where).chmod(mode)
    kept_files.shared_folder.cache_clear()
    before = jit.compilations()
    if trouble:
        with pytest.warns(ntt.KernelCacheWarning, match=trouble):
            module = load()
    else:
        module = load()
    assert module.double(3) == 6
    assert jit.compilations() == before + bool(trouble)
    assert jit.is_cached(module.double) == (not trouble)
    (tmp_path / where).chmod(0o755)
    kept_files.shared_folder.cache_clear()


def test_shared_folder__knows_groups_and_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.stat_result((stat.S_IFDIR | 0o775, 0, 0, 2, os.geteuid(), os.getegid(), 0, 0, 0, 0))
    user = pwd.getpwuid(os.geteuid()).pw_name

    def members(*names: str) -> None:
        group = grp.struct_group(("any", "x", os.getegid(), list(names)))
        monkeypatch.setattr(grp, "getgrgid", lambda _: group)

    members(user)
    assert not kept_files.has_others(own)
    members(user, "somebody")
    assert kept_files.has_others(own)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    text = kept_files.shared_folder.__wrapped__(str(tmp_path), 54321)
    assert ("belongs to another user" in text) == (tmp_path.stat().st_uid != 0)


def test_kernel__without_any_folder_works_and_says_so(
    load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])

    def load_two() -> tuple[ModuleType, Any]:
        return load(), jit.kernel(lambda x: x)

    with pytest.warns(ntt.KernelCacheWarning, match="name one with NUMBA_CACHE_DIR") as told:
        module, kernel = load_two()
    assert len(told) == 1  # however many kernels there are
    assert kernel(3) == 3
    assert module.double(5) == 10
    assert not jit.is_cached(module.double)


def test_kernel__full_disk_works_and_says_so(
    load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", fail)
    module = load()
    with pytest.warns(ntt.KernelCacheWarning, match="No space left"):
        assert module.double(5) == 10
    assert module.double(6) == 12


@pytest.fixture
def make_read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make a folder, and what is below, as on a file system that is read-only."""

    def make(folder: Path) -> None:
        def refusing(function: Callable[..., Any], place: int) -> Callable[..., Any]:
            def refuse_below(*given: Any, **named: Any) -> Any:
                path = named.get("dir") or given[place]
                if Path(path).is_relative_to(folder):
                    raise OSError(errno.EROFS, "Read-only file system", str(path))
                return function(*given, **named)

            return refuse_below

        access = os.access
        monkeypatch.setattr(
            os,
            "access",
            lambda path, mode: (
                access(path, mode) and not (mode & os.W_OK and Path(path).is_relative_to(folder))
            ),
        )
        monkeypatch.setattr(tempfile, "TemporaryFile", refusing(tempfile.TemporaryFile, 0))
        monkeypatch.setattr(
            IndexDataCacheFile,
            "_open_for_write",
            refusing(IndexDataCacheFile._open_for_write, 1),
        )

    return make


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("where", ["named", "beside", "of the user"])
def test_kernel__is_read_from_a_folder_that_cannot_be_written(
    load: Callable[[], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_read_only: Callable[[Path], None],
    where: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    if where == "named":
        monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kernels"))
    elif where == "of the user":
        (tmp_path / "__pycache__").write_text("in the way")
    load().double(1)
    before, kept = jit.compilations(), contents(tmp_path)
    make_read_only(tmp_path)
    module = load()  # a warning would be an error
    assert jit.is_cached(module.double)
    assert module.double(3) == 6
    assert jit.compilations() == before
    with pytest.warns(ntt.KernelCacheWarning, match="cannot be kept in .*Read-only"):
        assert module.double(0.5) == 1.0  # of another type, which nothing was kept for
    assert contents(tmp_path) == kept


def test_kernel__read_only_and_damaged_is_compiled(
    load: Callable[[], ModuleType], tmp_path: Path, make_read_only: Callable[[Path], None]
) -> None:
    load().double(1)
    for path in files(tmp_path, ".nbc"):
        path.write_bytes(b"")
    make_read_only(tmp_path)
    module = load()
    kept = contents(tmp_path)
    with (
        pytest.warns(ntt.KernelCacheWarning, match="cannot be kept"),
        pytest.warns(ntt.KernelCacheWarning, match="damaged"),
    ):
        assert module.double(3) == 6
    assert contents(tmp_path) == kept


@pytest.mark.parametrize("trouble", ["stale", "others can write"])
def test_kernel__read_only_but_not_to_be_used_is_kept_elsewhere(
    load: Callable[[], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_read_only: Callable[[Path], None],
    trouble: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    load().double(1)
    beside = tmp_path / "__pycache__"
    make_read_only(beside)
    if trouble == "stale":
        monkeypatch.setattr(kernel_cache, "sources_stamp", lambda: ("another state",))
    else:
        beside.chmod(0o757)
        kept_files.shared_folder.cache_clear()
    before = jit.compilations()
    module = load()
    assert not jit.is_cached(module.double)
    assert module.double(3) == 6
    assert jit.compilations() == before + 1
    assert list((tmp_path / "home").rglob("*.nbi"))
    kept_files.shared_folder.cache_clear()

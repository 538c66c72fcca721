"""Files of machine code: kept, stale, damaged, and impossible."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from numba.core.compiler import CompileResult

import ntt
from ntt import jit
from ntt.kept_files import sealed
from ntt.kernel_cache import KernelCache
from ntt.kernels import KernelModule, kept_kernels
from ntt.machine_code import files, loading
from ntt.machine_code.making import keep_machine_code
from tests.ntt.machine_code.conftest import SOURCE, forget

Load = Callable[[], ModuleType]


def kept_file(load: Load, folder: Path) -> Path:
    """The file of `is_even` for int64."""
    load()
    assert KernelModule("toolbox.kernels").is_even(4) is True
    (path,) = folder.glob("toolbox.kernels.is_even.*.code")
    forget()
    return path


def test_file__is_written_once_and_found(load: Load, folder: Path) -> None:
    path = kept_file(load, folder)
    before = path.stat().st_mtime_ns, jit.compilations()
    (run,) = kept_kernels("toolbox.kernels", "is_even")
    assert run(3) is False
    assert KernelModule("toolbox.kernels").is_even(5) is False
    assert (path.stat().st_mtime_ns, jit.compilations()) == before


def test_file__is_stale_when_the_kernel_changed(load: Load, folder: Path, tmp_path: Path) -> None:
    kept_file(load, folder)
    changed = tmp_path / "sources" / "toolbox" / "kernels.py"
    changed.write_text(SOURCE.replace("x % 2 == 0", "x % 2 == 1"))
    assert kept_kernels("toolbox.kernels", "is_even") == []
    load()
    assert KernelModule("toolbox.kernels").is_even(4) is False


def test_file__is_not_kept_where_a_source_changed_since_it_was_imported(
    load: Load, folder: Path, tmp_path: Path
) -> None:
    """The code is of the old source, and would stand under the stamp of the new one."""
    load()
    changed = tmp_path / "sources" / "toolbox" / "kernels.py"
    changed.write_text(SOURCE.replace("x % 2 == 0", "x % 2 == 1"))
    assert KernelModule("toolbox.kernels").is_even(4) is True
    assert list(folder.glob("toolbox.kernels.is_even.*.code")) == []


@pytest.mark.parametrize("name", ["sources_stamp", "_version_of_numba", "_processor"])
def test_file__is_stale_when_anything_else_changed(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kept_file(load, folder)
    monkeypatch.setattr(files, name, lambda: ["another"])
    assert kept_kernels("toolbox.kernels", "is_even") == []


@pytest.mark.parametrize("damage", [b"", b"no machine code", files.MAGIC])
def test_file__damaged_is_told_and_replaced(load: Load, folder: Path, damage: bytes) -> None:
    path = kept_file(load, folder)
    intact = path.read_bytes()
    path.write_bytes(damage)
    load()
    with pytest.warns(ntt.KernelCacheWarning, match="damaged"):
        assert KernelModule("toolbox.kernels").is_even(4) is True
    assert len(path.read_bytes()) == len(intact)


def test_file__no_flipped_bit_is_ever_run(load: Load, folder: Path) -> None:
    path = kept_file(load, folder)
    intact = path.read_bytes()
    for place in range(0, len(intact), max(1, len(intact) // 40)):
        flipped = bytearray(intact)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        forget()
        with pytest.warns(ntt.KernelCacheWarning, match="damaged"):
            assert kept_kernels("toolbox.kernels", "is_even") == []


def test_file__of_another_version_is_stale(load: Load, folder: Path) -> None:
    """Its header may have other items."""
    path = kept_file(load, folder)
    head = b'{"made for": "others"}'
    path.write_bytes(sealed(files.MAGIC, len(head).to_bytes(4, "little") + head))
    assert kept_kernels("toolbox.kernels", "is_even") == []


def test_file__that_needs_an_unknown_function_is_passed_over(load: Load, folder: Path) -> None:
    kept_file(load, folder)
    (code,) = files.find("toolbox.kernels", "is_even")
    strange = files.MachineCode(code.helpers, (*code.undefined, "no_such_function"), code.objects)
    with pytest.raises(loading.UnresolvedError, match="no_such_function"):
        loading.function("is_even", strange)
    for path in folder.glob("*.code"):
        path.unlink()
    files.keep("toolbox.kernels", "is_even", "strange", strange)
    assert kept_kernels("toolbox.kernels", "is_even") == []


def test_folder__that_others_can_write_to_is_not_used(load: Load, folder: Path) -> None:
    kept_file(load, folder)
    folder.chmod(0o757)
    try:
        with pytest.warns(ntt.KernelCacheWarning, match="everybody can write"):
            assert kept_kernels("toolbox.kernels", "is_even") == []
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("home", ["writable", "read-only", "unknown"])
def test_folder__where_the_sources_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    """It is the user's; where there is none to write to, what lies beside the sources is read."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if home == "unknown":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    writable = {tmp_path} if home == "writable" else set()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) in writable)
    forget()
    beside = Path(files.__file__).parent / "__pycache__"
    assert files.folder() == (tmp_path / "he-accel" if writable else beside)
    forget()


def test_keep__without_room_works_and_says_so(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(files, "replace", fail)
    load()
    with pytest.warns(ntt.KernelCacheWarning, match="No space left"):
        assert KernelModule("toolbox.kernels").is_even(4) is True


def test_file__is_not_kept_of_another_process_code(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that compile side by side overwrite each other's files in Numba's cache."""
    module = load()
    module.is_even(4)
    kept = KernelCache.object_code

    def of_another(cache: KernelCache, arguments: object, compiled: CompileResult) -> bytes | None:
        found = kept(cache, arguments, compiled)
        name = compiled.fndesc.llvm_func_name.encode()
        return None if found is None else found.replace(name, name[:-1] + b"?")

    with monkeypatch.context() as patch:
        patch.setattr(KernelCache, "object_code", of_another)
        keep_machine_code(module.is_even, "toolbox.kernels", "is_even")
        assert list(folder.glob("toolbox.kernels.is_even.*.code")) == []
    keep_machine_code(module.is_even, "toolbox.kernels", "is_even")
    assert len(list(folder.glob("toolbox.kernels.is_even.*.code"))) == 1

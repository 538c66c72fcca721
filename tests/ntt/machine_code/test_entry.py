"""Kernels called through their entries, against the same kernels called through Numba."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import types

import ntt
from ntt import jit
from ntt.backends import select
from ntt.backends.contract import KERNELS, Backend, argument_types
from ntt.kernels import kept_kernels
from ntt.limbs import LimbOps
from ntt.machine_code.entry import UnknownTypeError, entry_object
from ntt.machine_code.files import FIXED
from ntt.machine_code.making import keep_machine_code
from tests.ntt.operations import Recorder, calls

Load = Callable[[], ModuleType]
N = 256


def entry_of(compiled: Any, name: str, *, strict: bool = True) -> Callable[..., Any]:
    """The entry of the one version of a kernel of ``toolbox.kernels`` that was compiled."""
    (types,) = compiled.overloads
    keep_machine_code(compiled, "toolbox.kernels", name, None if strict else types)
    (entry,) = kept_kernels("toolbox.kernels", name)
    return entry


@pytest.mark.parametrize("kernel", KERNELS)
def test_entry__of_every_backend_gives_the_bits_of_numba(backend: Backend, kernel: str) -> None:
    name = backend.__name__.rpartition(".")[2]
    module = select.source_module(name)
    constants = {n: getattr(module, n) for n in module.__all__ if n not in KERNELS}
    compiled = getattr(module, kernel)
    jit.fix_types(compiled, argument_types(kernel))
    keep_machine_code(compiled, module.__name__, kernel, argument_types(kernel))
    kept = kept_kernels(module.__name__, kernel, FIXED)
    assert len(kept) == 1
    found = []
    for run in (compiled, kept[0]):
        own = SimpleNamespace(__name__=module.__name__, **constants, **{kernel: run})
        tables = ntt.NTTTables(N, ntt.find_primes(30, N, 3))
        memory = Recorder()
        calls(LimbOps(tables, tables.all_rows, own), memory.read, memory.write)[kernel]()
        found.append(memory.written)
    for of_numba, of_entry in zip(*found, strict=True):
        assert np.array_equal(of_numba, of_entry)


def test_entry__returns_what_numba_returns(load: Load) -> None:
    module = load()
    words = np.array([5, (1 << 64) - 1, 7], dtype=np.uint64)
    signed = np.array([5, -(1 << 63), 7], dtype=np.int64)
    pair = module.Pair(np.array([1.5, -2.0]), 3)
    for name, arguments in {
        "largest": (words,),
        "bounds": (signed,),
        "is_even": (7,),
        "weighed": (pair, 0.25),
    }.items():
        compiled = getattr(module, name)
        expected = compiled(*arguments)
        found = entry_of(compiled, name)(*arguments)
        assert found == expected
        assert type(found) is type(expected)


def test_entry__reshapes_contiguous_arrays(load: Load) -> None:
    module = load()
    source = np.arange(24, dtype=np.uint64).reshape(2, 3, 4)
    out = np.zeros(24, dtype=np.uint64)
    module.flattened(out.copy(), source)
    entry_of(module.flattened, "flattened")(out, source)
    assert (out == np.arange(24)).all()


def test_entry__refuses_arrays_of_other_types(load: Load) -> None:
    module = load()
    good = np.arange(6, dtype=np.uint64)
    module.add(good.copy(), good, good)
    add = entry_of(module.add, "add")
    frozen = good.copy()
    frozen.setflags(write=False)
    foreign = good.astype(good.dtype.newbyteorder(">"))
    for wrong in (
        good.astype(np.int64), good.astype(np.float64), good.astype(np.uint32), foreign,
        np.arange(12, dtype=np.uint64)[::2], good.reshape(2, 3), good.tolist(), 3, None,
    ):  # fmt: skip
        with pytest.raises(TypeError, match="No matching definition"):
            add(good.copy(), wrong, good)
    for wrong_out in (frozen, np.arange(12, dtype=np.uint64)[::2]):
        with pytest.raises(TypeError, match="No matching definition"):
            add(wrong_out, good, good)
    for count in (0, 2, 4):
        with pytest.raises(TypeError, match="No matching definition"):
            add(*[good.copy()] * count)
    out = np.empty_like(good)
    add(out, good.astype(np.ulonglong), good)  # C's other name of the same type
    assert (out == 2 * good).all()


def test_entry__takes_arrays_that_are_not_aligned(load: Load) -> None:
    module = load()
    good = np.arange(6, dtype=np.uint64)
    module.add(good.copy(), good, good)
    unaligned = np.zeros(49, dtype=np.uint8)[1:].view(np.uint64)
    assert not unaligned.flags.aligned
    unaligned[:] = good
    out = np.empty_like(good)
    entry_of(module.add, "add")(out, unaligned, good)
    assert (out == 2 * good).all()


def test_entry__tells_integers_apart_where_it_is_strict(load: Load) -> None:
    module = load()
    module.is_even(4)
    strict = entry_of(module.is_even, "is_even")
    assert strict(np.int64(6)) is True
    for wrong in (np.uint64(6), 6.0, np.float64(6), "6", None):
        with pytest.raises(TypeError):
            strict(wrong)
    with pytest.raises(OverflowError):
        strict(1 << 64)


def test_entry__takes_any_integer_that_fits_where_types_are_fixed(load: Load) -> None:
    module = load()
    module.is_even(4)
    entry = entry_of(module.is_even, "is_even", strict=False)
    assert entry(np.uint64(6)) is True
    assert entry(np.int32(7)) is False
    with pytest.raises(OverflowError):
        entry(np.uint64(1 << 63))
    with pytest.raises(TypeError):
        entry(6.0)


def test_entry__refuses_tuples_of_other_items(load: Load) -> None:
    module = load()
    good = np.array([1.5, -2.0])
    module.weighed(module.Pair(good, 3), 0.25)
    weighed = entry_of(module.weighed, "weighed")
    assert weighed((good, 3), 0.25) == -0.375
    for wrong in ((good,), (good, 3, 3), (3, good), (good, 3.0), good, 3):
        with pytest.raises(TypeError):
            weighed(wrong, 0.25)
    for wrong_factor in (1, "1", None):
        with pytest.raises(TypeError):
            weighed((good, 3), wrong_factor)


@pytest.mark.parametrize("name", ["copied", "scratched"])
def test_entry__kernels_that_allocate_have_none(load: Load, name: str) -> None:
    module = load()
    compiled = getattr(module, name)
    compiled(np.ones(8, dtype=np.uint64))
    keep_machine_code(compiled, "toolbox.kernels", name)
    assert kept_kernels("toolbox.kernels", name) == []


def test_entry__unknown_types_are_named(load: Load) -> None:
    module = load()
    module.is_even(np.int32(4))
    (compiled,) = module.is_even.overloads.values()
    assert compiled.signature.args == (types.int32,)
    with pytest.raises(UnknownTypeError, match="int32"):
        entry_object(compiled, strict=True)

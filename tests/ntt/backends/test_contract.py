"""Every backend defines what the contract states, and is called as the contract states."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

import ntt
from ntt import jit
from ntt.backends import select
from ntt.backends.contract import KERNELS, Backend, Kernels, argument_types
from ntt.limbs import LimbOps
from tests.ntt.operations import calls

CONSTANTS = {"WORD_BITS", "MAX_MODULUS_BITS", "MIN_RING_DEGREE", "PRODUCT_RADIX"}
N = 128


def filled(*shape: int) -> np.ndarray:
    return np.ones(shape, dtype=np.uint64)


def frozen(*shape: int) -> np.ndarray:
    array = filled(*shape)
    array.setflags(write=False)
    return array


def ops_of(backend: Backend) -> LimbOps:
    tables = ntt.NTTTables(N, ntt.find_primes(30, N, 3))
    return LimbOps(tables, tables.all_rows, backend)


@pytest.mark.parametrize("name", ntt.available_backends())
def test_backend__defines_the_contract_and_nothing_else(name: str) -> None:
    module = select.source_module(name)
    assert set(module.__all__) == {*KERNELS, *CONSTANTS, "allocate"}
    assert all(isinstance(getattr(module, constant), int) for constant in CONSTANTS)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ntt.available_backends())
def test_kernel__takes_the_arguments_of_the_contract(name: str, kernel: str) -> None:
    ours = inspect.signature(getattr(select.source_module(name), kernel).py_func)
    stated = inspect.signature(getattr(Kernels, kernel))
    assert list(ours.parameters) == list(stated.parameters)
    assert len(argument_types(kernel)) == len(stated.parameters)


def test_allocate__gives_writable_contiguous_words(backend: Backend) -> None:
    for shape in ((3,), (2, 3, N), (4, 1 << 18)):
        array = backend.allocate(shape)
        assert array.shape == shape
        assert array.dtype == np.uint64
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_limb_ops__have_an_operation_for_each_kernel(backend: Backend) -> None:
    assert set(calls(ops_of(backend), filled, filled)) == set(KERNELS)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("read", [filled, frozen])
def test_kernel__takes_what_it_is_called_with(
    backend: Backend, kernel: str, read: Callable[..., np.ndarray]
) -> None:
    """Read-only inputs, and outputs of which only the rows are contiguous, too."""
    calls(ops_of(backend), read, filled)[kernel]()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ntt.available_backends())
def test_kernel__is_compiled_for_the_contract_alone(name: str, kernel: str) -> None:
    compiled = getattr(select.source_module(name), kernel)
    jit.fix_types(compiled, argument_types(kernel))
    # Other kernels may have compiled it for what they call it with.
    assert argument_types(kernel) in compiled.overloads
    with pytest.raises(RuntimeError, match="compilation disabled"):
        compiled.compile(argument_types(kernel)[:-1])


def test_kernel__arrays_of_another_type_are_refused(backend: Backend) -> None:
    ops = ops_of(backend)
    good, rows = filled(3, N), ops.rows
    tables = ops.tables.for_word(backend.WORD_BITS)
    strided = filled(3, 2 * N)[:, ::2]
    for wrong in (good.astype(np.int64), good.astype(np.float64), strided, good[0]):
        with pytest.raises(TypeError, match="No matching definition"):
            backend.add(good, wrong, good, rows, tables, 0, 3)
    with pytest.raises(TypeError, match="No matching definition"):
        backend.add(frozen(3, N), good, good, rows, tables, 0, 3)
